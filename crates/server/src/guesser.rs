//! Whoever tries secrets (B5): where they come from, and whose secret it is meant to be. Both count, so that nobody who guesses
//! keeps the client itself out, nor anybody else.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

/// Somebody who says that they are somebody. Of whom, a hash is enough, because a name may be as long as a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guesser {
    address: IpAddr,
    name: [u8; 32],
}

impl Guesser {
    /// From this address, by the name of this client; `None`: an operator, who has a key and no name.
    pub fn new(address: IpAddr, client_id: Option<&str>) -> Self {
        // No client is called by nothing.
        Self { address, name: Sha256::digest(client_id.unwrap_or_default().as_bytes()).into() }
    }
}
