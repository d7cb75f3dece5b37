//! `postern demo`, seen through a browser: the first thing that anybody does with Postern.

use postern_e2e::{Demo, browser};

#[tokio::test]
async fn the_demo_ends_in_a_page_that_shows_who_signed_in() {
    let demo = Demo::reserve();
    for visit in ["demo", "demo-again"] {
        let demo = demo.start().await;
        let (email, password) = Demo::USER;
        let said = demo.said();
        assert!(said.contains(email) && said.contains(password), "it says whom to sign in as: {said}");

        let page = browser::sign_in(visit, &demo.address(), Demo::USER).await;
        assert!(page.url.starts_with(&demo.address()), "back at the app: {page:#?}");
        for shown in [email, "Alice", "engineering"] {
            assert!(page.text.contains(shown), "no {shown} on {page:#?}");
        }
    }
}
