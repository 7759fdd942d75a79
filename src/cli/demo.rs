//! `ccfd demo`: shows ccfd at work against the simulator, in a new directory; no account needed.

mod place;
mod plain_walk;
mod watch;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use collectors::Clock;
use place::DemoPlace;
use tokio::net::TcpListener;
use watch::{DemoCounts, DemoWatch};

use super::{
    Context,
    admin_task::AdminTask,
    block_on,
    exit::Exit,
    logging, query,
    run::{ADMIN_END_MAX, LAST_LINES, collect},
    store,
    text::{Align, grouped, print, table},
};
use crate::{
    config::{Config, Environment},
    daemon::{
        assembly::Assembly,
        control::control,
        signals::watch_stop,
        supervisor::{Mode, Supervisor},
    },
    pipeline::shutdown::shutdown,
    simulator::{SimulatedList, Simulator, SimulatorOptions, serve},
    tables,
    telemetry::Telemetry,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// An empty or new directory [default: a new one in the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How long new records keep appearing
    #[arg(long = "for", value_name = "D", default_value = "4s", value_parser = humantime::parse_duration)]
    traffic: Duration,
}

/// Habits of the simulated lists, each of which makes a plain collector lose or duplicate records.
const HABITS: &str = "ties,shuffle,newest,late";
/// Records of each list at the start; one page holds 100.
const AUDIT_LOGS: u64 = 2000;
const COMPLETIONS: u64 = 1000;
/// Additional records per second.
const LIVE_PER_SECOND: u32 = 20;
/// A demo that takes this long says how to watch it meanwhile.
const WATCHED_FROM: Duration = Duration::from_secs(15);
/// Rows of each table that are shown.
const ROWS_SHOWN: usize = 3;

pub fn run(_: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let place = DemoPlace::prepare(arguments.dir.as_deref())?;
    block_on(demo(&place, arguments.traffic))
}

async fn demo(place: &DemoPlace, traffic: Duration) -> anyhow::Result<Exit> {
    let api = SimulatedApi::start().await?;
    let file = place.write(api.port)?;
    // The demo must be the same everywhere, so environment variables do not apply.
    let environment = Environment::default();
    let mut config = Config::load(Some(&file), &environment, &[])?;
    config.log.level = tracing::Level::WARN;
    logging::start(&config.log);
    print(&format!(
        "a simulated OpenAI at http://127.0.0.1:{}/v1 with the habits {HABITS}\ncollecting both lists into {}\n{}\n",
        api.port,
        place.tables().display(),
        if traffic >= WATCHED_FROM { place.watching_commands() } else { String::new() }
    ))?;
    let (sender, stop) = shutdown();
    let stopper = watch_stop(sender)?;
    let store = store::open(&config.state, "ccfd demo")?;
    let assembly = Assembly::new(config, environment.clone());
    let supervisor = Supervisor::new(assembly.clone(), store.clone());
    let (control, orders) = control();
    let admin = AdminTask::start(&assembly, &store, control, &environment)?;
    let watch = DemoWatch {
        simulator: &api.simulator,
        stop_time: &|| api.stop_time(),
        registry: assembly.registry.clone(),
        tables: place.tables(),
        traffic,
    };
    let watching = async {
        let seen = watch.run(stop.clone()).await;
        stopper.request();
        seen
    };
    let telemetry = Telemetry::default();
    let ends = (&telemetry, &*stopper);
    let collecting = collect(&assembly, store, supervisor, Mode::default(), orders, stop.clone(), ends);
    let (collected, seen) = tokio::join!(collecting, watching);
    admin.end(stopper.share(ADMIN_END_MAX, LAST_LINES)).await?;
    collected?;
    match seen? {
        Some(seen) => end(place, &api.simulator, &seen),
        None => Ok(Exit::Failed),
    }
}

fn end(place: &DemoPlace, simulator: &Simulator, seen: &DemoCounts) -> anyhow::Result<Exit> {
    let mut out = comparison(simulator, seen)?;
    for (table, columns) in [
        (&tables::AUDIT_LOGS, "TimeGenerated, EventType, ActorType, Id, ConnectorName"),
        (&tables::CHAT_COMPLETIONS, "TimeGenerated, Model, Id, ConnectorName"),
    ] {
        let sql =
            format!("SELECT {columns} FROM {} ORDER BY TimeGenerated, Id LIMIT {ROWS_SHOWN}", table.name);
        let mut rows = Vec::new();
        query::as_table(&place.tables(), &sql, &mut rows)?;
        out += &format!("\nthe first rows of {}\n", table.name);
        out += &String::from_utf8_lossy(&rows);
    }
    out += &place.next_commands();
    print(&out)?;
    Ok(if seen.missing == 0 && seen.doubled == 0 { Exit::Done } else { Exit::Failed })
}

/// What the lists showed, what a plain cursor walk finds of it, and what is in the tables.
fn comparison(simulator: &Simulator, seen: &DemoCounts) -> anyhow::Result<String> {
    let (mut found, mut repeated) = (0, 0);
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
        let walk = plain_walk::walk(simulator, list)?;
        found += walk.records;
        repeated += walk.repeated;
    }
    let row = |who: &str, records: u64, missing: u64, duplicated: u64| {
        let mut row = vec![who.to_owned()];
        row.extend([records, missing, duplicated].map(grouped));
        row
    };
    let rows = [
        ["", "RECORDS", "MISSING", "DUPLICATED"].map(str::to_owned).to_vec(),
        vec!["in the lists".to_owned(), grouped(seen.issued)],
        row("a plain cursor walk", found, seen.issued.saturating_sub(found), repeated),
        row("ccfd", seen.in_tables, seen.missing, seen.doubled),
    ];
    Ok(table(&[Align::Left, Align::Right, Align::Right, Align::Right], &rows))
}

/// The simulator on a socket of this process, with which it ends.
struct SimulatedApi {
    simulator: Simulator,
    port: u16,
    /// The second at which its clock is stopped; `i64::MAX` while it runs.
    stopped_at: Arc<AtomicI64>,
}

impl SimulatedApi {
    async fn start() -> anyhow::Result<Self> {
        let stopped_at = Arc::new(AtomicI64::new(i64::MAX));
        let clock = {
            let (system, stopped_at) = (Clock::system(), stopped_at.clone());
            Clock::from_fn(move || system.now().min(stopped_at.load(Ordering::Relaxed)))
        };
        let options = SimulatorOptions {
            audit_logs: AUDIT_LOGS,
            completions: COMPLETIONS,
            habits: HABITS.parse()?,
            live_per_second: f64::from(LIVE_PER_SECOND),
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::new(options, clock)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        tokio::spawn(serve(listener, simulator.clone(), std::future::pending()));
        Ok(Self { simulator, port, stopped_at })
    }

    /// Stops its clock: no new records appear, so that the existing ones can be counted.
    fn stop_time(&self) {
        self.stopped_at.store(Clock::system().now(), Ordering::Relaxed);
    }
}
