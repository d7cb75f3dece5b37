<?php
// SimpleSAMLphp as an identity provider of its own, on PHP's built-in server. Whoever starts it says in the environment:
//
//   IDP_ORIGIN       where it is reached: http://localhost:PORT
//   IDP_STATE        an empty folder of its own that holds idp.key and idp.crt
//   SP_METADATA_URL  where Postern publishes its service provider metadata
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
    // The administrator gave it the address of Postern's metadata, and it reads everything about Postern from there.
    'metadata.sources' => [['type' => 'flatfile'], ['type' => 'xml', 'url' => getenv('SP_METADATA_URL')]],
];
