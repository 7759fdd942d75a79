//! Prometheus' own tool, which knows what a page of metrics and a file of rules must look like. From the package of Debian.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use super::judge::{self, Missing, available};

const PACKAGE: &str = "prometheus";

/// `let Some(promtool) = Promtool::shared() else { return };`
pub struct Promtool {
    program: PathBuf,
}

impl Promtool {
    /// The tool, downloaded at first use. Without it the tests are skipped, which is reported.
    pub fn shared() -> Option<&'static Self> {
        static PROMTOOL: OnceLock<Result<Promtool, Missing>> = OnceLock::new();
        available(PROMTOOL.get_or_init(Self::fetch))
    }

    /// Runs it, and gives what it said: as an error when it finds fault.
    pub fn run(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It reads all of it before it says anything.
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        if status.success() { Ok(said) } else { Err(said) }
    }

    fn fetch() -> Result<Self, Missing> {
        let cache = judge::cache("judges");
        fs::create_dir_all(&cache).unwrap();
        // Other test processes of the same build wait here, and find it made.
        let lock = File::create(cache.join("promtool.lock")).unwrap();
        lock.lock().unwrap();
        let root = cache.join(PACKAGE);
        let program = root.join("usr/bin/promtool");
        if !program.is_file() {
            unpack(&cache, &root).map_err(|reason| Missing::say("promtool", reason))?;
        }
        Ok(Self { program })
    }
}

/// Nothing is installed: the package is laid out beside the build.
fn unpack(cache: &Path, root: &Path) -> Result<(), String> {
    let packages = tempfile::tempdir_in(cache).unwrap();
    let mut download = Command::new("apt-get");
    download.args(["download", "--quiet", PACKAGE]).current_dir(packages.path());
    run(download)?;
    let mut found = fs::read_dir(packages.path()).unwrap();
    let package = found.next().ok_or("apt-get left no package")?.unwrap().path();
    // Only a whole one gets its name.
    let half = tempfile::tempdir_in(cache).unwrap();
    let mut lay_out = Command::new("dpkg");
    lay_out.arg("--extract").arg(package).arg(half.path());
    run(lay_out)?;
    fs::rename(half.keep(), root).map_err(|error| error.to_string())
}

fn run(mut command: Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {said}")) }
}
