//! Changes the configuration while the routes run: only the affected ones are restarted.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    assembly::Assembly,
    cases,
    control::{OrderError, Reloaded},
    routes::WantedRoute,
    secrets::{Secrets, Touched},
    supervisor::Supervisor,
};
use crate::{
    config::{CollectorSettings, Config},
    reasons::with_reasons,
    sinks::registry,
};

impl Supervisor {
    pub(super) async fn reload_settings(&mut self) -> Result<Reloaded, OrderError> {
        let Some(reload) = &self.reload else {
            return Err(OrderError::Usage("this command does not read its configuration again".to_owned()));
        };
        let advice = "ccfd continues with the old settings; fix the file, test it with `ccfd check`, and \
                      reload again";
        let config = reload().map_err(|error| {
            let error = with_reasons(&error);
            tracing::error!(error, advice, "configuration not loaded");
            OrderError::Usage(format!("{error}\n{advice}"))
        })?;
        for (name, sink) in &config.sinks {
            registry::check_files(sink).map_err(|error| {
                tracing::error!(sink = name, error, advice, "configuration not loaded");
                OrderError::Usage(format!("sink.{name}: {error}\n{advice}"))
            })?;
        }
        let now = &self.assembly.config;
        if config.state.dir != now.state.dir {
            let (is, wanted) = (now.state.dir.display(), config.state.dir.display());
            let error = format!("state.dir cannot change from {is} to {wanted} while ccfd runs");
            let advice = "ccfd continues with the old settings; to change it, stop ccfd, move the directory, start \
                 it again";
            tracing::error!(error, advice, "configuration not loaded");
            return Err(OrderError::Usage(format!("{error}\n{advice}")));
        }
        let at_next_start = at_next_start(now, &config);
        let reloaded = Reloaded { at_next_start, ..self.take_up(config, &Touched::default()).await };
        tracing::info!(
            started = reloaded.started.len(),
            restarted = reloaded.restarted.len(),
            ended = reloaded.ended.len(),
            unchanged = reloaded.unchanged,
            at_next_start = reloaded.at_next_start.join(", "),
            "configuration loaded"
        );
        Ok(reloaded)
    }

    /// Reopens everything that uses a file that has changed.
    pub(super) async fn take_up_secrets(&mut self, touched: Touched) {
        let names = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let (collectors, sinks) = (names(&touched.collectors), names(&touched.sinks));
        tracing::info!(collectors, sinks, "secret or certificate has changed, reopening");
        let config = self.assembly.config.clone();
        self.take_up(config, &touched).await;
    }

    async fn take_up(&mut self, config: Config, touched: &Touched) -> Reloaded {
        let before = self.assembly.clone();
        let after = before.with_config(config);
        let wanted = after.wanted(false, false);
        // The configuration may be equal although a key file has changed, so both are compared.
        let is_unchanged = |one: &WantedRoute| {
            !touched.collectors.contains(&one.collector)
                && !touched.sinks.contains(&one.sink)
                && is_same(&before, &after, &one.collector, &one.sink)
        };
        let ending: Vec<String> = self
            .running
            .iter()
            .filter(|(name, running)| {
                // A backfill is in no configuration; it continues unless its collector or sink changes.
                let still = !running.follows() || wanted.iter().any(|one| one.checkpoint == **name);
                !still || !is_unchanged(&running.wanted)
            })
            .map(|(name, _)| name.clone())
            .collect();
        // Collected before the stop, which removes them from `running`.
        let backfills: Vec<WantedRoute> = ending
            .iter()
            .filter_map(|name| self.running.get(name))
            .filter(|running| !running.follows())
            .map(|running| running.wanted.clone())
            .collect();
        // The configured routes and not the running ones: a paused or ended route is not new.
        let had: BTreeSet<String> =
            before.wanted(false, false).into_iter().map(|one| one.checkpoint).collect();
        // Routes first, then their sinks: a sink that is closed under a route would fail its batch in flight.
        self.stop(&ending).await;
        let sinks = changed_sinks(&before.config, &after.config, touched);
        // From here on nobody can build a sink from the old settings.
        self.current.send_replace(after.clone());
        before.close_sinks(Some(&sinks), before.config.pipeline.stop_timeout).await;

        // Keeps what the old configuration knew of the files: a change that was not noticed yet must not get
        // lost.
        self.secrets = Secrets::of(&after.config, &after.environment).after(&self.secrets);
        self.assembly = after;
        let mut reloaded = Reloaded::default();
        for name in had.iter().filter(|name| wanted.iter().all(|one| one.checkpoint != **name)) {
            self.assembly.registry.remove(name);
            reloaded.ended.push(name.clone());
        }
        match cases::changed_route(&before.config, &self.assembly.config) {
            (Some(was), Some(is)) if was == is => reloaded.restarted.push(is),
            (was, is) => {
                reloaded.ended.extend(was);
                reloaded.started.extend(is);
            }
        }
        let mut starting = Vec::new();
        for one in wanted {
            match (had.contains(&one.checkpoint), ending.contains(&one.checkpoint)) {
                (false, _) => reloaded.started.push(one.checkpoint.clone()),
                (true, true) => reloaded.restarted.push(one.checkpoint.clone()),
                (true, false) => {
                    reloaded.unchanged += 1;
                    continue;
                }
            }
            starting.push(one);
        }
        self.start_unless_paused(starting);
        // Started directly: a stopped collector is no reason to pause a backfill that an operator started.
        for one in backfills {
            let name = one.checkpoint.clone();
            if self.start(one)
                && let Some(backfill) = self.backfills.get_mut(&name)
            {
                backfill.ended = None;
            }
        }
        reloaded
    }
}

/// Whether a route is the same with both settings.
fn is_same(before: &Arc<Assembly>, after: &Arc<Assembly>, collector: &str, sink: &str) -> bool {
    // Another sink in the collector\'s list does not concern this route.
    let alone = |settings: &CollectorSettings| CollectorSettings { sinks: Vec::new(), ..settings.clone() };
    let (old, new) = (&before.config, &after.config);
    let (Some(was), Some(is)) = (old.collectors.get(collector), new.collectors.get(collector)) else {
        return false;
    };
    old.pipeline == new.pipeline
        && old.sinks.get(sink) == new.sinks.get(sink)
        && old.retries.get(sink) == new.retries.get(sink)
        && alone(was) == alone(is)
        && before.rates(was) == after.rates(is)
}

/// Sinks to close: changed ones, which are built again when used, and removed ones.
fn changed_sinks(old: &Config, new: &Config, touched: &Touched) -> Vec<String> {
    let changed = |name: &String| touched.sinks.contains(name) || old.sinks.get(name) != new.sinks.get(name);
    old.sinks.keys().filter(|name| changed(name)).cloned().collect()
}

/// The sections that a running daemon cannot change: what they configure was opened at its start.
fn at_next_start(old: &Config, new: &Config) -> Vec<String> {
    let sections = [
        ("state", old.state != new.state),
        ("log", old.log != new.log),
        ("admin", old.admin != new.admin),
        ("telemetry", old.telemetry != new.telemetry),
    ];
    sections.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect()
}
