<?php
// Release 1.19 can encrypt by AES-GCM, but for the public key of a service provider it always chooses AES-128-CBC; release 2
// changed its defaults to GCM. This makes that choice in its own class as it is loaded, and changes nothing else.
spl_autoload_register(function (string $class): void {
    if ($class !== 'SAML2\EncryptedAssertion') {
        return;
    }
    $code = file_get_contents(dirname((new ReflectionClass('SAML2\Assertion'))->getFileName()) . '/EncryptedAssertion.php');
    $chosen = 'new XMLSecurityKey(XMLSecurityKey::AES128_CBC)';
    $code = str_replace($chosen, 'new XMLSecurityKey(XMLSecurityKey::AES256_GCM)', $code, $count);
    if ($count !== 1) {
        throw new LogicException('This SimpleSAMLphp chooses its algorithm elsewhere.');
    }
    $copy = getenv('IDP_STATE') . '/EncryptedAssertion.php';
    file_put_contents($copy, $code);
    require $copy;
}, true, true);
