//! `/api/v1`: keys, connections, products, traces, events.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::world::{API_KEY, CALLBACK, IDP, World};

async fn get(world: &World, path: &str) -> Value {
    world.api(Method::GET, path, Value::Null).await.json()
}

#[actix_web::test]
async fn keys_open_what_they_are_for() {
    let world = World::new().await;
    let bare = world.get("/api/v1/sso?tenant=acme.example&product=crm").await;
    assert_eq!((bare.status.as_u16(), bare.code().as_str()), (401, "ApiKeyMissing"));
    let unknown = world.api_as("wrong", Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (401, "ApiKeyUnknown"));
    // The scheme word is ignored, as in Jackson.
    let request =
        TestRequest::get().uri("/api/v1/products").insert_header(("Authorization", format!("Whatever {API_KEY}")));
    assert_eq!(world.send(request).await.status, 200);

    let read = |method, path: &'static str, body| world.api_as("key-that-may-only-read", method, path, body);
    let list = read(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await;
    assert_eq!(list.status, 200);
    assert!(list.json()[0].get("clientSecret").is_none(), "a key that reads sees no secrets");
    let refused = read(Method::POST, "products", json!({ "name": "x" })).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "ApiKeyReadOnly"));

    let own = |method, path: &'static str, body| world.api_as("key-of-the-product-crm", method, path, body);
    world.connect("acme.example", "other", IDP).await;
    assert_eq!(
        own(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json().as_array().unwrap().len(),
        1
    );
    assert_eq!(
        own(Method::GET, "sso?tenant=acme.example&product=other", Value::Null).await.code(),
        "ApiKeyOtherProduct"
    );
    let all = own(Method::GET, "sso?entityId=https://idp.example.com/metadata", Value::Null).await.json();
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert_eq!(
        own(Method::POST, "products", json!({ "name": "other", "redirect_urls": [CALLBACK] })).await.code(),
        "ApiKeyOtherProduct"
    );
}

#[actix_web::test]
async fn what_is_missing_is_said_in_jacksons_words() {
    let world = World::new().await;
    let metadata = postern_lab::metadata::metadata(IDP, "https://idp.example.com/sso", &world.key);
    let whole = json!({
        "tenant": "t", "product": "crm", "defaultRedirectUrl": CALLBACK, "redirectUrl": [CALLBACK], "rawMetadata": metadata, "foo": 1,
    });
    for (field, message) in [
        ("tenant", "Please provide tenant"),
        ("product", "Please provide product"),
        ("defaultRedirectUrl", "Please provide a defaultRedirectUrl"),
        ("redirectUrl", "Please provide redirectUrl"),
    ] {
        for absent in [None, Some(Value::Null)] {
            let mut body = whole.clone();
            body.as_object_mut().unwrap().remove(field);
            if let Some(null) = absent {
                body[field] = null;
            }
            let answer = world.api(Method::POST, "sso", body).await;
            assert_eq!((answer.status.as_u16(), answer.json()["error"]["message"].as_str()), (400, Some(message)));
        }
    }
    let mut body = whole.clone();
    body.as_object_mut().unwrap().remove("rawMetadata");
    assert_eq!(
        world.api(Method::POST, "sso", body.clone()).await.json()["error"]["message"],
        "Missing SSO connection params"
    );
    body["isSAML"] = json!(true);
    let message = "Please provide rawMetadata or encodedRawMetadata or metadataUrl";
    assert_eq!(world.api(Method::POST, "sso", body).await.json()["error"]["message"], message);
    let mut colon = whole.clone();
    colon["tenant"] = json!("a:b");
    assert_eq!(
        world.api(Method::POST, "sso", colon).await.json()["error"]["message"],
        "tenant cannot contain the character :"
    );
    let mut garbage = whole.clone();
    garbage["rawMetadata"] = json!("<not xml");
    let answer = world.api(Method::POST, "sso", garbage).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "MetadataUnreadable"));
    assert_eq!(get(&world, "sso").await["error"]["message"], "Please provide `clientID` or `tenant` and `product`.");
    let request = TestRequest::post().uri("/api/v1/sso").insert_header(("Authorization", format!("Api-Key {API_KEY}")));
    let request = request.insert_header(("Content-Type", "application/json")).set_payload("[1]");
    assert_eq!(world.send(request).await.code(), "BodyMalformed");
}

#[actix_web::test]
async fn a_connection_is_created_found_changed_and_removed_as_in_jackson() {
    let world = World::new().await;
    let metadata =
        postern_lab::metadata::metadata("https://idp2.example.com", "https://idp2.example.com/sso", &world.key);
    let encoded = data_encoding::BASE64.encode(metadata.as_bytes());
    for redirect_url in [json!([CALLBACK]), json!(CALLBACK), json!(format!("[\"{CALLBACK}\"]"))] {
        let body = json!({
            "tenant": "t", "product": "p", "defaultRedirectUrl": CALLBACK, "redirectUrl": redirect_url,
            "encodedRawMetadata": encoded, "name": "n", "description": "d", "forceAuthn": "true",
        });
        let answer = world.api(Method::POST, "connections", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["redirectUrl"], json!([CALLBACK]));
    }
    let list = get(&world, "sso?tenant=t&product=p").await;
    assert_eq!(list.as_array().unwrap().len(), 1, "the same IdP overwrites");
    let deactivate = json!({ "clientID": list[0]["clientID"], "clientSecret": list[0]["clientSecret"], "deactivated": true, "allow": ["unsolicited"] });
    assert_eq!(world.api(Method::PATCH, "sso", deactivate).await.status, 204);
    let again = json!({ "tenant": "t", "product": "p", "defaultRedirectUrl": CALLBACK, "redirectUrl": CALLBACK, "encodedRawMetadata": encoded });
    assert_eq!(world.api(Method::POST, "sso", again).await.status, 200);
    let kept = get(&world, "sso?tenant=t&product=p").await[0].clone();
    assert_eq!(
        (&kept["deactivated"], &kept["allow"], &kept["name"]),
        (&json!(true), &json!(["unsolicited"]), &json!("n")),
        "and keeps what it does not name"
    );
    let activate =
        json!({ "clientID": list[0]["clientID"], "clientSecret": list[0]["clientSecret"], "deactivated": false });
    assert_eq!(world.api(Method::PATCH, "sso", activate).await.status, 204);
    let record = &list[0];
    assert_eq!(record["clientID"], postern_core::mapping::hex_ripemd160("t:p:https://idp2.example.com"));
    assert_eq!(record["clientSecret"].as_str().unwrap().len(), 43);
    assert_eq!(record["idpMetadata"]["entityID"], "https://idp2.example.com");
    assert_eq!(record["idpMetadata"]["provider"], "idp2.example.com");
    assert_eq!(record["idpMetadata"]["sso"]["redirectUrl"], "https://idp2.example.com/sso");
    assert_eq!(record["idpMetadata"]["thumbprint"].as_str().unwrap().len(), 40);
    assert_eq!((&record["forceAuthn"], &record["deactivated"]), (&json!(true), &json!(false)));
    let (id, secret) = (record["clientID"].as_str().unwrap(), record["clientSecret"].as_str().unwrap());
    assert_eq!(get(&world, &format!("sso?clientID={id}")).await[0]["name"], "n");
    assert_eq!(get(&world, "sso?entityId=https://idp2.example.com").await.as_array().unwrap().len(), 1);
    assert_eq!(get(&world, "sso/product?product=p").await.as_array().unwrap().len(), 1);
    assert_eq!(get(&world, "sso?tenant=t&tenant=acme.example&product=p").await.as_array().unwrap().len(), 1);
    assert_eq!(get(&world, "sso?tenant=t&product=p&strategy=oidc").await, json!([]));
    assert_eq!(get(&world, "saml/config?tenant=t&product=p").await["clientID"], id);
    assert_eq!(world.api(Method::GET, "sso/exists?tenant=t&product=p", Value::Null).await.status, 204);
    let none = world.api(Method::GET, "sso/exists?tenant=x&product=p", Value::Null).await;
    assert_eq!((none.status.as_u16(), none.body.as_str()), (404, "{}"));

    let change = |secret: &str, more: Value| {
        let mut body = json!({ "clientID": id, "clientSecret": secret, "isSAML": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.api(Method::PATCH, "sso", body)
    };
    assert_eq!(change(secret, json!({ "name": "new", "sortOrder": 3 })).await.status, 204);
    assert_eq!(get(&world, &format!("sso?clientID={id}")).await[0]["name"], "new");
    assert_eq!(change("wrong", json!({})).await.json()["error"]["message"], "clientSecret mismatch");
    let other =
        postern_lab::metadata::metadata("https://other.example.com", "https://other.example.com/sso", &world.key);
    let mismatch = change(secret, json!({ "rawMetadata": other })).await;
    assert_eq!(mismatch.json()["error"]["message"], "Tenant/Product config mismatch with IdP metadata");
    assert_eq!(world.api(Method::PATCH, "sso", json!({ "clientID": "x", "clientSecret": "y" })).await.status, 404);

    let wrong = world.api(Method::DELETE, &format!("sso?clientID={id}&clientSecret=wrong"), Value::Null).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(world.api(Method::DELETE, "sso?tenant=t&product=p", Value::Null).await.status, 204);
    assert_eq!(world.api(Method::DELETE, "sso?tenant=t&product=p", Value::Null).await.status, 204);
    for path in [&format!("sso?clientID={id}"), "sso?entityId=https://idp2.example.com", "sso/product?product=p"] {
        assert_eq!(get(&world, path).await, json!([]), "{path}");
    }
    let put = world.api(Method::PUT, "sso", json!({})).await;
    assert_eq!((put.status.as_u16(), put.header("allow")), (405, "DELETE, GET, PATCH, POST"));
}

#[actix_web::test]
async fn g7_metadata_is_not_fetched_from_forbidden_places() {
    let world = World::new().await;
    for (url, code) in [
        ("https://169.254.169.254/metadata", "FetchAddressForbidden"),
        ("https://127.0.0.1/metadata", "FetchAddressForbidden"),
        ("https://localhost/metadata", "FetchAddressForbidden"),
        ("https://10.0.0.1/metadata", "FetchAddressForbidden"),
        ("file:///etc/passwd", "FetchUrlInvalid"),
        ("gopher://idp.example.com/", "FetchUrlInvalid"),
    ] {
        let body = json!({ "tenant": "t", "product": "p", "defaultRedirectUrl": CALLBACK, "redirectUrl": CALLBACK, "metadataUrl": url });
        let answer = world.api(Method::POST, "sso", body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{url}");
    }
}

#[actix_web::test]
async fn products_are_registered_and_their_connections_stay_within_them() {
    let world = World::new().await;
    let product = world.register(json!({ "support_email": "help@example.com" })).await;
    assert!(product["client_id"].as_str().unwrap().starts_with("prod_"));
    assert_eq!(
        world.api(Method::POST, "products", json!({ "name": "crm", "redirect_urls": [CALLBACK] })).await.code(),
        "ProductExists"
    );
    let found = get(&world, "products?name=crm").await;
    assert_eq!(found["client_id"], product["client_id"]);
    assert!(found.get("client_secret").is_none(), "a secret is shown once");
    assert_eq!(
        get(&world, &format!("products?client_id={}", product["client_id"].as_str().unwrap())).await["name"],
        "crm"
    );
    assert_eq!(get(&world, "products").await.as_array().unwrap().len(), 1);

    let metadata = postern_lab::metadata::metadata(IDP, "https://idp.example.com/sso", &world.key);
    let outside = json!({
        "tenant": "t", "product": "crm", "defaultRedirectUrl": CALLBACK, "redirectUrl": "https://evil.example/cb", "rawMetadata": metadata,
    });
    let answer = world.api(Method::POST, "sso", outside).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"));

    let page = world.authorize(&[("redirect_uri", "https://evil.example/")]).await;
    assert!(page.body.contains("help@example.com"));
    for (name, value) in [
        ("redirect_urls", json!([])),
        ("redirect_urls", json!(["https://*.example.com/cb"])),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("initiate_login_url", json!("javascript:alert(1)")),
        ("support_url", json!("http://app.example.com/help")),
        ("support_email", json!("no address")),
    ] {
        let answer = world.api(Method::PATCH, "products", json!({ "name": "crm", name: value })).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"), "{name}");
    }
    assert_eq!(world.api(Method::DELETE, "products?name=crm", Value::Null).await.status, 200);
    assert_eq!(world.api(Method::GET, "products?name=crm", Value::Null).await.code(), "ProductNotFound");
    assert_eq!(get(&world, "products").await, json!([]));
}

#[actix_web::test]
async fn traces_tell_each_login_and_its_end() {
    let world = World::new().await;
    world.begin(&[]).await;
    let code = world.code(&[]).await;
    world.redeem(&code, &[]).await;
    world.authorize(&[("response_type", "token")]).await;
    let traces = get(&world, "sso-traces/product?product=crm").await["data"].clone();
    let statuses: Vec<_> =
        traces.as_array().unwrap().iter().map(|trace| trace["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "failed").count(), 1);
    assert_eq!(statuses.iter().filter(|status| *status == "started").count(), 1);
    let good = traces.as_array().unwrap().iter().find(|trace| trace["status"] == "succeeded").unwrap();
    let steps: Vec<_> = good["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["authorize", "response", "code", "token"]);
    assert_eq!(good["attributes"], json!(["email", "firstName", "lastName", "groups"]));
    assert_eq!(good["context"]["entityId"], IDP);
    assert_eq!(get(&world, "saml-traces/product/count?product=crm").await["count"], 3);

    world.advance(std::time::Duration::from_secs(601));
    let traces = get(&world, "sso-traces?product=crm").await["data"].clone();
    assert!(traces.as_array().unwrap().iter().any(|trace| trace["status"] == "incomplete"));
    assert_eq!(world.api(Method::GET, "sso-traces?id=unknown", Value::Null).await.code(), "TraceNotFound");
    assert_eq!(world.api(Method::DELETE, "sso-traces/product?product=crm", Value::Null).await.status, 204);
    assert_eq!(get(&world, "sso-traces/product?product=crm").await["data"], json!([]));
}

#[actix_web::test]
async fn events_are_read_once_by_cursor() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    world.redeem(&code, &[]).await;
    world.redeem(&code, &[]).await;
    let first = get(&world, "events?limit=1").await;
    assert_eq!(first["data"][0]["type"], "connection.created");
    let rest = get(&world, &format!("events?after={}", first["cursor"].as_str().unwrap())).await;
    let kinds: Vec<_> = rest["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["login.succeeded", "code.replayed", "session.ended"]);
    assert_eq!(rest["data"][0]["tenant"], "acme.example");
    let end = get(&world, &format!("events?after={}", rest["cursor"].as_str().unwrap())).await;
    assert_eq!((&end["data"], &end["cursor"]), (&json!([]), &rest["cursor"]));
    assert_eq!(world.api(Method::GET, "events?after=nonsense", Value::Null).await.code(), "FieldInvalid");
}

#[actix_web::test]
async fn a_mapping_is_checked_kept_and_taken_back() {
    let world = World::new().await;
    let secret = world.connection_secret("acme.example").await;
    let change = |mapping: Value| {
        let body = json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "mapping": mapping });
        world.api(Method::PATCH, "sso", body)
    };
    for wrong in
        [json!({ "rules": { "sub": { "constant": "x" } } }), json!({ "rules": { "x": { "form": ["y"] } } }), json!([1])]
    {
        let answer = change(wrong).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"));
    }
    let mapping = json!({ "rules": { "plan": { "constant": "gold" }, "name": { "from": ["firstName", "lastName"], "join": " " } }, "required": ["email", "plan"] });
    assert_eq!(change(mapping.clone()).await.status, 204);
    assert_eq!(get(&world, "sso?tenant=acme.example&product=crm").await[0]["mapping"], mapping);
    let tokens = world.redeem(&world.code(&[]).await, &[]).await.json();
    let claims = world.claims(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!((&claims["plan"], &claims["name"]), (&json!("gold"), &json!("Alice Martin")));
    assert_eq!(change(json!("")).await.status, 204);
    assert!(get(&world, "sso?tenant=acme.example&product=crm").await[0].get("mapping").is_none());
}

#[actix_web::test]
async fn a_connection_is_made_by_hand_and_looked_at_before() {
    let world = World::new().await;
    let certificate = world.key.certificate_base64();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    let by_hand =
        json!({ "entityID": IDP, "ssoUrl": "https://idp.example.com/sso", "certificates": [pem, certificate] });

    let seen = world.api(Method::POST, "sso/inspect", by_hand.clone()).await.json();
    assert_eq!((&seen["entityID"], &seen["missing"]), (&json!(IDP), &json!([])));
    assert_eq!(seen["certificates"].as_array().unwrap().len(), 2);
    let nothing = world.api(Method::POST, "sso/inspect", json!({ "entityID": "x" })).await.json();
    assert_eq!(nothing["missing"], json!(["ssoUrl", "certificates"]));
    let metadata = postern_lab::metadata::metadata(IDP, "https://idp.example.com/sso", &world.key);
    let seen = world.api(Method::POST, "sso/inspect", json!({ "rawMetadata": metadata })).await.json();
    assert_eq!((&seen["sso"]["redirectUrl"], &seen["missing"]), (&json!("https://idp.example.com/sso"), &json!([])));

    let mut body =
        json!({ "tenant": "hand.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK });
    body.as_object_mut().unwrap().extend(by_hand.as_object().unwrap().clone());
    let mut without = body.clone();
    without.as_object_mut().unwrap().remove("certificates");
    let refused = world.api(Method::POST, "sso", without).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["error"]["message"].as_str()),
        (400, Some("Please provide certificates")),
        "X11"
    );
    for (field, wrong) in [
        ("ssoUrl", json!("http://idp.example.com/sso")),
        ("certificates", json!("bm90IGEgY2VydA==")),
        ("ssoBinding", json!("soap")),
    ] {
        let mut body = body.clone();
        body[field] = wrong;
        assert_eq!(world.api(Method::POST, "sso", body).await.code(), "FieldInvalid", "{field}");
    }
    let record = world.api(Method::POST, "sso", body).await;
    assert_eq!(record.status, 200, "{}", record.body);
    let login = world.begin(&[("client_id", "tenant=hand.example&product=crm")]).await;
    assert!(world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await.sent("code").is_some());

    // A change by hand keeps what it does not name, the allowances among it.
    let secret = record.json()["clientSecret"].clone();
    let change = json!({ "clientID": record.json()["clientID"], "clientSecret": secret, "ssoUrl": "https://idp.example.com/other", "ssoBinding": "post", "allow": ["unsolicited"] });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    let found = get(&world, "sso?tenant=hand.example&product=crm").await[0].clone();
    assert_eq!(found["idpMetadata"]["sso"], json!({ "postUrl": "https://idp.example.com/other" }));
    assert_eq!(found["idpMetadata"]["publicKey"].as_str().unwrap().split(',').count(), 2);
    let id = found["id"].as_str().unwrap();
    let sp = get(&world, &format!("sso/{id}/sp")).await;
    assert_eq!(sp["entityID"], crate::world::PUBLIC);
    assert!(sp["acsUrl"].as_str().unwrap().ends_with(id), "one address for solicited and unsolicited responses");
    assert_eq!(world.api(Method::GET, "sso/conn_unknown/sp", Value::Null).await.code(), "ConnectionNotFound");
}
