//! What a change of the sealing keys asks of everybody who reads and writes meanwhile: nothing that they notice.

use super::Store;
use crate::ports::Consumed::{Live, Spent};
use crate::ports::{Op, REVISION_BYTES, Reply, StoreError, TOMBSTONE};

impl Store {
    /// Looks keys up that we have not heard of, before records are opened that they sealed. Another process may have begun to
    /// use a new key a moment ago.
    pub(super) async fn know_keys_of(&self, replies: &[Reply]) -> Result<(), StoreError> {
        for reply in replies {
            match reply {
                Reply::Value(Some(value)) => {
                    self.know_key_of(value.strip_prefix(&[TOMBSTONE]).unwrap_or(value)).await?
                }
                Reply::Consumed(Live(sealed) | Spent(sealed)) => self.know_key_of(sealed).await?,
                Reply::Entries(entries) => {
                    for (_, sealed) in entries {
                        self.know_key_of(sealed).await?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn know_key_of(&self, sealed: &[u8]) -> Result<(), StoreError> {
        match self.seal.unknown(sealed) {
            Some(number) => self.seal.look_up(number, &*self.backend).await,
            None => Ok(()),
        }
    }

    /// Tries a replacement once more that found another version, if that is only the one that was read, sealed anew meanwhile.
    /// → whether it is written now
    pub(super) async fn replace_sealed_anew(&self, op: Op) -> Result<bool, StoreError> {
        let Op::ReplaceIf { key, revision, value, lifetime } = op else { return Ok(false) };
        let found = self.backend.run(vec![Op::Get { key: key.clone() }]).await?;
        let [Reply::Value(Some(present))] = &found[..] else { return Ok(false) };
        if !self.seal.is_sealed_anew(&revision, present) {
            return Ok(false);
        }
        let revision = present.get(..REVISION_BYTES).unwrap_or_default().to_vec();
        let replies = self.backend.run(vec![Op::ReplaceIf { key, revision, value, lifetime }]).await?;
        Ok(replies == [Reply::Written(true)])
    }
}
