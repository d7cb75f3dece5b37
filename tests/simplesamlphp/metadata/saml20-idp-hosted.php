<?php
// The usual set-up of an enterprise directory: a persistent NameID and attributes named by claim URIs.
$metadata[getenv('IDP_ORIGIN') . '/'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.crt',
    'auth' => 'people',
    'assertion.encryption' => getenv('ENCRYPTION') !== '',
    'saml20.sign.response' => getenv('SIGNS_RESPONSE') === 'yes',
    'validate.authnrequest' => getenv('DEMANDS_SIGNED_REQUESTS') === 'yes',
    'validate.logout' => getenv('SIGNS_LOGOUT') === 'yes',
    'sign.logout' => getenv('SIGNS_LOGOUT') === 'yes',
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri',
    'authproc' => [
        10 => [
            'class' => 'saml:AttributeNameID',
            'attribute' => 'uid',
            'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        ],
        20 => [
            'class' => 'core:AttributeMap',
            'mail' => 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
            'givenName' => 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname',
            'sn' => 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname',
            'memberOf' => 'http://schemas.xmlsoap.org/claims/Group',
        ],
    ],
];
