use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{
    super::{SecretError, SecretSource, check_secret_file},
    *,
};
use crate::reasons::with_reasons;

fn resolve(source: &SecretSource, variables: &[(&str, &str)]) -> Result<SecretString, String> {
    source.resolve(&environment(variables)).map_err(|error| with_reasons(&error))
}

fn of_variable(value: &str) -> Result<String, String> {
    let source = SecretSource::Env("KEY".into());
    resolve(&source, &[("KEY", value)]).map(|key| key.expose_secret().to_owned())
}

fn secret_file(content: &[u8], mode: u32) -> (tempfile::TempDir, SecretSource) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (directory, SecretSource::File(path))
}

#[test]
fn a_key_written_into_the_settings_is_refused_and_not_repeated() {
    let advice = "`collector.acme-audit.api_key` in ccfd.toml: give the place of the key, never the key itself: \
                  { env = \"NAME\" }, { file = \"/path\" }, { credential = \"name\" } or { stored = \"name\" }";
    for form in [
        "\"sk-admin-1234\"",
        "{ env = \"sk-admin-1234\" }",
        "{ file = \"sk-admin-1234\" }",
        "{ credential = \"sk-admin-1234\" }",
        "{ credential = \"../x\" }",
        "{ env = \"9A\" }",
        "{ key = \"x\" }",
        "{ env = \"A\", file = \"/b\" }",
        "{ env = 1 }",
        "{}",
        "5",
    ] {
        let text = MINIMAL.replace("{ env = \"OPENAI_ADMIN_KEY\" }", form);
        assert_eq!(problems(&text), [advice], "{form}");
    }
    let variable = ("CCFD__COLLECTOR__ACME_AUDIT__API_KEY", "sk-admin-1234");
    let problems = problems_with(MINIMAL, &[variable], &[]);
    assert!(problems.len() == 1 && !problems[0].contains("1234"), "{problems:?}");
}

#[test]
fn the_place_of_a_key_may_have_any_usual_name() {
    for (form, source) in [
        ("{ env = \"TASK_KEY_2\" }", SecretSource::Env("TASK_KEY_2".into())),
        (
            "{ file = \"/run/secrets/sk-admin/desk-key\" }",
            SecretSource::File("/run/secrets/sk-admin/desk-key".into()),
        ),
        ("{ credential = \"task-openai.key\" }", SecretSource::Credential("task-openai.key".into())),
        ("{ stored = \"task-openai\" }", SecretSource::Stored("task-openai".into())),
    ] {
        let config = load(&MINIMAL.replace("{ env = \"OPENAI_ADMIN_KEY\" }", form)).unwrap();
        assert_eq!(config.collectors["acme-audit"].api_key, source);
    }
}

#[test]
fn white_space_at_the_end_is_not_part_of_a_key() {
    assert_eq!(of_variable("sk-1\r\n").as_deref(), Ok("sk-1"));
    let (_directory, source) = secret_file(b"sk-2\n", 0o600);
    assert_eq!(resolve(&source, &[]).unwrap().expose_secret(), "sk-2");
}

#[test]
fn what_cannot_be_a_key_is_refused_by_the_name_of_its_place() {
    for value in ["", " \n"] {
        assert_eq!(of_variable(value).unwrap_err(), "environment variable KEY is empty");
    }
    for value in ["a b", "\u{e9}", "a\nb", "a\u{7f}"] {
        assert_eq!(
            of_variable(value).unwrap_err(),
            "environment variable KEY contains a space, a control character or a non-ASCII one: not a key"
        );
    }
    assert_eq!(
        resolve(&SecretSource::Env("KEY".into()), &[]).unwrap_err(),
        "environment variable KEY is not set"
    );
}

#[test]
fn a_password_may_have_spaces_and_letters_of_any_language() {
    let source = SecretSource::Env("KEY".into());
    let password = |value: &str| source.resolve_password(&environment(&[("KEY", value)]));
    for (value, meant) in [("größer als 5 ", "größer als 5 "), ("a b\r\n", "a b"), ("\u{feff}x", "x")] {
        assert_eq!(password(value).unwrap().expose_secret(), meant);
    }
    let control =
        "environment variable KEY contains a control character, such as a line break: not a password";
    for value in ["a\nb", "a\u{1b}[2J", "a\u{85}b"] {
        assert_eq!(password(value).unwrap_err().to_string(), control);
    }
    assert_eq!(password("\n").unwrap_err().to_string(), "environment variable KEY is empty");
}

#[test]
fn a_byte_order_mark_is_not_part_of_a_key_and_another_encoding_is_named() {
    let (_directory, source) = secret_file(b"\xef\xbb\xbfsk-1\r\n", 0o600);
    assert_eq!(resolve(&source, &[]).unwrap().expose_secret(), "sk-1");
    let of_utf_16 = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
        [mark, &"sk-1".encode_utf16().flat_map(unit).collect::<Vec<_>>()].concat()
    };
    let utf_16 = "not UTF-8 but UTF-16, as PowerShell and some editors write it; save it as UTF-8";
    for (content, why) in [
        (of_utf_16(b"\xff\xfe", u16::to_le_bytes), utf_16),
        (of_utf_16(b"\xfe\xff", u16::to_be_bytes), utf_16),
        (of_utf_16(b"", u16::to_le_bytes), utf_16),
        (b"sk-\xe9".to_vec(), "not UTF-8; save it as UTF-8"),
    ] {
        let (directory, source) = secret_file(&content, 0o600);
        let place = format!("secret file {}/key", directory.path().display());
        assert_eq!(resolve(&source, &[]).unwrap_err(), format!("{place} is {why}"));
        let password = source.resolve_password(&environment(&[])).unwrap_err().to_string();
        assert_eq!(password, format!("{place} is {why}"));
    }
}

#[test]
fn a_secret_file_that_a_library_reads_is_looked_at_as_any_other() {
    let (directory, _) = secret_file(b"key", 0o644);
    let path = directory.path().join("key");
    let error = check_secret_file(&path, &environment(&[])).unwrap_err();
    assert!(matches!(error, SecretError::Exposed(_, 0o644)), "{error}");
    let handed_over = environment(&[("CREDENTIALS_DIRECTORY", directory.path().to_str().unwrap())]);
    assert!(check_secret_file(&path, &handed_over).is_ok());
    let error = check_secret_file(directory.path(), &environment(&[])).unwrap_err();
    assert!(matches!(error, SecretError::NotAFile(_)), "{error}");
}

#[test]
fn a_file_that_is_no_secret_file_is_refused() {
    let (directory, large) = secret_file(&vec![b'x'; 64 * 1024 + 1], 0o600);
    let path = directory.path().join("key");
    assert_eq!(
        resolve(&large, &[]).unwrap_err(),
        format!("secret file {} is larger than 64 KiB: not a key", path.display())
    );
    assert_eq!(
        resolve(&SecretSource::File(directory.path().into()), &[]).unwrap_err(),
        format!("secret file {} is not a regular file", directory.path().display())
    );
    assert_eq!(
        resolve(&SecretSource::File(directory.path().join("none")), &[]).unwrap_err(),
        format!("secret file {}/none: No such file or directory (os error 2)", directory.path().display())
    );
}

#[test]
fn a_file_that_everyone_can_read_is_refused() {
    let (directory, source) = secret_file(b"sk-1", 0o644);
    assert_eq!(
        resolve(&source, &[]).unwrap_err(),
        format!(
            "secret file {}/key is readable by everyone (mode 0644); change that with chmod o-r",
            directory.path().display()
        )
    );
    let (_directory, source) = secret_file(b"sk-1", 0o640);
    assert!(resolve(&source, &[]).is_ok());
}

#[test]
fn a_file_in_the_credentials_directory_may_be_readable_but_not_one_reached_through_it() {
    let (directory, source) = secret_file(b"sk-1", 0o644);
    let inside = directory.path().to_str().unwrap();
    assert!(resolve(&source, &[("CREDENTIALS_DIRECTORY", inside)]).is_ok());
    let credential = SecretSource::Credential("key".into());
    assert_eq!(resolve(&credential, &[("CREDENTIALS_DIRECTORY", inside)]).unwrap().expose_secret(), "sk-1");

    let elsewhere = tempfile::tempdir().unwrap();
    let name = directory.path().file_name().unwrap();
    let around = SecretSource::File(elsewhere.path().join("..").join(name).join("key"));
    let variables = [("CREDENTIALS_DIRECTORY", elsewhere.path().to_str().unwrap())];
    let error = around.resolve(&environment(&variables)).unwrap_err();
    assert!(matches!(error, SecretError::Exposed(_, 0o644)), "{error}");
}

#[test]
fn a_credential_without_systemd_says_what_the_unit_lacks() {
    assert_eq!(
        resolve(&SecretSource::Credential("openai".into()), &[]).unwrap_err(),
        "credential openai: CREDENTIALS_DIRECTORY is not set; give the unit a line LoadCredential=openai:/path"
    );
    let missing =
        resolve(&SecretSource::Credential("openai".into()), &[("CREDENTIALS_DIRECTORY", "/nonexistent")]);
    assert_eq!(missing.unwrap_err(), "credential openai: No such file or directory (os error 2)");
    assert!(!Path::new("/nonexistent").exists());
}
