//! Values that nobody but the right person may ever read, and whether somebody could: a search for them in all the clothes
//! that values wear.

use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Marked values, each with a name for the report.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<Vec<u8>, String>);

impl Marks {
    /// Adds one. It has to be long enough to be nowhere by chance.
    pub(crate) fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        assert!(value.len() >= 12, "{name} is too short to be a mark");
        self.0.insert(value.to_vec(), name.to_owned());
    }

    /// Adds a document whose every part is a secret: pieces of it are enough to give it away.
    pub(crate) fn add_document(&mut self, name: &str, document: &[u8]) {
        for piece in document.chunks_exact(24) {
            self.add(name, piece);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The names of the marks that stand in `haystack`, and in which form.
    pub(crate) fn found_in(&self, haystack: &[u8]) -> Vec<String> {
        let mut found = vec![];
        for (value, name) in &self.0 {
            for (form, needle) in forms(value) {
                if memmem::find(haystack, &needle).is_some() {
                    found.push(format!("{name}, {form}"));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

/// A value as it may stand somewhere: as it is, in base64 wherever in a longer text it begins, in hex, percent-encoded.
fn forms(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![
        ("plain", value.to_vec()),
        ("hex", HEXLOWER.encode(value).into_bytes()),
        ("hex", HEXUPPER.encode(value).into_bytes()),
    ];
    let percent = percent_encode(value, NON_ALPHANUMERIC).to_string();
    forms.push(("percent-encoded", percent.to_lowercase().into_bytes()));
    forms.push(("percent-encoded", percent.into_bytes()));
    for digits in [HEXLOWER.encode(value), HEXUPPER.encode(value)] {
        let every_byte = digits.as_bytes().chunks(2).flat_map(|pair| [b'%', pair[0], pair[1]]);
        forms.push(("percent-encoded", every_byte.collect()));
    }
    for encoding in [BASE64, BASE64URL] {
        // Three bytes make four characters, so what comes before shifts the rest in three ways. Characters that depend on
        // neighbours are cut off.
        for before in 0..3 {
            let encoded = encoding.encode(&[&[0; 2][..before], value].concat());
            let (first, end) = ((before * 8).div_ceil(6), (before + value.len()) * 8 / 6);
            forms.push(("base64", encoded.as_bytes()[first..end].to_vec()));
        }
    }
    forms
}

#[test]
fn a_mark_is_found_in_every_form_and_in_any_neighbourhood() {
    let value = "tenant-q8x1zv.example.com";
    let mut marks = Marks::default();
    marks.add("tenant", value);
    let percent: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let wrapped = |before: &str, after: &str| format!("{before}{value}{after}").into_bytes();
    let hidden = [
        wrapped("https://", "/path"),
        percent.into_bytes(),
        "tenant%2Dq8x1zv%2Eexample%2Ecom".into(),
        HEXUPPER.encode(&wrapped("a", "b")).into_bytes(),
        HEXLOWER.encode(&wrapped("ab", "")).into_bytes(),
        BASE64.encode(&wrapped("", "")).into_bytes(),
        BASE64.encode(&wrapped("?", ">>?")).into_bytes(),
        BASE64URL.encode(&wrapped("??", "?>")).into_bytes(),
        BASE64URL.encode(&wrapped("???>", "?")).into_bytes(),
    ];
    for haystack in hidden {
        assert_ne!(marks.found_in(&haystack), [""; 0], "{}", String::from_utf8_lossy(&haystack));
    }
    assert_eq!(marks.found_in(b"tenant-q8x1zv.example.org"), [""; 0]);
}
