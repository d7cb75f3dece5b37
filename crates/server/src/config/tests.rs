//! Whole configurations, as operators write them.

use postern_store::StoreUrl;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn load(toml: &str, pairs: &[(&str, &str)]) -> Result<Config, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("postern.toml");
    std::fs::write(&file, toml).unwrap();
    Config::load(&Sources { file: Some(file), variables: variables(pairs), ..Sources::default() })
}

/// What is said about a configuration that is refused.
fn refusal(toml: &str, pairs: &[(&str, &str)]) -> String {
    load(toml, pairs).err().map(|problems| problems.to_string()).expect("the configuration has to be refused")
}

#[test]
fn nothing_needs_to_be_configured() {
    let config = Config::of_toml("").unwrap();
    assert_eq!(config.public_url.as_str(), "http://localhost:5225");
    assert_eq!(config.listen, "127.0.0.1:5225".parse().unwrap());
    assert_eq!(config.operations.listen, "127.0.0.1:9225".parse().unwrap());
    assert_eq!(config.saml.entity_id, "http://localhost:5225");
    assert_eq!(config.saml.clock_skew.as_secs(), 180);
    assert_eq!(config.oauth.code_lifetime.as_secs(), 60);
    assert_eq!(config.oauth.access_token_lifetime.as_secs(), 300);
    assert_eq!(config.oauth.login_lifetime.as_secs(), 600);
    assert_eq!(config.fetch.timeout.as_secs(), 5);
    assert!(config.admin.listen.is_none() && config.admin.api_keys.is_empty() && config.root_keys.is_none());
    assert!(config.oauth.client_secret_verifier.is_none() && config.fetch.allow_networks.is_empty());
    assert!(matches!(config.store.url, StoreUrl::Redb(path) if path == Path::new("postern.redb")));
}

#[test]
fn the_environment_beats_the_file_which_beats_the_defaults() {
    let file = "public_url = 'https://file.example.com'\n[oauth]\ncode_seconds = 30\nlogin_seconds = 100\n";
    let config =
        load(file, &[("POSTERN_OAUTH__CODE_SECONDS", "10"), ("PATH", "/bin"), ("POSTERN_LISTEN", "")]).unwrap();
    assert_eq!(config.public_url.as_str(), "https://file.example.com");
    assert_eq!((config.oauth.code_lifetime.as_secs(), config.oauth.login_lifetime.as_secs()), (10, 100));
    assert_eq!(config.listen.port(), 5225);
}

#[test]
fn what_the_program_insists_on_beats_everything() {
    let sources = Sources {
        variables: variables(&[("POSTERN_LISTEN", "127.0.0.1:1111")]),
        insisted: "listen = '127.0.0.1:2222'\noauth.client_secret_verifier = 'dummy'".into(),
        demo: true,
        ..Sources::default()
    };
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.listen.port(), 2222);
    assert!(config.oauth.client_secret_verifier.unwrap().matches("dummy"));
}

#[test]
fn lists_in_the_environment_are_written_with_commas_or_as_arrays() {
    for networks in ["10.0.0.0/8, fd00::/8", r#"["10.0.0.0/8", "fd00::/8"]"#, "['10.0.0.0/8', 'fd00::/8']"] {
        let config = load("", &[("POSTERN_FETCH__ALLOW_NETWORKS", networks)]).unwrap();
        assert_eq!(config.fetch.allow_networks.len(), 2, "{networks}");
    }
    for keys in [
        r#"["12345678901234567890", {"key": "abcdefghijklmnopqrstu", "product": "crm", "read_only": true}]"#,
        r#"["12345678901234567890", {key = "abcdefghijklmnopqrstu", product = "crm", read_only = true}]"#,
    ] {
        let keys = load("", &[("POSTERN_ADMIN__API_KEYS", keys)]).unwrap().admin.api_keys;
        assert!(keys[0].hash.matches("12345678901234567890") && keys[0].product.is_none() && !keys[0].read_only);
        assert_eq!((keys[1].product.as_deref(), keys[1].read_only), (Some("crm"), true));
    }
}

#[test]
fn a_secret_of_digits_is_not_taken_for_a_number() {
    let config = load("", &[("POSTERN_OAUTH__CLIENT_SECRET_VERIFIER", "00001234567890123456")]).unwrap();
    assert!(config.oauth.client_secret_verifier.unwrap().matches("00001234567890123456"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let file = "
        public_url = 'http://sso.example.com'
        listen = 'localhost:5225'
        colour = 'green'
        saml.clock_skew_seconds = 301
        oauth.code_seconds = 61
        oauth.access_token_seconds = 3601
        oauth.client_secret_verifier = 'dummy'
        store = 'redis://localhost'
        fetch.allow_networks = ['10.0.0.0/8', 'intranet']
        fetch.timeout_seconds = 'soon'
        log.filter = 'postern=loud'
        log.format = 'xml'
        admin.api_keys = ['too-short']
        ";
    let told = refusal(file, &[("POSTERN_OAUTH__LOGIN_SECONDS", "59"), ("POSTERN_CODE_SECONDS", "1")]);
    for line in [
        "public_url (FILE) is plain http",
        "listen (FILE) is 'localhost:5225', which is not an IP address with a port",
        "colour (FILE) is not a setting. Remove it",
        "saml.clock_skew_seconds (FILE) is 301. Write 0 to 300 (seconds).",
        "oauth.code_seconds (FILE) is 61. Write 1 to 60 (seconds).",
        "oauth.access_token_seconds (FILE) is 3601. Write 1 to 3600 (seconds).",
        "oauth.client_secret_verifier (FILE) is shorter than 16 characters",
        "store (FILE) is not a section. Write [store] on a line of its own",
        "fetch.allow_networks (FILE) has 'intranet', which is not a network",
        "fetch.timeout_seconds (FILE) is not a whole number",
        "log.filter (FILE) is 'postern=loud'",
        "log.format (FILE) is 'xml'. Write human or json.",
        "admin.api_keys (FILE) has a key, number 1, that is too short",
        "oauth.login_seconds (POSTERN_OAUTH__LOGIN_SECONDS) is 59. Write 60 to 3600 (seconds).",
        "POSTERN_CODE_SECONDS is not a setting. Write oauth.code_seconds (in the environment POSTERN_OAUTH__CODE_SECONDS).",
    ] {
        let (start, end) = line.split_once("FILE").unwrap_or((line, ""));
        let found = told.lines().any(|told| told.contains(start) && told.contains(end));
        assert!(found, "'{line}' is missing in:\n{told}");
    }
    assert_eq!(told.lines().count(), 1 + 15, "{told}");
}

#[test]
fn a_name_server_is_an_address_and_domains_are_unique_in_one_of_two_ways() {
    let server = |text: &str| load("", &[("POSTERN_DOMAINS__DNS_SERVER", text)]).unwrap().domains.dns_server;
    assert_eq!(server("10.0.0.10"), Some(([10, 0, 0, 10], 53).into()));
    assert_eq!(server("10.0.0.10:5353"), Some(([10, 0, 0, 10], 5353).into()));
    assert_eq!(server("fd00::10"), server("[fd00::10]:53"));
    assert_eq!(load("", &[]).unwrap().domains.dns_server, None);
    let told = refusal(
        "domains.unique = 'world'\ndomains.dns_server = 'dns.example.com'\ndomains.grace_seconds = 7776001",
        &[],
    );
    for (setting, fault) in
        [("unique", "is 'world'"), ("dns_server", "is 'dns.example.com'"), ("grace_seconds", "is 7776001")]
    {
        let found = told.lines().any(|line| line.contains(&format!("domains.{setting} ")) && line.contains(fault));
        assert!(found, "{setting} is missing in:\n{told}");
    }
}

#[test]
fn no_secret_is_told_to_whoever_reads_the_problems() {
    let cases: [(&str, &[(&str, &str)]); 7] = [
        ("oauth.client_secret_verifier = ['hunter2-hunter2-hunter2']", &[]),
        ("oauth.client_secret_verifier = 'hunter2'", &[]),
        ("oauth.client_secret_verifier = 'hunter2-hunter2-hunter2", &[]),
        ("admin.api_keys = [{ key = 'hunter2-hunter2-hunter2', colour = 1 }]", &[]),
        ("admin.api_keys = ['hunter2']", &[]),
        ("", &[("POSTERN_STORE__URL", "https://hunter2@localhost")]),
        ("", &[("POSTERN_FETCH__PROXY", "socks5://user:hunter2@localhost")]),
    ];
    for (file, pairs) in cases {
        let told = refusal(file, pairs);
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_problem_of_toml_names_its_line() {
    let told = refusal("listen = '127.0.0.1:1'\n\n[oauth\ncode_seconds = 1\n", &[]);
    assert!(told.contains("line 3: "), "{told}");
}

#[test]
fn a_named_file_has_to_exist() {
    let missing = Sources { file: Some("does/not/exist.toml".into()), ..Sources::default() };
    assert!(Config::load(&missing).err().unwrap().to_string().contains("does/not/exist.toml cannot be read"));
}

#[test]
fn secrets_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let toml = format!(
        "[seal]\nkeys_file = '{}'\n[admin]\napi_keys_file = '{}'\n[store]\nurl_file = '{}'\n[oauth]\nclient_secret_verifier_file = '{}'\n[fetch]\nproxy_file = '{}'\n",
        file(
            "root",
            "2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
        ),
        file("api", "first-key-of-the-api\r\n\r\nsecond-key-of-the-api\r\n"),
        file("store", "rediss://user:pass@redis.example.com:6380/1\n"),
        file("verifier", " sixteen letters \n"),
        file("proxy", "http://user:pass@proxy.example.com:3128"),
    );
    let config = load(&toml, &[]).unwrap();
    assert_eq!(config.root_keys.unwrap().numbers(), [2, 1]);
    assert!(config.admin.api_keys[1].hash.matches("second-key-of-the-api"));
    assert!(matches!(config.store.url, StoreUrl::Redis(_)));
    assert!(config.oauth.client_secret_verifier.unwrap().matches(" sixteen letters "));
    assert_eq!(config.fetch.proxy.as_deref(), Some("http://user:pass@proxy.example.com:3128"));

    let told =
        refusal(&toml, &[("POSTERN_STORE__URL", "redis://localhost"), ("POSTERN_ADMIN__API_KEYS_FILE", "nowhere")]);
    assert!(told.contains("store.url (POSTERN_STORE__URL) is given twice: here and by store.url_file"), "{told}");
    assert!(
        told.contains("admin.api_keys_file (POSTERN_ADMIN__API_KEYS_FILE) names nowhere, which cannot be read"),
        "{told}"
    );
    assert!(refusal(&format!("store.url_file = '{}'", file("empty", "\n")), &[]).contains("names an empty file"));
}

#[test]
fn redis_may_be_several_servers() {
    let toml = "[seal]\nkeys = ['1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']\n[store]\n\
        url = 'rediss+sentinel://a.example.com,b.example.com/main'\nsentinel_user = 'postern'\nsentinel_password = '1234'\n\
        client_cert_file = 'c.pem'\nclient_key_file = 'k.pem'\n";
    let store = load(toml, &[]).unwrap().store;
    assert_eq!(store.url.to_string(), "rediss+sentinel://a.example.com:26379,b.example.com:26379/main/0");
    let login = store.redis.sentinel_login.unwrap();
    assert_eq!((login.user.as_deref(), login.password.expose()), (Some("postern"), "1234"));
    assert_eq!(store.redis.client_certificate.unwrap().key.to_str(), Some("k.pem"));

    assert!(refusal("store.client_cert_file = 'c.pem'", &[]).contains("store.client_key_file is missing"));
    assert!(refusal("store.wait_replicas = 10", &[]).contains("is 10. Write 0 to 9."));
    assert!(refusal("store.failover = 'sometimes'", &[]).contains("Write strict or available."));
    assert!(refusal("store.client_key_file = 'k.pem'", &[]).contains("store.client_cert_file is missing"));
    assert!(refusal("store.url = 'redis+sentinel://a.example.com'", &[]).contains("HOST:PORT/SERVICE"));
}

#[test]
fn redis_needs_root_keys() {
    assert!(refusal("store.url = 'redis://localhost'", &[]).contains("seal.keys is missing"));
    let told = refusal("seal.keys = ['1:c2VzYW1l']", &[]);
    assert!(told.contains("cannot be used: root key 1: the key has 6 bytes and needs 32"), "{told}");
}

#[test]
fn root_keys_come_from_a_command_and_what_it_says_of_them_is_not_repeated() {
    let key = "7:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let redis = "store.url = 'redis://localhost'";
    let config = load(&format!("{redis}\nseal.keys_command = ['printf', '%s\\n', '{key}']"), &[]).unwrap();
    assert_eq!(config.root_keys.unwrap().numbers(), [7]);
    let pairs = [("POSTERN_STORE__URL", "redis://localhost"), ("POSTERN_SEAL__KEYS_COMMAND", r#"["echo", "sesame"]"#)];
    let told = refusal("", &pairs);
    assert!(told.contains("root key 1: write it as number:base64") && !told.contains("sesame"), "{told}");
    assert!(refusal(&format!("{redis}\nseal.keys_command = ['true']"), &[]).contains("prints nothing"));
    assert!(refusal(&format!("{redis}\nseal.keys_command = ['false']"), &[]).contains("failed"));
    let both = format!("seal.keys = ['{key}']\nseal.keys_command = ['true']");
    assert!(refusal(&both, &[]).contains("is given beside seal.keys"));
}

#[test]
fn listeners_keep_apart() {
    assert!(refusal("listen = '0.0.0.0:9225'", &[]).contains("operations.listen is 127.0.0.1:9225"));
    assert!(refusal("admin.listen = '127.0.0.1:5225'", &[]).contains("admin.listen"));
    assert!(load("listen = '127.0.0.1:0'\noperations.listen = '127.0.0.1:0'", &[]).is_ok());
}

#[test]
fn certificate_files_are_read_and_tried() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "not a certificate").unwrap();
    let told = refusal(&format!("fetch.ca_files = ['{}', 'nowhere.pem']", path.display()), &[]);
    assert!(
        told.contains("holds no usable certificate") && told.contains("nowhere.pem, which cannot be read"),
        "{told}"
    );
}

#[test]
fn every_default_is_of_its_own_shape() {
    for setting in SECTIONS.iter().flat_map(|section| section.settings) {
        assert!(!setting.doc.is_empty(), "{} is not explained", setting.key);
        assert!(setting.default.is_none_or(|text| setting.shape.parse(text).is_some()), "{}", setting.key);
    }
}

#[test]
fn what_metadata_cannot_show_is_refused() {
    let wrong = "[saml]\ndisplay_name = \" \"\nlogo_url = \"http://app.example.com/logo.png\"\nlogo_width = 0\n\
        information_url = \"/about\"\nprivacy_url = \"javascript:alert(1)\"\ncontact_email = \"mailto:a@example.com\"\n";
    let text = refusal(wrong, &[]);
    for key in ["display_name", "logo_url", "logo_width", "information_url", "privacy_url", "contact_email"] {
        assert!(text.contains(&format!("saml.{key} ")), "{key} in {text}");
    }
    assert!(refusal("saml.contact_name = \"Operations\"", &[]).contains("saml.contact_email"));
    let right = "saml.logo_url = \"data:image/png;base64,iVBORw0KGgo=\"\nsaml.contact_email = \"a@example.com\"";
    let config = load(right, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(config.saml.appearance.presentation().logo.is_some());
}

const EU: &str = "[regions.eu]\npublic_url = 'https://sso-eu.example.com/'\n";

#[test]
fn regions_are_written_as_tables_or_in_the_environment() {
    let home = "public_url = 'https://sso.example.com'\n";
    let names = |config: &Config| config.regions.names().map(str::to_owned).collect::<Vec<_>>();
    let config = load(&format!("{home}{EU}"), &[]).unwrap();
    assert_eq!(names(&config), ["eu"]);
    let eu = config.regions.named(Some("eu")).unwrap();
    assert_eq!(
        (eu.entity_id(), eu.acs_url().as_str()),
        ("https://sso-eu.example.com", "https://sso-eu.example.com/api/oauth/saml")
    );
    assert_eq!(config.regions.home().entity_id(), "https://sso.example.com");
    for variables in [
        &[
            ("POSTERN_REGIONS__US__PUBLIC_URL", "https://sso-us.example.com"),
            ("POSTERN_REGIONS__US__ENTITY_ID", "urn:us"),
        ][..],
        &[("POSTERN_REGIONS", "{ us = { public_url = 'https://sso-us.example.com', entity_id = 'urn:us' } }")],
        &[("POSTERN_REGIONS", r#"{"us": {"public_url": "https://sso-us.example.com", "entity_id": "urn:us"}}"#)],
    ] {
        let config = load(&format!("{home}{EU}"), variables).unwrap();
        assert_eq!(names(&config), ["eu", "us"], "{variables:?}");
        assert_eq!(config.regions.named(Some("us")).unwrap().entity_id(), "urn:us");
    }
    let config = load(&format!("{home}{EU}"), &[("POSTERN_REGIONS__EU__ENTITY_ID", "urn:eu")]).unwrap();
    assert_eq!(config.regions.named(Some("eu")).unwrap().entity_id(), "urn:eu", "the environment adds to the file");
}

#[test]
fn what_is_wrong_with_a_region_is_named() {
    for (regions, place, fault) in [
        ("[regions.eu]\n", "regions.eu.public_url", "is missing"),
        ("[regions.eu]\npublic_url = 'http://eu.example.com'\n", "regions.eu.public_url", "plain http"),
        ("[regions.eu]\npublic_url = 'https://sso.example.com/'\n", "regions.eu.public_url", "taken already"),
        (
            "[regions.eu]\npublic_url = 'https://x.example.com'\n[regions.us]\npublic_url = 'https://x.example.com'\n",
            "regions.us.public_url",
            "taken already",
        ),
        (
            "[regions.eu]\npublic_url = 'https://x.example.com'\nentity_id = 'no uri'\n",
            "regions.eu.entity_id",
            "is not a URI",
        ),
        (
            "[regions.eu]\npublic_url = 'https://x.example.com'\nacs_url = 'https://y.example.com'\n",
            "regions.eu.acs_url",
            "is not a setting",
        ),
        ("[regions.EU_1]\npublic_url = 'https://x.example.com'\n", "regions.EU_1", "does not fit into an address"),
        ("regions = 'eu'\n", "regions", "is not a table for each name"),
        ("[regions]\neu = 'https://x.example.com'\n", "regions", "is not a table for each name"),
    ] {
        let home = if regions.starts_with("regions =") { "" } else { "public_url = 'https://sso.example.com'\n" };
        let refusal = refusal(&format!("{home}{regions}"), &[]);
        assert!(refusal.contains(place) && refusal.contains(fault), "{regions}: {refusal}");
    }
}
