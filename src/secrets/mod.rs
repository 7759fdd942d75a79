//! The one store of secrets: those of connectors, and those that the settings name as `{ stored = "name" }`. They are
//! encrypted in `detect.db`, and the key is not there.
//!
//! | file | what it does |
//! | --- | --- |
//! | `seal` | encrypts a secret, bound to its name and version |
//! | `key` | where the key is kept, and how it is made at first use |
//! | `store` | secrets by name |
//!
//! Nothing here prints a secret, and none of the types has one in its `Debug` output.

mod key;
mod seal;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use self::store::of_storing;
pub use self::{
    key::{KEY_FILE, KeyError},
    seal::{SealedText, Sealer},
    store::{SecretStore, SecretStoreError, StoredSecret},
};
