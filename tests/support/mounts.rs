//! Small, full and read-only disks, and another `/etc/hosts`: mounts that only the processes of a test see. Made in a namespace of
//! the user, so that nobody needs to be root.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use super::judge::{Missing, available};

/// A namespace of mounts, as long as this lives.
pub struct Mounts {
    /// Waits for the end of its standard input.
    holder: Child,
}

impl Mounts {
    /// Runs a script of mounts in a directory; `None`, said loudly, where this machine lets nobody make any.
    pub fn new(dir: &Path, script: &str) -> Option<Self> {
        static ALLOWED: OnceLock<Result<(), Missing>> = OnceLock::new();
        let allowed = ALLOWED.get_or_init(|| match hold(Path::new("/"), "true") {
            Ok(_) => Ok(()),
            Err(reason) => Err(Missing::say("a namespace of mounts", reason)),
        });
        available(allowed)?;
        Some(hold(dir, script).unwrap())
    }

    /// The command, to be run among these mounts in a directory. Its process is that of the command.
    pub fn within(&self, dir: &Path, command: &Command) -> Command {
        let mut entering = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        entering
            .args([
                "--preserve-credentials",
                "-U",
                "-m",
                "-t",
                &holder,
                "sh",
                "-c",
                "cd \"$1\" && shift && exec \"$@\"",
                "sh",
            ])
            .arg(dir)
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            entering.env(name, value.unwrap_or_default());
        }
        entering
    }

    /// Runs another script among the mounts.
    pub fn run(&self, dir: &Path, script: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        assert!(self.within(dir, &command).status().unwrap().success(), "{script}");
    }

    /// A file as the processes among the mounts see it.
    pub fn path(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(path.strip_prefix("/").unwrap())
    }

    /// Leaves no byte free in a directory.
    pub fn fill(&self, dir: &Path) {
        let mut filler = File::create(self.filler(dir)).unwrap();
        for bytes in [64 << 10, 4 << 10, 1] {
            while filler.write_all(&vec![0; bytes]).is_ok() {}
        }
    }

    /// Takes back what [`Mounts::fill`] did.
    pub fn free(&self, dir: &Path) {
        fs::remove_file(self.filler(dir)).unwrap();
    }

    fn filler(&self, dir: &Path) -> PathBuf {
        self.path(dir).join("filler")
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        _ = self.holder.wait();
    }
}

fn hold(dir: &Path, script: &str) -> Result<Mounts, String> {
    let script = format!("set -e\n{script}\necho ready\nexec cat");
    let mut holder = Command::new("unshare")
        .args(["-r", "-m", "sh", "-c", &script])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("unshare: {error}"))?;
    let mut said = String::new();
    _ = BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut said);
    if said.as_bytes() == b"ready\n" {
        return Ok(Mounts { holder });
    }
    let mut wrong = String::new();
    _ = holder.stderr.take().unwrap().read_to_string(&mut wrong);
    _ = holder.wait();
    Err(wrong.trim().to_owned())
}
