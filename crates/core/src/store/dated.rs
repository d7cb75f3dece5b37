//! When a record was written that lasts: a member of its own, `revised`, before those of the record. Releases that do not know it skip
//! it, and what they write has none.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::Revision;

/// The JSON object of a record, with this revision.
pub(super) fn with(revision: Revision, record: &[u8]) -> Zeroizing<Vec<u8>> {
    let members = record.strip_prefix(b"{").unwrap_or(record);
    let comma = if members == b"}" { "" } else { "," };
    let head = format!("{{\"revised\":{revision}{comma}");
    let mut dated = Zeroizing::new(Vec::with_capacity(head.len() + members.len()));
    dated.extend(head.as_bytes());
    dated.extend(members);
    dated
}

/// The revision of such an object; zero, where it has none; `None`, where it is none that a record could be read from.
pub(super) fn of(record: &[u8]) -> Option<Revision> {
    #[derive(Deserialize)]
    struct Dated {
        #[serde(default)]
        revised: Revision,
    }
    serde_json::from_slice::<Dated>(record).ok().map(|dated| dated.revised)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_one_member_more() {
        for (record, dated) in [("{}", r#"{"revised":7}"#), (r#"{"a":1}"#, r#"{"revised":7,"a":1}"#)] {
            assert_eq!(*with(7, record.as_bytes()), dated.as_bytes());
            assert_eq!((of(dated.as_bytes()), of(record.as_bytes())), (Some(7), Some(0)));
        }
        assert_eq!(of(b"7"), None);
    }
}
