//! Kills the process hundreds of times at random moments, including start-up: the store always opens without
//! recovery and contains everything that was acknowledged.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use crate::support::{Cursor, cursor, fresh_dir, open};

const DIR: &str = "STATE_KILL_TEST_DIR";
/// Number of kills; set it to thousands on demand.
const CYCLES: &str = "STATE_KILL_TEST_CYCLES";

/// The process to be killed: it commits rising numbers, each also as a part, and prints each one.
#[tokio::test]
async fn commits_rising_numbers_when_it_is_run_to_be_killed() {
    let Some(dir) = env::var_os(DIR) else { return };
    let opened = open(Path::new(&dir)).unwrap();
    assert_eq!(opened.recovery, None);
    let mut checkpoint = cursor(&opened.store, "killed");
    let saved = checkpoint.load().await.unwrap();
    let mut number = saved.as_ref().map_or(0, |saved| saved.cursor.settled);
    let whole = saved.is_none_or(|saved| saved.parts.iter().any(|(_, value)| value == &padded(number)));
    assert!(whole, "head {number} is there without its part");
    let mut out = std::io::stdout();
    writeln!(out, "\nloaded {number}").unwrap();
    loop {
        number += 1;
        let key = vec![u8::try_from(number % 16).unwrap()];
        checkpoint.commit(&Cursor::at(number), vec![(key, Some(padded(number)))]).await.unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
    }
}

/// Large enough that sled writes some pages to files of their own.
fn padded(number: i64) -> Vec<u8> {
    number.to_be_bytes().repeat(1_024)
}

fn start(dir: &Path) -> (Child, Receiver<String>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["kill::commits_rising_numbers_when_it_is_run_to_be_killed", "--exact", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (lines, received) = channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    (child, received)
}

#[test]
fn no_kill_loses_what_was_acknowledged_or_leaves_a_store_that_does_not_open() {
    let (mut dir, mut acknowledged, mut loads) = (fresh_dir(), 0_i64, 0_u64);
    let mut random = Random(0x5DEE_CE66_D1CE_4E5B);
    let start_up = start_up_time();
    let cycles = env::var(CYCLES).map_or(240, |cycles| cycles.parse().unwrap());
    for cycle in 0..cycles {
        if cycle % 8 == 0 {
            // The first start can be killed anywhere, too.
            (dir, acknowledged) = (fresh_dir(), 0);
        }
        let (mut child, lines) = start(dir.path());
        // Two of three kills hit the start-up, however long it takes on this machine.
        let mut deadline = Instant::now() + start_up.mul_f64(random.below(150) as f64 / 100.0);
        let mut note = |line: String, deadline: &mut Instant| {
            let mut words = line.split(' ');
            let (word, number) = (words.next(), words.next().and_then(|number| number.parse().ok()));
            match (word, number) {
                (Some("loaded"), Some(number)) => {
                    assert!(number >= acknowledged, "cycle {cycle}: {acknowledged} was lost, found {number}");
                    acknowledged = number;
                    loads += 1;
                    *deadline += Duration::from_micros(random.below(10_000));
                }
                (Some("acknowledged"), Some(number)) => acknowledged = number,
                (Some(_) | None, _) => {}
            }
        };
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => note(line, &mut deadline),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("cycle {cycle}: the store did not open as it was left")
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.iter().for_each(|line| note(line, &mut deadline));
    }
    assert!(loads > cycles / 10, "only {loads} starts were survived: this proves nothing");
    assert_eq!(open(dir.path()).unwrap().recovery, None);
}

/// How long the first start takes until it has loaded.
fn start_up_time() -> Duration {
    let dir = fresh_dir();
    let began = Instant::now();
    let (mut child, lines) = start(dir.path());
    assert!(lines.iter().any(|line| line.starts_with("loaded")));
    let took = began.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    took
}

/// Repeatable and random enough to spread kills: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
