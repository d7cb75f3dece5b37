//! `/.well-known/sp-metadata`: what providers and people learn of us.

use crate::world::World;

#[actix_web::test]
async fn m2_the_metadata_show_what_is_configured_and_nothing_else() {
    let bare = World::new().await.get("/.well-known/sp-metadata").await.body;
    assert!(!bare.contains("UIInfo") && !bare.contains("ContactPerson"), "{bare}");
    let world = World::configured(
        "saml.display_name = \"CRM <Example>\"\n\
         saml.logo_url = \"https://app.example.com/logo.png\"\n\
         saml.logo_width = 80\n\
         saml.information_url = \"https://app.example.com/about\"\n\
         saml.privacy_url = \"https://app.example.com/privacy\"\n\
         saml.contact_name = \"Operations\"\n\
         saml.contact_email = \"operations@example.com\"\n",
    )
    .await;
    let metadata = world.get("/.well-known/sp-metadata").await.body;
    for element in [
        "<mdui:DisplayName xml:lang=\"en\">CRM &lt;Example&gt;</mdui:DisplayName>",
        "<mdui:Logo height=\"64\" width=\"80\">https://app.example.com/logo.png</mdui:Logo>",
        "<mdui:InformationURL xml:lang=\"en\">https://app.example.com/about</mdui:InformationURL>",
        "<mdui:PrivacyStatementURL xml:lang=\"en\">https://app.example.com/privacy</mdui:PrivacyStatementURL>",
        "<md:ContactPerson contactType=\"technical\">",
        "<md:GivenName>Operations</md:GivenName>",
        "<md:EmailAddress>mailto:operations@example.com</md:EmailAddress>",
    ] {
        assert!(metadata.contains(element), "{element} in {metadata}");
    }
}
