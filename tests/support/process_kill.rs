//! The real binary against a simulator on a socket: started, killed, started again, and judged by what it left.

use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ccfd::simulator::{SimulatedList, Simulator, SimulatorOptions, serve};
use collectors::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    observed::Observed,
    process::wait_until,
    wire::{ADMIN_KEY, PROJECT_KEY},
};

/// Each list with its collector and its table.
pub const LISTS: [(SimulatedList, &str); 2] = [
    (SimulatedList::AuditLogs, "OpenAIAuditLogs_CL"),
    (SimulatedList::Completions, "OpenAIChatCompletions_CL"),
];

/// The names and the sections of both embedded sinks.
pub const EMBEDDED: (&[&str], &str) = (
    &["tables", "lines"],
    r#"
    [sink.tables]
    type = "sqlite"
    path = "tables.db"
    free_min = "0B"
    [sink.lines]
    type = "ndjson"
    dir = "lines"
    free_min = "0B"
    "#,
);

/// A simulator that listens, a directory with a configuration, and the processes that are started in it.
pub struct Site {
    pub simulator: Simulator,
    dir: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Site {
    /// Both lists into both embedded sinks, all in a hurry.
    pub fn new(options: SimulatorOptions) -> Self {
        let (names, sinks) = EMBEDDED;
        Self::into(options, names, sinks)
    }

    /// Both lists into the sinks of these names, whose sections are given.
    pub fn into(options: SimulatorOptions, names: &[&str], sinks: &str) -> Self {
        Self::configured(options, |url| hurried(url, names, sinks))
    }

    /// With the configuration that is made of the simulator's base URL.
    pub fn configured(options: SimulatorOptions, config: impl FnOnce(&str) -> String) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let simulator = Simulator::new(options, Clock::system()).expect("options");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(serve(listener, simulator.clone(), std::future::pending()));
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("ccfd.toml"), config(&format!("http://{address}/v1"))).expect("a file");
        Self { simulator, dir, _runtime: runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccfd"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("ADMIN_KEY", ADMIN_KEY)
            .env("PROJECT_KEY", PROJECT_KEY)
            .stdin(Stdio::null());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Process {
        self.start_with(arguments, &[])
    }

    /// With more variables in its environment than the two keys.
    pub fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary");
        let mut stderr = child.stderr.take().expect("piped");
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            _ = stderr.read_to_string(&mut log);
            log
        });
        Process { child, log }
    }

    /// Adds records to both lists, some of which show a moment after their own second.
    pub fn grow(&self, count: usize) {
        let now = Clock::system().now();
        for number in 0..count as i64 {
            let (second, visible_at) = (now - number % 3, now + number % 2);
            self.simulator.push_audit(second, visible_at);
            self.simulator.push_completion(second, visible_at);
        }
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("a file");
    }

    /// How many rows the table of a list holds.
    pub fn rows(&self, list: SimulatedList) -> usize {
        let tables = rusqlite::Connection::open(self.path("tables.db")).expect("a database");
        let (_, table) = LISTS.into_iter().find(|(one, _)| *one == list).expect("a table");
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = tables.query_row(&sql, [], |row| row.get(0)).expect("a count");
        usize::try_from(count).expect("a number of rows")
    }

    /// Every issued record is in the table once, and as issued.
    pub fn assert_tables_hold_everything(&self) {
        let tables = rusqlite::Connection::open(self.path("tables.db")).expect("a database");
        for (list, table) in LISTS {
            let mut query = tables.prepare(&format!("SELECT Id, Record FROM {table}")).expect("a table");
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            let rows: HashMap<String, String> = rows.expect("rows").map(|row| row.expect("a row")).collect();
            let issued = self.simulator.issued(list);
            let missing: Vec<_> = issued.iter().filter(|(id, _)| !rows.contains_key(id)).collect();
            assert!(missing.is_empty(), "missing in {table}: {missing:?}");
            for (id, _) in &issued {
                let body = self.simulator.body_of(id).expect("not deleted");
                assert_eq!(rows[id].as_bytes(), &body[..], "{id} is another in {table}");
            }
            assert_eq!(rows.len(), issued.len(), "{table} holds more than was issued");
        }
    }

    /// Reads everything that is left. Only the clock of this machine makes it so that what shows late has shown, and that
    /// the next sweep is due.
    pub fn read_the_rest(&self) {
        std::thread::sleep(Duration::from_secs(2));
        let ended = self.start(&["run", "--once"]).wait();
        ended.assert_nothing_for_a_person();
        assert!(ended.status.success(), "{}", ended.log);
    }

    /// Every line is whole and every issued record is in one. Returns how many lines repeat another one.
    pub fn repeats_in_lines(&self) -> usize {
        let mut repeats = 0;
        for (list, table) in LISTS {
            let mut times: HashMap<String, usize> = HashMap::new();
            for line in lines_below(&self.path("lines"), table) {
                let record: serde_json::Value = serde_json::from_str(&line).expect("a whole line");
                let id = record["id"].as_str().expect("an id").to_owned();
                *times.entry(id).or_default() += 1;
            }
            let issued = self.simulator.issued(list);
            let missing = issued.iter().filter(|(id, _)| !times.contains_key(id)).count();
            assert_eq!(missing, 0, "of {} issued are missing in {table}", issued.len());
            assert_eq!(times.len(), issued.len(), "{table} holds more than was issued");
            repeats += times.values().map(|times| times - 1).sum::<usize>();
        }
        repeats
    }
}

/// Both lists, all in a hurry, into the sinks of these names.
pub fn hurried(base_url: &str, names: &[&str], sinks: &str) -> String {
    format!(
        r#"
        [state]
        dir = "state"
        [pipeline]
        batch_wait = "20ms"
        commit_interval = "100ms"
        [log]
        format = "json"
        [default.collector]
        base_url = "{base_url}"
        start = "all"
        poll_interval = "1s"
        sweep_interval = "1s"
        overlap = "20s"
        rate_limit_qps = 25
        sinks = {names:?}
        [collector.audit]
        source = "audit_logs"
        api_key = {{ env = "ADMIN_KEY" }}
        [collector.chat]
        source = "chat_completions"
        api_key = {{ env = "PROJECT_KEY" }}
        {sinks}
        "#
    )
}

/// The lines of all files of one table.
pub fn lines_below(dir: &Path, table: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        if name.starts_with(table) {
            let text = fs::read_to_string(&path).expect("text");
            assert!(text.is_empty() || text.ends_with('\n'), "{name} ends within a line");
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines
}

/// A running binary.
pub struct Process {
    child: Child,
    log: JoinHandle<String>,
}

/// How a process ended, and what it said.
pub struct Ended {
    pub status: ExitStatus,
    pub took: Duration,
    pub log: String,
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it run for a moment, which is what the test is about: at any instant, not at a known one.
    pub fn kill_after(mut self, moment: Duration) -> Ended {
        std::thread::sleep(moment);
        self.child.kill().expect("killed");
        self.wait()
    }

    /// As the service manager asks for a stop, so long after the process began to listen to it.
    pub fn terminate_after(self, moment: Duration) -> Ended {
        let process = Observed::of(self.child.id());
        wait_until("a handler of SIGTERM", || process.has_ended() || process.catches(Signal::TERM));
        std::thread::sleep(moment);
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("signalled");
        self.wait()
    }

    pub fn wait(mut self) -> Ended {
        let asked = Instant::now();
        let status = self.child.wait().expect("waited for");
        let log = self.log.join().expect("no panic");
        Ended { status, took: asked.elapsed(), log }
    }
}

impl Ended {
    /// A kill may cut a line of the log; nothing else may be wrong.
    pub fn assert_nothing_for_a_person(&self) {
        let wrong = self.log.lines().find(|line| {
            let said: Result<serde_json::Value, _> = serde_json::from_str(line);
            match said {
                Ok(said) => said["level"] == "ERROR",
                Err(_) => !line.starts_with('{'),
            }
        });
        assert_eq!(wrong, None, "{}", self.log);
    }
}
