//! The reports of a state directory, and the chain of their hashes: one line each, never removed by ccfd.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{DIR, report::Report, verdict::Verdict};
use crate::pipeline::{names::route_name, verified::LastVerification};

/// The file of the chain.
const CHAIN: &str = "chain.ndjson";
/// The file with the last line of each route.
const LAST: &str = "last.json";
/// How the file of a report begins.
const REPORT_PREFIX: &str = "report-";
/// More bytes than a line has.
const END_BYTES: u64 = 64 << 10;
/// How many whole reports are kept; older ones are removed, and their line stays.
const REPORTS_MAX: usize = 200;

/// A line of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The run.
    pub run: String,
    /// The collector.
    pub collector: String,
    /// The sink.
    pub sink: String,
    /// First time of the window.
    pub from: String,
    /// The time before which it ends.
    pub to: String,
    /// When the report was made.
    pub at: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its differences that nothing explains.
    pub unexplained: u64,
    /// Its hash.
    pub sha256: String,
    /// The hash of the report before.
    pub before: Option<String>,
}

/// The last report of each route, by the name of the route.
pub fn last(state_dir: &Path) -> io::Result<BTreeMap<String, Link>> {
    match fs::read(state_dir.join(DIR).join(LAST)) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// The same, as a status shows them. A file that cannot be read shows nothing.
pub fn verified(state_dir: &Path) -> HashMap<String, LastVerification> {
    let last = last(state_dir).unwrap_or_else(|error| {
        tracing::warn!(%error, "results of verifications cannot be read");
        BTreeMap::new()
    });
    last.into_iter().map(|(route, link)| (route, LastVerification::from(link))).collect()
}

impl From<Link> for LastVerification {
    fn from(link: Link) -> Self {
        let at = chrono::DateTime::parse_from_rfc3339(&link.at).map_or(0, |at| at.timestamp());
        let Link { run, from, to, verdict, unexplained, .. } = link;
        Self { run, at, from, to, verdict: verdict.word().to_owned(), unexplained }
    }
}

/// Seals a report with the hash of the one before, stores it, and adds its line. Returns where it is.
pub fn append(state_dir: &Path, report: &mut Report) -> io::Result<PathBuf> {
    let dir = state_dir.join(DIR);
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    // One at a time, also beside another process; released with the file.
    let mut chain =
        OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(dir.join(CHAIN))?;
    chain.lock()?;
    let end = end_of(&mut chain)?;
    report.seal(last_link(&end).map(|link| link.sha256))?;
    let path = path(state_dir, &report.run);
    replace(&dir, &path, &serde_json::to_vec_pretty(report)?)?;
    let link = Link::of(report);
    let mut line = serde_json::to_vec(&link)?;
    line.push(b'\n');
    // After a line that a kill tore, the next one would be unreadable too.
    if !end.is_empty() && !end.ends_with(b"\n") {
        line.insert(0, b'\n');
    }
    chain.write_all(&line)?;
    chain.sync_all()?;
    // A damaged file is only a view of the chain.
    let mut last = last(state_dir).unwrap_or_default();
    last.insert(route_name(&report.collector, &report.sink), link);
    replace(&dir, &dir.join(LAST), &serde_json::to_vec(&last)?)?;
    remove_old(&dir)?;
    Ok(path)
}

/// Where the report of a run is.
pub fn path(state_dir: &Path, run: &str) -> PathBuf {
    state_dir.join(DIR).join(format!("{REPORT_PREFIX}{run}.json"))
}

impl Link {
    /// The line of a report.
    pub fn of(report: &Report) -> Self {
        Self {
            run: report.run.clone(),
            collector: report.collector.clone(),
            sink: report.sink.clone(),
            from: report.from.clone(),
            to: report.to.clone(),
            at: report.clock.local.clone(),
            verdict: report.verdict,
            unexplained: report.totals.unexplained,
            sha256: report.sha256.clone(),
            before: report.before.clone(),
        }
    }
}

/// The last bytes of the chain: more than a line.
fn end_of(chain: &mut File) -> io::Result<Vec<u8>> {
    let size = chain.metadata()?.len();
    chain.seek(SeekFrom::Start(size.saturating_sub(END_BYTES)))?;
    let mut end = Vec::new();
    chain.read_to_end(&mut end)?;
    Ok(end)
}

/// The last whole line.
fn last_link(end: &[u8]) -> Option<Link> {
    end.split(|byte| *byte == b'\n').rev().find_map(|line| serde_json::from_slice(line).ok())
}

/// A reader sees the old file or the new one.
pub(super) fn replace(dir: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes the oldest whole reports: their names begin with their time.
fn remove_old(dir: &Path) -> io::Result<()> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(REPORT_PREFIX) {
            reports.push(name);
        }
    }
    reports.sort();
    let old = reports.len().saturating_sub(REPORTS_MAX);
    reports.iter().take(old).try_for_each(|name| fs::remove_file(dir.join(name)))
}
