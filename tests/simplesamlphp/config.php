<?php
// SimpleSAMLphp as an identity provider of its own, on PHP's built-in server. Whoever starts it says in the environment:
//
//   IDP_ORIGIN                where it is reached: http://localhost:PORT
//   IDP_STATE                 an empty folder of its own that holds idp.key and idp.crt
//   SP_METADATA_URL           where Postern publishes its service provider metadata
//   ENCRYPTION                aes128-cbc or aes256-gcm: assertions are encrypted so; empty: they are not
//   SIGNS_RESPONSE            yes: the response is signed, beside the assertion in it
//   DEMANDS_SIGNED_REQUESTS   yes: a request that is not signed by a key of the metadata is refused
//   SIGNS_LOGOUT              yes: the same for logout messages, and those that it sends are signed
//
// The administrator gave it the address of Postern's metadata, and it reads everything about Postern from there; or saved a
// copy of it as sp.xml in IDP_STATE.
if (getenv('ENCRYPTION') === 'aes256-gcm') {
    require_once __DIR__ . '/aes256-gcm.php';
}
$copy = getenv('IDP_STATE') . '/sp.xml';
$config = [
    'baseurlpath' => getenv('IDP_ORIGIN') . '/',
    'metadatadir' => __DIR__ . '/metadata',
    'certdir' => getenv('IDP_STATE') . '/',
    'datadir' => getenv('IDP_STATE') . '/',
    'tempdir' => getenv('IDP_STATE') . '/',
    'loggingdir' => getenv('IDP_STATE') . '/',
    'logging.handler' => 'errorlog',
    'logging.level' => SimpleSAML\Logger::NOTICE,
    'secretsalt' => 'of this test alone',
    'timezone' => 'UTC',
    'showerrors' => true,
    'admin.checkforupdates' => false,
    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'saml' => true, 'exampleauth' => true],
    'store.type' => 'phpsession',
    'session.phpsession.savepath' => getenv('IDP_STATE'),
    'session.phpsession.cookiename' => 'SimpleSAML',
    'session.cookie.secure' => false, // plain http, on loopback
    'language.cookie.secure' => false,
    'metadata.sources' => [
        ['type' => 'flatfile'],
        ['type' => 'xml'] + (is_file($copy) ? ['file' => $copy] : ['url' => getenv('SP_METADATA_URL')]),
    ],
];
