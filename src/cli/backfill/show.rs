//! Progress of a backfill: a bar on a terminal, lines elsewhere.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::pipeline::progress::{RouteState, RouteStatus};

/// How often a line is written if there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

pub struct BackfillDisplay {
    bar: Option<ProgressBar>,
    began: Instant,
    next_line: Instant,
    /// Seconds of the window.
    seconds: i64,
    /// Records delivered by earlier runs.
    before: u64,
}

impl BackfillDisplay {
    pub fn new(seconds: i64, before: u64) -> Self {
        let began = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(seconds));
        Self { bar, began, next_line: began + LINE_INTERVAL, seconds, before }
    }

    /// How long it has been shown.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn show(&mut self, status: &RouteStatus) {
        let covered = status.remaining_seconds.map_or(0, |remaining| (self.seconds - remaining).max(0));
        let rate = (status.delivered.saturating_sub(self.before)) as f64 / self.began.elapsed().as_secs_f64();
        match &self.bar {
            Some(bar) => {
                let doing = if status.state == RouteState::CatchingUp {
                    String::new()
                } else {
                    format!(" ({})", status.state)
                };
                bar.set_position(covered.unsigned_abs());
                bar.set_message(format!("{} records, {rate:.0}/s{doing}", status.delivered));
            }
            None if Instant::now() >= self.next_line => {
                self.next_line += LINE_INTERVAL;
                self.line(status, covered, rate);
            }
            None => {}
        }
    }

    fn line(&self, status: &RouteStatus, covered: i64, rate: f64) {
        let left = (covered > 0)
            .then(|| self.began.elapsed().as_secs_f64() * (self.seconds - covered) as f64 / covered as f64);
        tracing::info!(
            records = status.delivered,
            records_per_second = rate as u64,
            covered_percent = covered * 100 / self.seconds.max(1),
            eta_seconds = left.map(|left| left as u64),
            "backfill"
        );
    }
}

fn bar(seconds: i64) -> ProgressBar {
    let bar = ProgressBar::new(seconds.unsigned_abs());
    let template = "{wide_bar} {percent:>3}% of the time covered  {msg}  ETA {eta}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
