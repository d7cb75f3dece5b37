//! Any one byte changed: refused, or nothing that is read has changed.

use postern_saml::response::verify;
use proptest::prelude::*;

use crate::support::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn x4_one_changed_byte_changes_no_identity(at in any::<prop::sample::Index>(), by in 1..=255_u8, whole in any::<bool>()) {
        thread_local! {
            static SIGNED: [String; 2] = [good(), response_signed("", "")];
        }
        let xml = SIGNED.with(|signed| signed[usize::from(whole)].clone());
        let idp = idp(vec![IDP_KEY.certificate.clone()]);
        let expected = expected(&idp);
        let original = verify(xml.as_bytes(), &expected).unwrap();
        let mut bytes = xml.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(verified) = verify(&bytes, &expected) {
            prop_assert_eq!(verified.identity(), original.identity());
            prop_assert_eq!(verified.assertion_id(), original.assertion_id());
            prop_assert_eq!(verified.usable_until(), original.usable_until());
        }
    }
}
