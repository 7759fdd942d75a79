//! Alerts on their way to their index: how long a case waits for them.

use std::{sync::atomic::Ordering, time::Duration};

use rusqlite::{Connection, params};
use tokio::time::sleep;

use super::{ALERTS_ROUTE, NOW, Scene};

/// Raises an alert, which the route to its sink delivers some time.
fn raise(scene: &Scene, id: &str, change: i64) {
    _ = scene.db();
    let sql = "INSERT INTO alert (uid, change, rule, edition, fields, created_at, changed_at, ep_from, ep_to, since, first_event_at,
                   last_event_at, event_count, head_to, record_ids, shown, tables, connectors, historical, staging, notify, live)
               VALUES (?1, ?2, 1, 1, '{}', ?3, ?3, 0, 0, 0, 0, 0, 1, 0, '[]', '{}', '[]', '[]', 0, 0, 1, 0)";
    let database = Connection::open(&scene.path).unwrap();
    database.execute(sql, params![id, change, NOW]).unwrap();
}

/// The route has delivered an alert, and all before it.
fn deliver(scene: &Scene, id: &str, change: i64) {
    let database = Connection::open(&scene.path).unwrap();
    let sql = "INSERT OR REPLACE INTO delivery VALUES (?1, 'es one', ?2, ?3, 1)";
    database.execute(sql, params![ALERTS_ROUTE, change, id]).unwrap();
    let sql = "INSERT INTO delivered VALUES (?1, ?2, ?3, 1)";
    database.execute(sql, params![ALERTS_ROUTE, id, scene.clock.now()]).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_not_delivered_to_its_sink_yet_is_waited_for_without_a_limit() {
    let scene = Scene::new(0);
    raise(&scene, "a-1", 1);
    raise(&scene, "a-2", 2);
    let case = scene.create("one");
    scene.attach_unfound(&case, &["a-1", "a-2"]);
    deliver(&scene, "a-1", 1);
    scene.kibana.places.lock().unwrap().insert("a-1".into(), "alerts-000001".into());
    let working = scene.start();
    sleep(Duration::from_secs(3 * 60 * 60)).await;
    assert_eq!(scene.attached(&case).0.len(), 1);
    let sending = scene.sending(&case);
    assert_eq!(sending.state, "waiting");
    assert!(sending.answer.unwrap().ends_with("1 alerts are not delivered to sink `es` yet"));
    let passes = scene.kibana.calls().iter().filter(|name| **name == "attachments").count();
    assert!(passes < 60, "{passes} times in three hours");
    deliver(&scene, "a-2", 2);
    scene.kibana.places.lock().unwrap().insert("a-2".into(), "alerts-000001".into());
    sleep(Duration::from_secs(400)).await;
    assert_eq!((scene.attached(&case).0.len(), scene.sending(&case).state), (2, "done".to_owned()));
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_case_whose_alerts_are_waited_for_gets_its_changes_at_once() {
    let scene = Scene::new(0);
    raise(&scene, "a-1", 1);
    let case = scene.create("one");
    scene.attach_unfound(&case, &["a-1"]);
    let working = scene.start();
    sleep(Duration::from_secs(60 * 60)).await;
    scene.comment(&case, "seen");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.attached(&case).1.len(), 2);
    assert_eq!(scene.sending(&case).state, "waiting");
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_looked_for_for_ten_minutes_after_its_delivery() {
    let scene = Scene::new(0);
    raise(&scene, "a-1", 1);
    let case = scene.create("one");
    scene.attach_unfound(&case, &["a-1"]);
    let working = scene.start();
    sleep(Duration::from_secs(60 * 60)).await;
    deliver(&scene, "a-1", 1);
    sleep(Duration::from_secs(500)).await;
    assert!(scene.sending(&case).answer.unwrap().ends_with("1 alerts are not in their index yet"));
    sleep(Duration::from_secs(200)).await;
    let sending = scene.sending(&case);
    assert_eq!(sending.state, "done");
    assert!(sending.answer.unwrap().contains("1 alerts are only in comments"));
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_the_sink_has_refused_is_given_up_after_ten_minutes() {
    let scene = Scene::new(0);
    raise(&scene, "a-1", 1);
    raise(&scene, "a-2", 2);
    deliver(&scene, "a-2", 2);
    let case = scene.create("one");
    scene.attach_unfound(&case, &["a-1"]);
    let working = scene.start();
    sleep(Duration::from_secs(700)).await;
    assert_eq!(scene.sending(&case).state, "done");
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_alerts_of_all_attachments_of_a_case_are_looked_for_at_once() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    for alert in ["a-1", "a-2", "a-3"] {
        scene.attach_unfound(&case, &[alert]);
    }
    scene.attach(&case, &["a-4"]);
    scene.send().await;
    assert_eq!(scene.kibana.searches.load(Ordering::Relaxed), 1);
    assert_eq!(scene.attached(&case).0.len(), 1);
    assert!(scene.sending(&case).answer.unwrap().contains("3 alerts"));
}

/// The lines of a log that name a case that waits.
fn said(log: &std::path::Path) -> usize {
    std::fs::read_to_string(log).unwrap().matches("WARN").count()
}

#[tokio::test(start_paused = true)]
async fn a_case_of_which_kibana_never_shows_all_is_said_once_shown_with_the_reason_and_no_success_at_the_end()
{
    let scene = Scene::new(0);
    let log = scene.path.with_extension("log");
    let file = std::sync::Arc::new(std::fs::File::create(&log).unwrap());
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(file).finish();
    let _guard = tracing::subscriber::set_default(lines);
    scene.kibana.shows_less.store(true, Ordering::Relaxed);
    scene.create("one");
    let failures = scene.send().await;
    assert!(failures.len() == 1 && failures[0].to_string().contains("#1"), "{failures:?}");
    assert_eq!(said(&log), 1);
    let working = scene.start();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(said(&log), 2, "once in the first run, once in the second");
    let shown = scene.status().waiting_last.unwrap_or_default();
    assert!(shown.starts_with("#1: ") && shown.contains("did not show all of it"), "{shown}");
    scene.kibana.shows_less.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(120)).await;
    assert_eq!((scene.status().waiting, scene.status().waiting_last), (0, None));
    working.stop.request();
    assert!(working.task.await.unwrap().is_empty());
    assert_eq!(said(&log), 2);
}
