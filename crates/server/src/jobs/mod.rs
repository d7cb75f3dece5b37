//! What Postern does by itself: background work that one replica at a time does, by a lease in the store.

pub mod certificates;
pub mod client_keys;
pub mod domains;
pub mod health;
pub mod key_ring;
pub mod keys;
pub mod logout_notices;
pub mod lookup;
pub mod metadata;
pub mod sealing;
pub mod sessions;
