use std::{collections::BTreeSet, fs, sync::Arc};

use ccfd::{
    admin::metrics::render,
    metrics::{MetricsSnapshot, SinkMetrics, families, markdown},
    pipeline::{
        byte_budget::ByteBudget,
        counters::BatchCounts,
        progress::{Progress, RouteState, RouteStatus},
        stage::Stage,
        verified::LastVerification,
    },
    sinks::counters::{SinkCounters, TokenCounters},
};
use collectors::{Anomaly, RequestOutcome};
use tempfile::TempDir;

use crate::support::promtool::Promtool;

const NOW: i64 = 1_770_979_925;

fn route(collector: &str, dir: &TempDir) -> Progress {
    let status = RouteStatus {
        route: format!("{collector}/sentinel"),
        collector: collector.to_owned(),
        source: if ["alerts", "runs", "actions", "cases"].contains(&collector) {
            collector
        } else {
            "audit_logs"
        }
        .to_owned(),
        waiting: 7,
        sink: "sentinel".to_owned(),
        state: RouteState::Live,
        last_record: Some(NOW - 45),
        watermark: Some(NOW - 1_900),
        last_read: Some(NOW - 20),
        dedup_ids: 17,
        verified: Some(LastVerification {
            at: NOW - 600,
            verdict: "differs".to_owned(),
            unexplained: 2,
            ..LastVerification::default()
        }),
        ..RouteStatus::default()
    };
    let progress = Progress::new(status, Arc::default());
    progress.count(|counters| {
        counters.source.count(RequestOutcome::Answered(200));
        counters.source.count(RequestOutcome::Unreachable);
        counters.source.note(Anomaly::RepeatedPage);
        counters.fetched = 1_003;
        counters.late.observe(420.0);
        counters.batch(BatchCounts {
            records: 1_000,
            already_there: 100,
            cut: 2,
            cut_gone: 1,
            rejected: vec!["unusable", "refused"],
            refused: 1,
        });
        counters.writes.observe(0.3);
        counters.commits.observe(0.004);
        counters.retry(Stage::Writing, "throttled");
        counters.parks = [0, 1];
        counters.succeeded = [Some(NOW - 20), Some(NOW - 25)];
    });
    let rejects = dir.path().join("rejects.ndjson");
    fs::write(&rejects, "x".repeat(512)).unwrap();
    progress.watch(ByteBudget::new(16 << 20), rejects);
    progress
}

fn sink() -> SinkMetrics {
    let requests = [
        (RequestOutcome::Answered(204), 12),
        (RequestOutcome::Answered(429), 1),
        (RequestOutcome::TooLarge, 1),
    ];
    let tokens = Some(TokenCounters { issued: 3, failed: 1 });
    SinkMetrics::new("sentinel", "logs_ingestion", SinkCounters { requests: requests.into(), tokens })
}

fn snapshot(collectors: &[&str]) -> MetricsSnapshot {
    let dir = TempDir::new().unwrap();
    let routes: Vec<Progress> = collectors.iter().map(|name| route(name, &dir)).collect();
    let unfit = vec![("OpenAIAuditLogs_CL".into(), "EffectiveAt".into(), 3)];
    MetricsSnapshot { version: "1.2.3", unfit, ..MetricsSnapshot::of(&routes, vec![sink()], NOW) }
}

/// The samples of a page, without their values.
fn samples(page: &str) -> Vec<&str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

#[test]
fn the_page_of_a_busy_route_reads_like_this() {
    assert_eq!(render(&snapshot(&["acme-audit"])).unwrap(), include_str!("page.txt"));
}

#[test]
fn the_manual_has_a_row_for_every_metric_that_a_busy_route_shows() {
    let snapshot = snapshot(&["acme-audit", "alerts", "runs", "actions", "cases"]);
    let manual = markdown();
    let rows: Vec<&str> = manual.lines().skip(2).filter_map(|row| row.split('`').nth(1)).collect();
    let shown = families(&snapshot).filter(|family| !family.series.is_empty());
    assert_eq!(rows, shown.map(|family| family.name).collect::<Vec<_>>());
}

#[test]
fn only_routes_of_rows_actions_and_cases_show_how_many_of_them_wait() {
    let page = render(&snapshot(&["acme-audit", "alerts", "runs", "actions", "cases"])).unwrap();
    let is_waiting = |line: &&str| {
        line.split('{').next().is_some_and(|name| name.ends_with("s_waiting") && !name.starts_with('#'))
    };
    let waiting: Vec<&str> = page.lines().filter(is_waiting).collect();
    let wanted = [
        r#"ccfd_alerts_waiting{collector="alerts",sink="sentinel",source="alerts"} 7"#,
        r#"ccfd_connector_runs_waiting{collector="runs",sink="sentinel",source="runs"} 7"#,
        r#"ccfd_actions_waiting{collector="actions",sink="sentinel",source="actions"} 7"#,
        r#"ccfd_cases_waiting{collector="cases",sink="sentinel",source="cases"} 7"#,
    ];
    assert_eq!(waiting, wanted);
}

#[test]
fn prometheus_finds_nothing_to_complain_about() {
    let Some(promtool) = Promtool::shared() else { return };
    // The second name needs every kind of escape.
    let page = render(&snapshot(&["acme-audit", "a\"b\\c\nd"])).unwrap();
    assert_eq!(promtool.run(&["check", "metrics"], &page), Ok(String::new()));
}

#[test]
fn a_route_that_has_not_begun_shows_what_it_knows() {
    let route = Progress::new(RouteStatus::default(), Arc::default());
    let page = render(&MetricsSnapshot::of(&[route], Vec::new(), NOW)).unwrap();
    assert!(
        page.contains(r#"ccfd_route_state{collector="",sink="",source="",state="starting"} 1"#),
        "{page}"
    );
    assert!(page.contains("ccfd_records_delivered_total") && !page.contains("_lag_seconds"), "{page}");
}

#[test]
fn no_two_samples_have_the_same_name_and_labels_although_a_backfill_runs_beside_its_route() {
    let page = render(&snapshot(&["acme-audit", "acme-audit", "other"])).unwrap();
    let samples = samples(&page);
    assert_eq!(samples.iter().collect::<BTreeSet<_>>().len(), samples.len());
    assert!(
        page.contains(r#"ccfd_sink_write_duration_seconds_count{sink="sentinel",type="logs_ingestion"} 3"#)
    );
}
