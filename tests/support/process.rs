//! The real binary in a directory of its own, and a simulator as its OpenAI. Whatever is started ends with the test.

use std::{
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub const ADMIN_SECRET: &str = "sk-admin-verysecretadmin";
pub const PROJECT_SECRET: &str = "sk-proj-verysecretproject";

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// A directory in which ccfd is started, with both keys in the environment.
pub struct Place {
    dir: TempDir,
    environment: Vec<(String, String)>,
}

/// A process that ended: what it said and how.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A process that runs; killed when dropped.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    // Keeps the two files.
    _output: TempDir,
}

impl Place {
    /// An empty directory, without a configuration.
    pub fn bare() -> Self {
        Self { dir: TempDir::new().unwrap(), environment: Vec::new() }
            .with("OPENAI_ADMIN_KEY", ADMIN_SECRET)
            .with("OPENAI_API_KEY", PROJECT_SECRET)
            // Daemons of other tests run beside this one.
            .with("CCFD__ADMIN__LISTEN", "127.0.0.1:0")
    }

    /// A directory with a ccfd.toml: both collectors, an SQLite sink, the API at `base_url`.
    pub fn new(base_url: &str) -> Self {
        let place = Self::bare();
        place.write("ccfd.toml", &config(base_url));
        place
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// A file for its owner alone, as a secret must be.
    pub fn write_secret(&self, name: &str, content: &str) {
        self.write(name, content);
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    pub fn config(&self) -> String {
        fs::read_to_string(self.path("ccfd.toml")).unwrap()
    }

    /// Changes the configuration.
    pub fn replace(&self, from: &str, to: &str) {
        let text = self.config();
        assert!(text.contains(from), "{from} is not in the configuration");
        self.write("ccfd.toml", &text.replace(from, to));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccfd"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }

    /// Runs a command to its end. Nothing that ccfd ever says may hold a key.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let ended = self.start(arguments).wait();
        for secret in [ADMIN_SECRET, PROJECT_SECRET] {
            let tail = &secret[secret.len() - 12..];
            assert!(
                !ended.stdout.contains(tail) && !ended.stderr.contains(tail),
                "a key was shown: {ended:?}"
            );
        }
        ended
    }

    /// Runs a command that must end with this code.
    pub fn run_to(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(code), "ccfd {arguments:?}: {ended:#?}");
        ended
    }

    /// The single number that a query answers; 0 while there are no tables.
    pub fn number(&self, sql: &str) -> u64 {
        let ended = self.run(&["query", "--csv", sql]);
        let last = ended.stdout.lines().last().unwrap_or_default();
        last.parse().unwrap_or(0)
    }

    /// How many rows both tables hold: audit events, completions.
    pub fn rows(&self) -> (u64, u64) {
        let count = |table| self.number(&format!("SELECT count(*) FROM {table}"));
        (count("OpenAIAuditLogs_CL"), count("OpenAIChatCompletions_CL"))
    }

    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["status", "--json"]).stdout).unwrap()
    }
}

impl Running {
    pub fn start(command: Command) -> Self {
        Self::start_into(command, None, None)
    }

    /// With something else than a file as its standard output or standard error.
    pub fn start_into(mut command: Command, out: Option<Stdio>, err: Option<Stdio>) -> Self {
        let output = TempDir::new().unwrap();
        let (stdout, stderr) = (output.path().join("out"), output.path().join("err"));
        let (out_file, err_file) = (File::create(&stdout).unwrap(), File::create(&stderr).unwrap());
        command.stdout(out.unwrap_or_else(|| out_file.into())).stderr(err.unwrap_or_else(|| err_file.into()));
        let child = command.spawn().unwrap();
        Self { child, stdout, stderr, _output: output }
    }

    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Waits until a line of standard error holds this text.
    pub fn wait_for_log(&mut self, text: &str) {
        wait_until(text, || {
            let ended = self.child.try_wait().unwrap();
            let found = self.stderr().contains(text);
            assert!(found || ended.is_none(), "ended before it said {text:?}: {}", self.stderr());
            found
        });
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub fn wait(mut self) -> Ended {
        let mut status = None;
        wait_until("the process to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        assert_ne!(status.code(), Some(101), "a panic: {}", self.stderr());
        assert_ne!(status.signal(), Some(6), "aborted: {}", self.stderr());
        Ended { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// `ccfd simulate`, listening.
pub struct Simulated {
    pub base_url: String,
    _running: Running,
}

impl Simulated {
    pub fn start(arguments: &[&str]) -> Self {
        Self::listening("127.0.0.1:0", arguments)
    }

    pub fn listening(address: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccfd"));
        command.args(["simulate", "--listen", address]).args(arguments).env_clear();
        let running = Running::start(command);
        wait_until("the simulator's address", || running.stdout().ends_with('\n'));
        Self { base_url: running.stdout().trim().to_owned(), _running: running }
    }

    /// `127.0.0.1:port`, to listen there again.
    pub fn address(&self) -> String {
        let url = self.base_url.strip_prefix("http://").unwrap();
        url.strip_suffix("/v1").unwrap().to_owned()
    }
}

/// Looks until it is so, or fails at the deadline.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(LOOK_INTERVAL);
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

fn config(base_url: &str) -> String {
    format!(
        r#"
[state]
dir = "./state"
lock_wait = "200ms"

[pipeline]
batch_wait = "100ms"

[default.collector]
base_url = "{base_url}"
start = "8d"
poll_interval = "1s"
sweep_interval = "1s"
rate_limit_qps = 1000
sinks = ["local"]

[collector.acme-audit]
source = "audit_logs"
api_key = {{ env = "OPENAI_ADMIN_KEY" }}

[collector.acme-chat]
source = "chat_completions"
api_key = {{ env = "OPENAI_API_KEY" }}

[sink.local]
type = "sqlite"
path = "./tables.db"
"#
    )
}
