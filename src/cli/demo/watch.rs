//! Watches the demo: lets records appear for a while, stops the clock, waits until everything has arrived,
//! and counts.

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::text::{counted, grouped, say},
    pipeline::{
        progress::{RouteState, RouteStatus},
        route_registry::RouteRegistry,
        shutdown::Shutdown,
    },
    simulator::{SimulatedList, Simulator},
    sinks::sqlite::query::{self, QueryError, ResultCell, Rows},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS},
};

/// How often to check.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How often a line is written if there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(1);
/// How long everything may take to arrive once the clock is stopped.
const ARRIVAL_MAX: Duration = Duration::from_secs(120);

/// What to watch.
pub struct DemoWatch<'a> {
    pub simulator: &'a Simulator,
    /// Stops the simulator's clock.
    pub stop_time: &'a (dyn Fn() + Sync),
    pub registry: RouteRegistry,
    pub tables: PathBuf,
    /// How long new records appear.
    pub traffic: Duration,
}

/// Counts at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DemoCounts {
    /// Records that the lists showed.
    pub issued: u64,
    /// Rows in the tables.
    pub in_tables: u64,
    /// Records without a row.
    pub missing: u64,
    /// Records that were delivered to the tables more than once.
    pub doubled: u64,
}

impl DemoWatch<'_> {
    /// Returns when everything has arrived or no longer can; `None` if shutdown was requested before.
    pub async fn run(&self, mut stop: Shutdown) -> anyhow::Result<Option<DemoCounts>> {
        let display = DemoDisplay::new();
        let began = Instant::now();
        let mut deadline: Option<Instant> = None;
        let seen = loop {
            if stop.or_sleep(LOOK_INTERVAL).await {
                display.end();
                return Ok(None);
            }
            let delivered: u64 = self.registry.statuses().iter().map(|one| one.delivered).sum();
            display.show(&self.registry.statuses(), self.issued(), delivered);
            match deadline {
                None if began.elapsed() >= self.traffic && self.caught_up() => {
                    (self.stop_time)();
                    deadline = Some(Instant::now() + ARRIVAL_MAX);
                }
                None => {}
                // Counting reads both tables, so it waits until the counts can match.
                Some(deadline) if delivered >= self.issued() || Instant::now() >= deadline => {
                    let seen = self.count()?;
                    if seen.missing == 0 || Instant::now() >= deadline {
                        break seen;
                    }
                }
                Some(_) => {}
            }
        };
        display.end();
        Ok(Some(seen))
    }

    fn caught_up(&self) -> bool {
        self.registry.statuses().iter().all(|one| one.state == RouteState::Live)
    }

    fn issued(&self) -> u64 {
        let visible = |list| self.simulator.visible(list).len() as u64;
        visible(SimulatedList::AuditLogs) + visible(SimulatedList::Completions)
    }

    fn count(&self) -> Result<DemoCounts, QueryError> {
        let mut seen = DemoCounts::default();
        for (list, table) in
            [(SimulatedList::AuditLogs, &AUDIT_LOGS), (SimulatedList::Completions, &CHAT_COMPLETIONS)]
        {
            let rows = ids(&self.tables, &table.name)?;
            let issued = self.simulator.visible(list);
            seen.issued += issued.len() as u64;
            seen.in_tables += rows.total;
            seen.doubled += rows.total - rows.ids.len() as u64;
            seen.missing += issued.iter().filter(|id| !rows.ids.contains(*id)).count() as u64;
        }
        seen.doubled += self.registry.statuses().iter().map(|one| one.already_there).sum::<u64>();
        Ok(seen)
    }
}

#[derive(Default)]
struct SeenIds {
    ids: HashSet<String>,
    total: u64,
}

impl Rows for SeenIds {
    fn columns(&mut self, _: &[&str]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, values: &[ResultCell<'_>]) -> io::Result<()> {
        self.total += 1;
        if let Some(ResultCell::Text(id)) = values.first() {
            self.ids.insert((*id).to_owned());
        }
        Ok(())
    }
}

fn ids(tables: &Path, table: &str) -> Result<SeenIds, QueryError> {
    let mut ids = SeenIds::default();
    query::run(tables, &format!("SELECT Id FROM {table}"), &mut ids)?;
    Ok(ids)
}

/// A bar on a terminal, lines elsewhere.
enum DemoDisplay {
    Bar(ProgressBar),
    Lines(std::cell::Cell<Option<Instant>>),
}

impl DemoDisplay {
    fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines(std::cell::Cell::new(None));
        }
        let bar = ProgressBar::new(0);
        let template = "{wide_bar} {human_pos} of {human_len} records  {msg}";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self::Bar(bar)
    }

    fn show(&self, routes: &[RouteStatus], issued: u64, delivered: u64) {
        let states: Vec<String> =
            routes.iter().map(|status| format!("{} {}", status.source, status.state)).collect();
        let states = states.join(", ");
        match self {
            Self::Bar(bar) => {
                bar.set_length(issued);
                bar.set_position(delivered.min(issued));
                bar.set_message(states);
            }
            Self::Lines(last) if last.get().is_none_or(|last| last.elapsed() >= LINE_INTERVAL) => {
                last.set(Some(Instant::now()));
                say(format_args!("{} of {} ({states})", grouped(delivered), counted(issued, "record")));
            }
            Self::Lines(_) => {}
        }
    }

    fn end(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines(_) => {}
        }
    }
}
