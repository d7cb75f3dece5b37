<?php
// Who may sign in: name:password => attributes, as an LDAP directory would hold them.
$config = [
    'people' => [
        'exampleauth:UserPass',
        'alice:wonderland' => [
            'uid' => ['alice'],
            'mail' => ['alice@acme.example.com'],
            'givenName' => ['Alice'],
            'sn' => ['Liddell'],
            'memberOf' => ['engineering', 'on-call'],
        ],
    ],
];
