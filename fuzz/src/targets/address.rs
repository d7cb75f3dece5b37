//! Whose people an e-mail address is about: one domain, the same for every reader, or none.

use postern_core::domain_name::DomainName;
use postern_core::fault::Code;

/// Has to hold for any input.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(name) = DomainName::parse(text) {
        check_name(&name);
    }
    let Ok(name) = DomainName::of_email(text) else { return };
    let (_, behind) = text.split_once('@').expect("an address has an @");
    assert_eq!(DomainName::parse(behind), Ok(name.clone()), "{text}");
    check_name(&name);
}

/// What was read is a name of host names' form, reads as itself, and so do the names above it.
fn check_name(name: &DomainName) {
    let text = name.as_str();
    assert!(text.len() <= 253 && text.contains('.') && !text.contains(".."), "{text}");
    assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.')), "{text}");
    for written in [text.to_owned(), format!("{}.", text.to_ascii_uppercase()), name.to_unicode().into_owned()] {
        assert_eq!(DomainName::parse(&written).as_ref(), Ok(name), "{written}");
    }
    for above in name.above() {
        assert!(name.is_below(&above), "{text} {above}");
        assert_eq!(DomainName::parse(above.as_str()), Ok(above));
    }
    // A name below one that was registered is somebody's, unless strangers have mailboxes there.
    if let Err(fault) = name.check_claimable() {
        assert!(fault.code == Code::DomainOfPublicMail || name.above().next().is_none(), "{text}");
    }
}
