use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::support::process::{ADMIN_SECRET, Place, Running, Simulated, wait_until};

#[test]
fn the_file_is_named_before_or_after_the_command() {
    let place = Place::new("http://127.0.0.1:9/v1");
    fs::rename(place.path("ccfd.toml"), place.path("other.toml")).unwrap();
    for words in [["--config", "other.toml", "status"], ["status", "--config", "other.toml"]] {
        assert!(place.run_to(0, &words).stdout.contains("acme-audit/local"));
    }
    let ended = place.run_to(2, &["status", "--config", "none.toml"]);
    assert!(ended.stderr.contains("none.toml"), "{}", ended.stderr);
}

#[test]
fn without_a_file_the_keys_of_the_environment_are_enough() {
    let place = Place::bare().without("OPENAI_ADMIN_KEY");
    assert!(place.run_to(0, &["status"]).stdout.contains("chat-completions/local"));
    let place = place.without("OPENAI_API_KEY");
    let ended = place.run_to(2, &["run"]);
    assert!(ended.stderr.contains("ccfd demo"), "{}", ended.stderr);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_one() {
    let place = Place::new("http://127.0.0.1:9/v1");
    place.replace("poll_interval", "pol_interval");
    let ended = place.run_to(2, &["run"]);
    assert!(
        ended.stderr.contains("pol_interval") && ended.stderr.contains("`poll_interval`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn variables_of_the_environment_win_over_the_file() {
    let place = Place::new("http://127.0.0.1:9/v1").with("CCFD__STATE__DIR", "./elsewhere");
    assert!(place.run_to(0, &["status"]).stdout.contains("./elsewhere"));
}

#[test]
fn relative_paths_begin_at_the_file_wherever_ccfd_is_started() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::new(&api.base_url).with("CCFD__ADMIN__LISTEN", "unix:./admin.sock");
    place.replace("{ env = \"OPENAI_ADMIN_KEY\" }", "{ file = \"./key\" }");
    place.write_secret("key", ADMIN_SECRET);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = place.path("ccfd.toml");
    let from_elsewhere = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        Running::start_into(
            {
                command.current_dir(elsewhere.path()).env("CCFD_CONFIG", &file);
                command
            },
            None,
            None,
        )
        .wait()
    };
    let ended = from_elsewhere(&["run", "--once"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(place.rows(), (10, 10), "the database is beside the file");
    let daemon = place.start(&["run"]);
    wait_until("the daemon", || place.run(&["status", "--running"]).code == Some(0));
    let status = from_elsewhere(&["status"]);
    let running = format!("running as process {}", daemon.id());
    assert!(status.stdout.starts_with(&running), "{status:?}");
    assert_eq!(from_elsewhere(&["collectors", "poll", "acme-audit"]).code, Some(0));
    assert!(elsewhere.path().read_dir().unwrap().next().is_none(), "nothing is made elsewhere");
}

#[test]
fn without_a_file_relative_paths_begin_at_the_working_directory() {
    let place = Place::bare();
    let text = place.run_to(0, &["status"]).stdout;
    assert!(text.contains(" ./ccfd-data/tables.db ") && text.contains(" ./ccfd-data "), "{text}");
}

#[test]
fn commands_that_only_read_need_no_keys_and_no_file_without_errors() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::new(&api.base_url);
    let daemon = place.start(&["run"]);
    wait_until("all records", || place.rows() == (10, 10));
    let sound = place.config();
    let place = place.without("OPENAI_ADMIN_KEY").without("OPENAI_API_KEY");
    let running = format!("running as process {}", daemon.id());
    for faulty in [
        sound.clone(),
        sound.replace("poll_interval", "pol_interval"),
        sound.replace("sinks = [\"local\"]", "sinks = [local]"),
        sound.replace("[collector.acme-chat]", "[collector.acme-chat"),
        format!("[log]\nlevel = \"loud\"\n{sound}"),
    ] {
        place.write("ccfd.toml", &faulty);
        let status = place.run_to(0, &["status"]);
        assert!(status.stdout.starts_with(&running), "{status:?}\n{faulty}");
        assert!(!status.stdout.contains("no longer configured"), "{status:?}");
        assert_eq!(status.stderr.is_empty(), faulty == sound, "{}", status.stderr);
        let sql = "SELECT count(*) FROM OpenAIAuditLogs_CL";
        assert_eq!(place.run_to(0, &["query", "--csv", sql]).stdout.lines().last(), Some("10"));
        place.run_to(0, &["rejects", "list"]);
        assert!(place.run_to(0, &["state", "show"]).stdout.contains("acme-audit/local"));
    }
    place.write("ccfd.toml", &sound.replace("dir = \"./state\"", "dir = ./state"));
    let ended = place.run_to(2, &["status"]);
    assert!(ended.stdout.is_empty(), "nothing is claimed of a directory that is guessed: {}", ended.stdout);
}

#[test]
fn without_a_file_and_keys_what_was_collected_can_still_be_read() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::bare()
        .with("CCFD__COLLECTOR__AUDIT_LOGS__BASE_URL", &api.base_url)
        .with("CCFD__COLLECTOR__CHAT_COMPLETIONS__BASE_URL", &api.base_url);
    place.run_to(0, &["run", "--once"]);
    let names = ["CCFD__COLLECTOR__AUDIT_LOGS__BASE_URL", "CCFD__COLLECTOR__CHAT_COMPLETIONS__BASE_URL"];
    let place =
        place.without("OPENAI_ADMIN_KEY").without("OPENAI_API_KEY").without(names[0]).without(names[1]);
    let status = place.run_to(0, &["status"]);
    assert!(status.stdout.contains("audit-logs/local") && status.stderr.is_empty(), "{status:?}");
    assert!(!status.stdout.contains("no longer configured"), "{}", status.stdout);
    assert_eq!(place.rows(), (10, 10));
    place.run_to(2, &["run", "--once"]);
}

#[test]
fn a_secret_file_that_everyone_can_read_is_refused() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::new(&api.base_url);
    place.replace("{ env = \"OPENAI_ADMIN_KEY\" }", "{ file = \"./key\" }");
    place.write("key", ADMIN_SECRET);
    set_mode(&place.path("key"), 0o644);
    let ended = place.run_to(3, &["run", "--once"]);
    assert!(ended.stderr.contains("is readable by everyone"), "{}", ended.stderr);
    assert!(place.run_to(3, &["check"]).stdout.contains("chmod o-r"));
    set_mode(&place.path("key"), 0o600);
    place.run_to(0, &["run", "--once"]);
}

/// What `ccfd status` says of the file in the current directory, with and without its name.
fn taken_when_named_alone(place: &Place, why: &str) {
    let ended = place.run_to(2, &["status"]);
    assert!(ended.stderr.contains(why) && ended.stderr.contains("name it with --config"), "{}", ended.stderr);
    place.run_to(0, &["status", "--config", "ccfd.toml"]);
}

#[test]
fn settings_that_everyone_can_write_are_not_taken_from_the_current_directory() {
    let place = Place::new("http://127.0.0.1:9/v1");
    set_mode(&place.path("ccfd.toml"), 0o666);
    taken_when_named_alone(&place, "is writable by everyone (mode 0666)");
}

#[test]
fn settings_of_another_user_are_not_taken_from_the_current_directory() {
    let place = Place::new("http://127.0.0.1:9/v1");
    // Only root can give a file away; to everybody else the rule is tried where it is made.
    if std::os::unix::fs::chown(place.path("ccfd.toml"), Some(12_345), None).is_ok() {
        taken_when_named_alone(&place, "belongs to user 12345, and ccfd runs as user 0");
    }
}

#[test]
fn what_windows_editors_make_of_settings_and_keys_is_read_or_named() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::new(&api.base_url);
    place.replace("{ env = \"OPENAI_ADMIN_KEY\" }", "{ file = \"./key\" }");
    let settings = place.config().replace('\n', "\r\n");
    place.write("ccfd.toml", &format!("\u{feff}{settings}"));
    place.write_secret("key", &format!("\u{feff}{ADMIN_SECRET}\r\n"));
    place.run_to(0, &["run", "--once"]);

    let utf_16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    fs::write(place.path("key"), utf_16(&format!("\u{feff}{ADMIN_SECRET}"))).unwrap();
    let ended = place.run_to(3, &["run", "--once"]);
    assert!(ended.stderr.contains("secret file ./key is not UTF-8 but UTF-16"), "{}", ended.stderr);
    fs::write(place.path("ccfd.toml"), utf_16(&settings)).unwrap();
    let ended = place.run_to(2, &["run", "--once"]);
    assert!(ended.stderr.contains("ccfd.toml: not UTF-8 but UTF-16"), "{}", ended.stderr);
}

#[test]
fn a_variable_may_name_another_place_for_a_key_than_the_file() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place =
        Place::new(&api.base_url).with("CCFD__COLLECTOR__ACME_AUDIT__HASH_KEY", "{ file = \"./hash\" }");
    let hashed = "hash = [\"actor.session.user.email\"]\nhash_key = { env = \"NOWHERE\" }\n";
    place.replace("source = \"audit_logs\"\n", &format!("source = \"audit_logs\"\n{hashed}"));
    place.write_secret("hash", &"0123456789abcdef".repeat(2));
    place.run_to(0, &["run", "--once"]);
}

#[test]
fn what_is_written_is_for_its_owner_alone() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    let mut files = files_below(&place.path("state"));
    assert!(files.len() > 3, "{files:?}");
    files.push(place.path("tables.db"));
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
