//! Progress of a backfill: a bar on a terminal, lines elsewhere.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::{
    cli::text::{counted, grouped},
    pipeline::{
        pace::BackfillPace,
        progress::{RouteState, RouteStatus},
    },
};

/// How often a line is written if there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

pub struct BackfillDisplay {
    bar: Option<ProgressBar>,
    pace: BackfillPace,
    began: Instant,
    next_line: Instant,
    /// Records delivered by earlier runs.
    before: u64,
}

impl BackfillDisplay {
    pub fn new(seconds: i64, before: u64) -> Self {
        let began = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(seconds));
        Self { bar, pace: BackfillPace::new(seconds), began, next_line: began + LINE_INTERVAL, before }
    }

    /// How long it has been shown.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn show(&mut self, status: &RouteStatus) {
        self.pace.note(status);
        let new = status.delivered.saturating_sub(self.before);
        let rate = new as f64 / self.began.elapsed().as_secs_f64();
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.pace.covered().unsigned_abs());
                bar.set_message(message(status, rate, self.pace.rest()));
            }
            None if Instant::now() >= self.next_line => {
                self.next_line += LINE_INTERVAL;
                self.line(status, rate);
            }
            None => {}
        }
    }

    /// Shows the end: the summary takes the place of the bar.
    pub fn end(&mut self, status: &RouteStatus) {
        self.show(status);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, status: &RouteStatus, rate: f64) {
        tracing::info!(
            records = status.delivered,
            records_per_second = rate as u64,
            covered_percent = self.pace.percent(),
            eta_seconds = self.pace.rest().map(|rest| rest.as_secs()),
            "backfill"
        );
    }
}

/// What is beside the bar.
fn message(status: &RouteStatus, rate: f64, rest: Option<Duration>) -> String {
    let doing = match (status.state, status.crowded) {
        (RouteState::CatchingUp, Some(crowd)) => {
            format!(" (reading a crowded second: {} so far)", grouped(crowd.found))
        }
        (RouteState::CatchingUp, None) => String::new(),
        (
            RouteState::Starting
            | RouteState::Searching
            | RouteState::Live
            | RouteState::BackingOff
            | RouteState::Parked
            | RouteState::Paused
            | RouteState::Stopped,
            _,
        ) => format!(" ({})", status.state),
    };
    let rest = rest.map_or_else(String::new, |rest| {
        let seconds = Duration::from_secs(rest.as_secs());
        format!("  ETA {}", humantime::format_duration(seconds))
    });
    let records = counted(status.delivered, "record");
    format!("{records}, {}/s{doing}{rest}", grouped(rate as u64))
}

fn bar(seconds: i64) -> ProgressBar {
    let bar = ProgressBar::new(seconds.unsigned_abs());
    let template = "{wide_bar} {percent:>3}% of the time covered  {msg}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_the_bar_is_what_the_route_does_and_how_long_it_takes() {
        let mut status = RouteStatus { delivered: 1_234, ..RouteStatus::default() };
        status.state = RouteState::Searching;
        assert_eq!(message(&status, 0.4, None), "1,234 records, 0/s (searching)");
        status.state = RouteState::CatchingUp;
        let rest = Some(Duration::from_millis(63_900));
        assert_eq!(message(&status, 2_500.0, rest), "1,234 records, 2,500/s  ETA 1m 3s");
    }
}
