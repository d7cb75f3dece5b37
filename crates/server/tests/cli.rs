//! The command line, as a person at a terminal uses it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use postern::system::{SystemClock, SystemRandom};
use postern_core::ports::{Op, Place, Seal as _, Timestamp};
use postern_lab::attack::{CLASSES, GENUINE, Scene, ToldBy};
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_lab::response::{ACS, AUDIENCE, IDP, Response, base64};
use postern_store::{KeyRing, RedisOptions, RootKey, RootKeys, StoreUrl};
use serde_json::{Value, json};

const NOW: &str = "2026-05-01T12:00:00Z";

/// A folder with an IdP's metadata and its responses.
struct World {
    folder: tempfile::TempDir,
    key: Key,
}

impl World {
    fn new() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), Key::generate().unwrap());
        std::fs::write(folder.path().join("idp.xml"), metadata(IDP, "https://idp.example.com/sso", &key)).unwrap();
        Self { folder, key }
    }

    fn keep(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn postern(&self, arguments: &[&str], input: &str) -> Output {
        postern(self.folder.path(), arguments, &[], input)
    }

    /// Judges a file of the folder, with the usual arguments and these.
    fn verify(&self, file: &str, more: &[&str]) -> (i32, Value) {
        let usual = ["verify", "--idp-metadata", "idp.xml", "--sp-entity-id", AUDIENCE, "--acs-url", ACS, "--now", NOW];
        let done = self.postern(&[&usual[..], more, &[file]].concat(), "");
        (done.status.code().unwrap(), serde_json::from_slice(&done.stdout).unwrap_or_default())
    }
}

/// Runs the program in a folder, with these variables and no others of ours.
fn postern(folder: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn answer() -> Response {
    Response::at(NOW.parse::<Timestamp>().unwrap()).answering("_request")
}

#[test]
fn a_response_is_accepted_as_xml_and_as_it_was_posted() {
    let world = World::new();
    let xml = answer().signed_assertion(&world.key);
    world.keep("response.xml", &xml);
    world.keep("response.base64", base64(&xml) + "\n");
    for file in ["response.xml", "response.base64"] {
        let (status, told) = world.verify(file, &["--request-id", "_request"]);
        assert_eq!((status, &told["result"]), (0, &json!("accept")), "{told}");
        assert_eq!(told["issuer"], IDP);
        assert!(told["name_id"].is_string() && told["attributes"].is_object(), "{told}");
    }
}

#[test]
fn a_refusal_names_its_code() {
    let world = World::new();
    world.keep("response.xml", answer().signed_assertion(&world.key));
    let (status, told) = world.verify("response.xml", &["--request-id", "_another"]);
    assert_eq!((status, &told["code"]), (1, &json!("SamlInResponseToMismatch")));
    assert!(told["hint"].is_string());
    let (status, told) = world.verify("response.xml", &[]);
    assert_eq!((status, &told["code"]), (1, &json!("UnsolicitedNotAllowed")));
    world.keep("forged.xml", answer().signed_assertion(&Key::generate().unwrap()));
    let (status, told) = world.verify("forged.xml", &["--request-id", "_request"]);
    assert_eq!((status, &told["code"]), (1, &json!("SamlSignatureOtherKey")));
    world.keep("noise", "no XML, and no base64 either");
    let (status, told) = world.verify("noise", &["--request-id", "_request"]);
    assert_eq!((status, &told["code"]), (1, &json!("SamlNotBase64")));
}

#[test]
fn what_cannot_be_judged_is_neither_accepted_nor_refused() {
    let world = World::new();
    world.keep("response.xml", answer().signed_assertion(&world.key));
    for more in [&["--allow", "md5"][..], &["--decryption-key", "missing.pem"]] {
        let (status, told) = world.verify("response.xml", more);
        assert_eq!((status, &told["result"]), (2, &json!("error")), "{more:?}");
    }
    assert_eq!(world.verify("missing.xml", &[]).0, 2);
    assert_eq!(world.postern(&["verify", "--idp-metadata", "idp.xml", "response.xml"], "").status.code(), Some(2));
}

#[test]
fn a_batch_answers_line_by_line() {
    let world = World::new();
    world.keep("response.xml", answer().signed_response(&world.key));
    let question = |id: &str, request: &str, allow: &[&str]| {
        json!({ "id": id, "file": "response.xml", "idp_metadata": "idp.xml", "sp_entity_id": AUDIENCE, "acs_url": ACS,
                "request_id": request, "now": NOW, "sp_decryption_keys": [], "allow": allow })
    };
    let ask = |questions: &[Value]| {
        let input: String = questions.iter().map(|question| format!("{question}\n")).collect();
        let done = world.postern(&["verify", "--batch"], &input);
        let lines = String::from_utf8(done.stdout).unwrap();
        let told: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let results = told.iter().map(|told| (told["id"].clone(), told["result"].clone())).collect::<Vec<_>>();
        (done.status.code().unwrap(), results)
    };
    let (good, bad) = (question("good", "_request", &[]), question("bad", "_other", &[]));
    assert_eq!(ask(std::slice::from_ref(&good)), (0, vec![(json!("good"), json!("accept"))]));
    let (status, results) = ask(&[bad.clone(), good.clone()]);
    assert_eq!(results, [(json!("bad"), json!("reject")), (json!("good"), json!("accept"))]);
    assert_eq!(status, 1);
    let (status, results) = ask(&[question("loose", "_request", &["md5"]), json!({ "id": "no" }), good]);
    assert_eq!(status, 2);
    assert_eq!(results[..2], [(json!("loose"), json!("error")), (json!("no"), json!("error"))]);
    assert_eq!(results[2].1, json!("accept"));
}

#[test]
fn every_attack_is_refused_and_everything_genuine_accepted() {
    let (world, other_key, ours) = (World::new(), Key::generate().unwrap(), Key::generate().unwrap());
    world.keep("ours.pem", ours.to_pem());
    let encrypt_to = ours.public_key_info();
    let earlier = Response { assertion_id: "_earlier".into(), ..answer().answering("_earlier-request") };
    let foreign = answer().sent_by("https://idp.globex.example.com").signed_assertion(&other_key);
    let scene = Scene {
        idp: IDP,
        key: &world.key,
        other_key: &other_key,
        sp: AUDIENCE,
        acs: ACS,
        request_id: "_request",
        now: NOW.parse().unwrap(),
        encrypt_to: &encrypt_to,
        earlier: &earlier,
        foreign: &foreign,
    };
    // What is told by its form alone is a genuine response in a file; what is told by memory is accepted, for there is none.
    let attacks = CLASSES.iter().flat_map(|class| class.attacks).filter(|attack| attack.told_by != ToldBy::Form);
    let attacks = attacks.map(|attack| {
        let expected = if attack.told_by == ToldBy::Memory { &[][..] } else { attack.expected };
        (attack.name, attack.field(&scene), expected)
    });
    let genuine = GENUINE.iter().map(|genuine| (genuine.name, genuine.field(&scene), &[][..]));
    let responses: Vec<_> = attacks.chain(genuine).collect();
    let mut wrong = Vec::new();
    // As many as fit into a pipe: the program answers while it still reads.
    for some in responses.chunks(100) {
        let mut questions = String::new();
        for (name, field, _) in some {
            world.keep(name, field);
            let question = json!({ "id": name, "file": name, "idp_metadata": "idp.xml", "sp_entity_id": AUDIENCE,
                "acs_url": ACS, "request_id": "_request", "now": NOW, "sp_decryption_keys": ["ours.pem"] });
            questions += &format!("{question}\n");
        }
        let told = String::from_utf8(world.postern(&["verify", "--batch"], &questions).stdout).unwrap();
        assert_eq!(told.lines().count(), some.len());
        for ((name, _, expected), line) in some.iter().zip(told.lines()) {
            let told: Value = serde_json::from_str(line).unwrap();
            assert_eq!(told["id"], json!(name));
            let right = match expected {
                [] => told["result"] == "accept" && told["name_id"] == "u-1001",
                codes => codes.iter().any(|code| told["code"] == code.name()),
            };
            if !right {
                wrong.push(format!("{name}: {told}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn generated_keys_are_keys_that_the_configuration_takes() {
    let world = World::new();
    let [one, two] = ["1", "2"].map(|number| {
        let done = world.postern(&["keys", "generate", "--number", number], "");
        assert!(done.status.success());
        String::from_utf8(done.stdout).unwrap()
    });
    assert!(one.starts_with("1:") && two.starts_with("2:") && one[2..] != two[2..]);
    world.keep("keys", two + &one);
    let variables = [("POSTERN_SEAL__KEYS_FILE", "keys"), ("POSTERN_STORE__URL", "memory:")];
    let done = postern(world.folder.path(), &["doctor"], &variables, "");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn the_doctor_looks_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let done = postern(folder.path(), &["doctor"], &[], "");
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{told}");
    assert!(told.contains("ok       store: postern.redb does not exist yet"), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let done = postern(folder.path(), &["doctor"], &[("POSTERN_STORE__URL", "memory:")], "");
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(told.contains("ok       store: memory: answers") && told.contains("ok       key ring"), "{told}");
}

#[test]
fn the_doctor_tells_whether_the_key_ring_opens_and_seals_nothing_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("postern.redb");
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let [own, other, newer] = [1, 1, 2].map(|number| RootKey::generate(number, &*random).to_text());
    let doctor = |keys: &str| {
        let done = postern(folder.path(), &["doctor"], &[("POSTERN_SEAL__KEYS", keys)], "");
        (done.status.success(), String::from_utf8(done.stdout).unwrap())
    };
    actix_web::rt::System::new().block_on(async {
        let url = StoreUrl::Redb(file.clone());
        let store = postern_store::open(&url, clock, &RedisOptions::default()).await.unwrap();
        let roots = RootKeys::parse(&[own.expose()]).unwrap();
        KeyRing::load_or_create(&*store, &roots, random).await.unwrap();
        let (_, told) = doctor(own.expose());
        assert!(told.contains("ok       store") && told.contains("so it was not tried"), "{told}");
    });
    let (fine, told) = doctor(own.expose());
    assert!(fine && told.contains("ok       key ring: opens; root keys configured: [1]"), "{told}");
    let (fine, told) = doctor(other.expose());
    assert!(!fine && told.contains("problem  key ring: root key 1 does not open the key ring"), "{told}");
    assert!(doctor(&format!("{},{}", newer.expose(), own.expose())).0);
    assert!(doctor(own.expose()).0, "the ring is still sealed with the key that made it");
    let made = |ending: &str| folder.path().join(format!("postern.redb{ending}")).exists();
    assert!(!made(".keys") && !made(".api-key"));
}

#[test]
fn the_doctor_names_all_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let variables = [("POSTERN_PUBLIC_URL", "http://sso.example.com"), ("POSTERN_OAUTH__CODE_SECONDS", "61")];
    let done = postern(folder.path(), &["doctor"], &variables, "");
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(String::from_utf8(done.stdout).unwrap().matches("problem  ").count(), 2);

    let url = format!("redis://user:hunter2@{closed}");
    let key = "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let variables = [("POSTERN_STORE__URL", &url[..]), ("POSTERN_SEAL__KEYS", key)];
    let done = postern(folder.path(), &["doctor"], &variables, "");
    let told = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(told.contains("problem  admin.api_keys: is empty") && told.contains("problem  store: redis://"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn data_keys_are_changed_in_a_file_and_one_that_is_needed_stays() {
    let folder = tempfile::tempdir().unwrap();
    let root = RootKey::generate(1, &SystemRandom).to_text();
    let keys = |words: &[&str]| {
        let done = postern(folder.path(), &[&["keys"], words].concat(), &[("POSTERN_SEAL__KEYS", root.expose())], "");
        let told = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        (done.status.code().unwrap(), told)
    };
    let (status, told) = keys(&["status"]);
    assert!(status == 2 && told.contains("does not exist yet"), "{told}");

    let url = StoreUrl::Redb(folder.path().join("postern.redb"));
    let opened = async || {
        let store = postern_store::open(&url, Arc::new(SystemClock), &RedisOptions::default()).await.unwrap();
        let roots = RootKeys::parse(&[root.expose()]).unwrap();
        let ring = KeyRing::load_or_create(&*store, &roots, Arc::new(SystemRandom)).await.unwrap();
        (store, ring)
    };
    let system = actix_web::rt::System::new();
    let older = system.block_on(async {
        let (store, ring) = opened().await;
        let place = Place { class: "connection", schema: 1, key: "p1:conn:{name}", bearer: b"" };
        let (key, value) = (place.key.to_owned(), ring.seal(place, b"{}"));
        store.run(vec![Op::Put { key, value, lifetime: None, bound: false }]).await.unwrap();
        ring.data_keys().active.to_string()
    });
    assert!(keys(&["retire", &older]).1.contains("is no data key that only opens"));
    let (status, told) = keys(&["rotate"]);
    assert!(status == 0 && told.contains(&format!("{older} only opens")), "{told}");
    let (status, told) = keys(&["status"]);
    assert!(status == 0 && told.contains("seals") && told.contains(&older), "{told}");
    let (status, told) = keys(&["retire", &older]);
    assert!(status == 1 && told.contains(&format!("data key {older} stays: it still seals 1 connection")), "{told}");
    system.block_on(async {
        let (store, ring) = opened().await;
        assert_eq!(postern_store::reseal(&ring, &*store, async |_| Ok(())).await.unwrap().sealed, 1);
    });
    let (status, told) = keys(&["retire", &older]);
    assert!(status == 0 && told.contains("is retired"), "{told}");
    assert!(!keys(&["status"]).1.contains(&older));
}
