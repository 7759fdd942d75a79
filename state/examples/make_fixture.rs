//! Writes the store of `tests/fixtures/v<version>`: `make_fixture DIRECTORY`, which must not exist.

use std::{error::Error, path::PathBuf};

use serde_json::json;
use state::{Store, StoreOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: make_fixture DIRECTORY")?);
    if dir.exists() {
        return Err("the directory exists: a fixture is made once".into());
    }
    let store =
        Store::open(&dir, StoreOptions { holder: "make_fixture".to_owned(), ..StoreOptions::default() })?
            .store;
    let mut audit = store.cursor("acme-audit/local");
    let held =
        [("1790000001", "0123456789abcdef"), ("1790000002", "0000"), ("1790000003", "fedcba9876543210")];
    let parts = held.map(|(second, ids)| (second.into(), Some(ids.into()))).to_vec();
    audit.commit(&json!({"settled": 1_789_999_999, "anchors": []}), parts).await?;
    let settled = json!({"settled": 1_790_000_000, "anchors": ["audit_log-1"]});
    audit.commit(&settled, vec![("1790000002".into(), None)]).await?;
    store.cursor("acme-chat/local").commit(&json!({"settled": -1, "anchors": []}), Vec::new()).await?;
    store.close().await?;
    Ok(())
}
