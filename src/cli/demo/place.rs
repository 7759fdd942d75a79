//! The demo's directory: two keys, a configuration, and later the state and the tables. It is not removed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::cli::UsageError;

/// The longest path of a Unix socket: `sun_path` has 108 bytes, with the zero at its end.
const SOCKET_PATH_MAX: usize = 107;

/// The directory of the demo.
pub struct DemoPlace {
    dir: PathBuf,
    /// The same as text, for the files and commands that name it.
    text: String,
}

impl DemoPlace {
    /// Uses the given directory if it is empty, or a new one.
    pub fn prepare(wanted: Option<&Path>) -> anyhow::Result<Self> {
        let dir = match wanted {
            Some(dir) => {
                fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
                let mut entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
                if entries.next().is_some() {
                    let text = format!("--dir: {} is not empty", dir.display());
                    return Err(UsageError(text).into());
                }
                fs::canonicalize(dir)?
            }
            None => tempfile::Builder::new()
                .prefix("ccfd-demo-")
                .tempdir()
                .context("cannot make a temporary directory; name one with --dir")?
                .keep(),
        };
        match dir.to_str() {
            Some(text) => Ok(Self { text: text.to_owned(), dir }),
            None => Err(UsageError(format!("--dir: {} is not UTF-8", dir.display())).into()),
        }
    }

    /// The database.
    pub fn tables(&self) -> PathBuf {
        self.dir.join("tables.db")
    }

    /// Writes keys and configuration; returns the path of the configuration.
    pub fn write(&self, port: u16) -> io::Result<PathBuf> {
        fs::write(self.dir.join("admin-key"), "sk-admin-demo\n")?;
        fs::write(self.dir.join("project-key"), "sk-proj-demo\n")?;
        let path = |name: &str| toml_text(&format!("{}/{name}", self.text));
        let (state, tables) = (path("state"), path("tables.db"));
        let (admin, project) = (path("admin-key"), path("project-key"));
        let admin_listen = toml_text(&self.admin_listen());
        let file = self.dir.join("ccfd.toml");
        fs::write(
            &file,
            format!(
                r#"# Written by `ccfd demo`. For the real API remove base_url and the intervals, which are short for the demo.
[state]
dir = {state}

# `ccfd status`, `top` and `tail` reach the demo here.
[admin]
listen = {admin_listen}

[default.collector]
base_url = "http://127.0.0.1:{port}/v1"
start = "8d"
poll_interval = "1s"
sweep_interval = "1s"
rate_limit_qps = 50
sinks = ["local"]

[collector.demo-audit]
source = "audit_logs"
api_key = {{ file = {admin} }}

[collector.demo-chat]
source = "chat_completions"
api_key = {{ file = {project} }}

[sink.local]
type = "sqlite"
path = {tables}
"#
            ),
        )?;
        Ok(file)
    }

    /// A socket in the directory: a port might be in use. Empty, for none, where its path is too long for a socket.
    fn admin_listen(&self) -> String {
        let socket = format!("{}/admin.sock", self.text);
        if socket.len() <= SOCKET_PATH_MAX { format!("unix:{socket}") } else { String::new() }
    }

    /// Commands that show a running demo, to type into another terminal.
    pub fn watching_commands(&self) -> String {
        let (ccfd, config) = self.words();
        let reachable = !self.admin_listen().is_empty();
        let commands: &[&str] = if reachable { &["status", "top", "tail"] } else { &["status"] };
        let lines: String =
            commands.iter().map(|command| format!("  {ccfd} --config {config} {command}\n")).collect();
        format!("watch it from another terminal:\n{lines}")
    }

    /// Commands to try next, ready to paste into a shell.
    pub fn next_commands(&self) -> String {
        let (ccfd, config) = self.words();
        format!(
            "
everything is in {}; next steps:

  {ccfd} --config {config} query \"SELECT EventType, count(*) AS n FROM OpenAIAuditLogs_CL GROUP BY 1 ORDER BY n DESC\"
  {ccfd} --config {config} status
  {ccfd} demo --for 10m    # records keep arriving; it says how to watch them
",
            self.text
        )
    }

    /// This program and the configuration, as words of a shell.
    fn words(&self) -> (String, String) {
        let ccfd = std::env::args().next().unwrap_or_else(|| "ccfd".to_owned());
        (shell_word(&ccfd), shell_word(&format!("{}/ccfd.toml", self.text)))
    }
}

/// A basic string of TOML. Its escapes are those of JSON.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_leaves_the_admin_interface_out() {
        let place = |text: &str| DemoPlace { dir: text.into(), text: text.to_owned() };
        let (short, long) = (place(&"d".repeat(96)), place(&"d".repeat(97)));
        assert_eq!(short.admin_listen().len(), "unix:".len() + SOCKET_PATH_MAX);
        assert!(short.watching_commands().contains(" tail\n"));
        assert_eq!(long.admin_listen(), "");
        assert!(
            long.watching_commands().contains(" status\n") && !long.watching_commands().contains(" tail")
        );
    }

    #[test]
    fn a_path_with_blanks_and_quotes_stays_one_word_of_the_shell() {
        assert_eq!(shell_word("/tmp/a b/it's"), r"'/tmp/a b/it'\''s'");
        assert_eq!(shell_word("target/debug/ccfd"), "target/debug/ccfd");
    }
}
