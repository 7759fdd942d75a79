use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::{
    config::{Environment, SecretSource, StateSettings, StoredSecrets},
    detect_db::{DetectDb, FILE_NAME},
};

const TEXT: &str = "sk-très-secret";

fn store_with(dir: &Path, key: Option<SecretSource>, variables: &[(&str, &str)]) -> SecretStore {
    let settings = StateSettings { dir: dir.to_owned(), lock_wait: Duration::ZERO, secrets_key: key };
    SecretStore::of(&settings, &variables.iter().copied().collect::<Environment>())
}

fn store(dir: &Path) -> SecretStore {
    store_with(dir, None, &[])
}

fn text(store: &SecretStore, name: &str) -> Result<String, SecretStoreError> {
    store.get(name).map(|text| text.expose_secret().to_owned())
}

fn set(store: &SecretStore, name: &str, text: &str) {
    store.set(name, &SecretString::from(text), 7).unwrap();
}

#[test]
fn a_secret_is_read_back_and_is_nowhere_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    set(&store, "openai", TEXT);
    assert_eq!(text(&store, "openai").unwrap(), TEXT);
    assert_eq!(store.list().unwrap(), [StoredSecret { name: "openai".to_owned(), changed_at: 7 }]);
    for file in fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        let content = fs::read(&path).unwrap();
        assert!(!content.windows(TEXT.len()).any(|bytes| bytes == TEXT.as_bytes()), "{}", path.display());
    }
    let shown = format!("{store:?} {:?} {:?}", store.get("openai"), store.list());
    assert!(!shown.contains(TEXT), "{shown}");
}

#[test]
fn the_key_is_made_once_and_is_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(KEY_FILE);
    set(&store(dir.path()), "one", TEXT);
    let key = fs::read(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    set(&store(dir.path()), "two", TEXT);
    assert_eq!(fs::read(&file).unwrap(), key);
    assert_eq!(text(&store(dir.path()), "one").unwrap(), TEXT);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("secrets.key.")), "{left:?}");
}

#[test]
fn looking_makes_neither_a_database_nor_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    assert!(store.list().unwrap().is_empty());
    assert!(matches!(store.get("x"), Err(SecretStoreError::Unknown(_))));
    assert!(!store.remove("x").unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_key_may_be_base64_or_hexadecimal_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let key = || Some(SecretSource::Env("KEY".to_owned()));
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
    set(&store_with(dir.path(), key(), &[("KEY", base64)]), "one", TEXT);
    assert_eq!(text(&store_with(dir.path(), key(), &[("KEY", hex)]), "one").unwrap(), TEXT);
    assert!(!dir.path().join(KEY_FILE).exists());
    for wrong in ["short", "AAEC", &hex[2..], &format!("{hex}00"), &"g".repeat(64), &"é".repeat(32)] {
        let store = store_with(dir.path(), key(), &[("KEY", wrong)]);
        let error = store.get("one").unwrap_err();
        assert!(matches!(error, SecretStoreError::Key(_)), "{wrong}: {error}");
        assert!(!error.to_string().contains(wrong), "{error}");
    }
    let error = store_with(dir.path(), key(), &[]).get("one").unwrap_err().to_string();
    assert!(error.contains("environment variable KEY is not set"), "{error}");
}

#[test]
fn another_key_neither_reads_nor_replaces_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    set(&store(dir.path()), "one", TEXT);
    let file = dir.path().join(KEY_FILE);
    let key = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let lost = store(dir.path());
    for error in [lost.get("one").map(drop), lost.set("two", &SecretString::from("x"), 8)] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("secrets.key") && error.contains("ccfd secrets remove --all"), "{error}");
    }
    assert!(!file.exists(), "no key is made in its place");
    fs::write(&file, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for error in [lost.get("one").map(drop), lost.set("two", &SecretString::from("x"), 8)] {
        let error = error.unwrap_err();
        assert!(matches!(error, SecretStoreError::WrongKey { .. }), "{error}");
    }
    fs::write(&file, key).unwrap();
    assert_eq!(text(&lost, "one").unwrap(), TEXT, "with the earlier key everything is there");
}

#[test]
fn after_the_last_secret_is_removed_the_key_may_change() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    set(&store, "one", TEXT);
    set(&store, "two", TEXT);
    assert!(store.remove("one").unwrap());
    fs::remove_file(dir.path().join(KEY_FILE)).unwrap();
    assert!(store.set("three", &SecretString::from("x"), 8).is_err(), "one is left");
    assert_eq!(store.remove_all().unwrap(), 1);
    set(&store, "three", TEXT);
    assert_eq!(text(&store, "three").unwrap(), TEXT);
}

#[test]
fn a_ciphertext_is_bound_to_its_name_and_version() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    set(&store, "one", "first");
    set(&store, "two", "other");
    let path = dir.path().join(FILE_NAME);
    let db = DetectDb::open_existing(&path).unwrap().unwrap();
    let before = db.sealed_secret("one").unwrap().unwrap();
    set(&store, "one", "second");
    let after = db.sealed_secret("one").unwrap().unwrap();
    let sealer = store.sealer(&db).unwrap();
    assert!(before.sealed != after.sealed && before.version < after.version);
    assert_eq!(sealer.opened(&after).unwrap().expose_secret(), "second");
    let renamed = crate::detect_db::SealedSecret { name: "two".to_owned(), ..after.clone() };
    let older = crate::detect_db::SealedSecret { sealed: before.sealed.clone(), ..after.clone() };
    let mut damaged = after.clone();
    *damaged.sealed.last_mut().unwrap() ^= 1;
    let cut = crate::detect_db::SealedSecret { sealed: after.sealed[..8].to_vec(), ..after };
    for wrong in [renamed, older, damaged, cut] {
        assert!(sealer.opened(&wrong).is_none());
    }
}

#[test]
fn the_settings_name_a_stored_secret() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    set(&store, "openai", "sk-stored");
    let environment = Environment::default();
    let place = SecretSource::Stored("openai".to_owned());
    assert!(place.resolve(&environment).unwrap_err().to_string().contains("stored secret openai"));
    environment.clone().keep_store(std::sync::Arc::new(store));
    assert_eq!(place.resolve(&environment).unwrap().expose_secret(), "sk-stored");
    let missing = SecretSource::Stored("none".to_owned()).resolve(&environment).unwrap_err().to_string();
    assert!(missing.contains("ccfd secrets set none"), "{missing}");
}

#[test]
fn names_of_connectors_are_out_of_reach() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for name in ["", ".x", "a/b", "connector/x", "a b", &"x".repeat(65)] {
        assert!(
            matches!(store.set(name, &SecretString::from("x"), 1), Err(SecretStoreError::Name(_))),
            "{name}"
        );
        assert!(StoredSecrets::get(&store, name).is_err(), "{name}");
    }
}
