//! Whoever can write to the store can change records. None opens that was changed or moved.

use std::sync::LazyLock;

use postern_core::ports::Seal;
use postern_store::KeyRing;

use crate::{PLACES, RECORD, key_ring};

static RING: LazyLock<KeyRing> = LazyLock::new(key_ring);

/// Sealed in this run and in every other alike.
static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| RING.seal(PLACES[0], RECORD));

/// Has to hold for any input.
pub fn check(sealed: &[u8]) {
    let original = *sealed == **SEALED;
    for (number, place) in PLACES.into_iter().enumerate() {
        let opened = RING.open(place, sealed);
        assert_eq!(opened.is_some(), original && number == 0);
        assert!(opened.is_none_or(|plain| *plain == *RECORD));
    }
}
