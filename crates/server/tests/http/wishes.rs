//! What a connection has its identity provider asked for (H2, H4, M3), and what the API tells of its certificates (M8).

use actix_web::http::Method;
use postern_lab::metadata::metadata;
use serde_json::{Value, json};

use crate::world::{CALLBACK, IDP, World, authn_request as message};

async fn connect(world: &World, settings: Value) -> crate::world::Answer {
    let mut body = json!({
        "tenant": "acme.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK,
        "rawMetadata": metadata(IDP, "https://idp.example.com/sso", &world.key),
    });
    body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    world.api(Method::POST, "sso", body).await
}

#[actix_web::test]
async fn h2_h4_h19_requests_ask_for_what_the_connection_says() {
    let world = World::new().await;
    let usual = message(&world.authorize(&[]).await);
    assert!(usual.contains("<samlp:NameIDPolicy AllowCreate=\"true\"/>"));
    for absent in ["IsPassive", "ForceAuthn", "RequestedAuthnContext", "Scoping", "ProviderName"] {
        assert!(!usual.contains(absent), "{absent}");
    }
    let wishes = json!({
        "isPassive": true, "identifierFormat": "omitted", "scoping": ["https://behind.example.org/idp"],
        "authnContexts": ["urn:x:strong"], "providerName": "CRM",
    });
    let told = connect(&world, wishes.clone()).await.json();
    for (name, value) in wishes.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
    let asked = message(&world.authorize(&[]).await);
    for present in
        ["IsPassive=\"true\"", "ProviderID=\"https://behind.example.org/idp\"", "urn:x:strong", "ProviderName=\"CRM\""]
    {
        assert!(asked.contains(present), "{present} in {asked}");
    }
    assert!(!asked.contains("NameIDPolicy"));
    // H19: nobody is signed in there, and the app may ask again in another way.
    let login = world.begin(&[]).await;
    let mut response = world.response(&login);
    response.status =
        ["Responder", "NoPassive"].map(|code| format!("urn:oasis:names:tc:SAML:2.0:status:{code}")).into();
    response.has_assertion = false;
    let answer = world.answer(&login, &response.unsigned()).await;
    assert_eq!((answer.sent("error").as_deref(), answer.code().as_str()), (Some("login_required"), "SignInNeeded"));
    // The app asks for a password: then somebody has to be able to ask for it.
    let forced = message(&world.authorize(&[("forceAuthn", "true")]).await);
    assert!(forced.contains("ForceAuthn=\"true\"") && !forced.contains("IsPassive"));

    connect(&world, json!({ "identifierFormat": "urn:x:format", "isPassive": false, "scoping": [] })).await;
    let asked = message(&world.authorize(&[]).await);
    assert!(asked.contains("Format=\"urn:x:format\"") && !asked.contains("Scoping") && !asked.contains("IsPassive"));

    for wrong in [
        json!({ "isPassive": true, "forceAuthn": true }),
        json!({ "isPassive": "perhaps" }),
        json!({ "scoping": [""] }),
        json!({ "scoping": vec!["https://behind.example.org/idp"; 21] }),
    ] {
        assert_eq!(connect(&world, wrong).await.code(), "FieldInvalid");
    }
}

#[actix_web::test]
async fn m3_metadata_of_a_connection_ask_for_a_subject_id_where_it_says_so() {
    let world = World::new().await;
    let published = async |settings: Value| {
        let told = connect(&world, settings).await.json();
        let id = told["id"].as_str().unwrap();
        world.get(&format!("/.well-known/sp-metadata?connection={id}")).await.body
    };
    const REQUIRED: &str = "urn:oasis:names:tc:SAML:profiles:subject-id:req";
    assert!(!published(json!({})).await.contains(REQUIRED));
    assert!(published(json!({ "askForSubjectId": true })).await.contains(REQUIRED));
    assert!(!world.get("/.well-known/sp-metadata").await.body.contains(REQUIRED), "others are not asked");
}

#[actix_web::test]
async fn m8_the_api_tells_of_every_certificate() {
    let world = World::new().await;
    let told = connect(&world, json!({})).await.json();
    let [certificate] = &told["idpMetadata"]["certificates"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!(certificate["validTo"], told["idpMetadata"]["validTo"]);
    assert_eq!(certificate["thumbprint"], told["idpMetadata"]["thumbprint"]);
    assert_eq!(certificate["fingerprint"].as_str().unwrap().len(), 64);
}
