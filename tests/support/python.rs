//! Clients of others, run by Python: the scripts of `tests/judges` in a virtual environment of their own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::judge::{self, Missing, available};

/// How long a script may take.
const SCRIPT_MAX: Duration = Duration::from_secs(60);

/// `let Some(python) = Python::shared() else { return };`
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// The environment, created at first use. Without one the tests are skipped, which is reported.
    pub fn shared() -> Option<&'static Self> {
        static PYTHON: OnceLock<Result<Python, Missing>> = OnceLock::new();
        available(PYTHON.get_or_init(Self::make))
    }

    /// Runs a script of `tests/judges`, and gives what it printed: one JSON value. A script that fails, fails the test.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.interpreter);
        // Isolated: `kibana.py` must not be taken for the package of that name.
        command.args(["-I", "-B"]).arg(judge::file("judges").join(script)).args(arguments);
        // No proxy of this machine may stand between the two.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        let output = bounded(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script} {arguments:?}: {} {said}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn make() -> Result<Self, Missing> {
        let cache = judge::cache("judges");
        fs::create_dir_all(&cache).unwrap();
        // Other test processes of the same build wait here, and find it made.
        let lock = File::create(cache.join("lock")).unwrap();
        lock.lock().unwrap();
        let wanted = fs::read(judge::file("judges/requirements.txt")).unwrap();
        let (venv, made) = (cache.join("venv"), cache.join("venv.made"));
        let interpreter = venv.join("bin/python");
        // The list of installed packages is written last, so that an incomplete environment is created again.
        if fs::read(&made).ok().as_ref() != Some(&wanted) {
            _ = fs::remove_dir_all(&venv);
            install(&venv, &interpreter).map_err(|reason| Missing::say("Python", reason))?;
            fs::write(made, wanted).unwrap();
        }
        Ok(Self { interpreter })
    }
}

fn install(venv: &Path, interpreter: &Path) -> Result<(), String> {
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(venv);
    let mut fill = Command::new(interpreter);
    fill.args(["-m", "pip", "install", "--quiet", "--no-input", "--requirement"]);
    fill.arg(judge::file("judges/requirements.txt"));
    for mut command in [make, fill] {
        let output =
            command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
        if !output.status.success() {
            return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    Ok(())
}

/// Runs a command to its end, or kills it.
fn bounded(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (ended, ending) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        if ending.recv_timeout(SCRIPT_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
            _ = kill_process(pid, Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    guard.join().unwrap();
    output
}
