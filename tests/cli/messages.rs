//! `include_messages`, as an operator switches it on and looks after it.

use std::{fs, path::Path};

use crate::support::process::{Place, Simulated};

const WITH_MESSAGES: &str = "[collector.acme-chat]\ninclude_messages = true";

/// A simulator of completions that were asked this, and nothing else.
fn asked(address: &str, dir: &Path, questions: &[&str]) -> Simulated {
    let lines = questions.iter().enumerate().map(|(number, question)| {
        format!(
            r#"{{"object":"chat.completion","id":"chatcmpl-{number}","created":{}}}
{{"completion_id":"chatcmpl-{number}","id":"chatcmpl-{number}-0","role":"user","content":"{question}","content_parts":null,"name":null}}
"#,
            1_770_000_000 + number
        )
    });
    let file = dir.join("records.ndjson");
    fs::write(&file, lines.collect::<String>()).unwrap();
    let records = ["--audit-logs", "0", "--completions", "0", "--records", file.to_str().unwrap()];
    Simulated::listening(address, &records)
}

fn with_messages(api: &Simulated) -> Place {
    let place = Place::new(&api.base_url);
    place.replace("start = \"8d\"", "start = \"all\"");
    place.replace("[collector.acme-chat]", WITH_MESSAGES);
    place
}

fn messages(place: &Place, condition: &str) -> u64 {
    place.number(&format!("SELECT count(*) FROM OpenAIChatCompletions_CL WHERE Messages {condition}"))
}

#[test]
fn messages_become_a_column_and_stand_in_the_record_by_their_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let api = asked("127.0.0.1:0", dir.path(), &["Which way?", "And now?"]);
    let place = with_messages(&api);
    place.run_to(0, &["run", "--once"]);
    assert_eq!(messages(&place, "->> '$[0].content' = 'Which way?'"), 1);
    assert_eq!(messages(&place, "= Record ->> '$.ccfd_messages'"), 2);
    let route = place.status()["routes"][1].clone();
    assert_eq!((&route["source"], &route["messages_requests"]), (&"chat_completions".into(), &2.into()));
}

#[test]
fn switched_on_later_it_continues_where_it_was_and_an_older_database_gets_the_column() {
    let dir = tempfile::tempdir().unwrap();
    let api = asked("127.0.0.1:0", dir.path(), &["Which way?"]);
    let place = with_messages(&api);
    place.replace(WITH_MESSAGES, "[collector.acme-chat]");
    place.run_to(0, &["run", "--once"]);
    let database = rusqlite::Connection::open(place.path("tables.db")).unwrap();
    database.execute_batch("ALTER TABLE OpenAIChatCompletions_CL DROP COLUMN Messages").unwrap();
    drop(database);
    let address = api.address();
    drop(api);
    let _api = asked(&address, dir.path(), &["Which way?", "And now?"]);
    place.replace("[collector.acme-chat]", WITH_MESSAGES);
    let ended = place.run_to(0, &["run", "--once"]);
    assert!(ended.stderr.contains("added a column"), "{}", ended.stderr);
    assert_eq!((messages(&place, "IS NULL"), messages(&place, "->> '$[0].content' = 'And now?'")), (1, 1));
    // What was delivered without can be had with them elsewhere, or after it was removed here.
    let database = rusqlite::Connection::open(place.path("tables.db")).unwrap();
    database.execute_batch("DELETE FROM OpenAIChatCompletions_CL WHERE Messages IS NULL").unwrap();
    drop(database);
    place.run_to(0, &["backfill", "--collector", "acme-chat", "--from", "beginning", "--to", "2027-01-01"]);
    assert_eq!((messages(&place, "IS NULL"), messages(&place, "IS NOT NULL")), (0, 2));
}

#[test]
fn what_is_missing_is_said_once_with_a_reason_and_counted() {
    let api =
        Simulated::start(&["--audit-logs", "0", "--completions", "250", "--habits", "messages-forbidden"]);
    let place = with_messages(&api);
    let ended = place.run_to(0, &["run", "--once"]);
    assert_eq!(place.rows().1, 250);
    assert_eq!(messages(&place, "= '{\"missing\":\"forbidden\"}'"), 250);
    assert_eq!(ended.stderr.matches("without their messages").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("give the key the permission to read the messages"), "{}", ended.stderr);
    let route = place.status()["routes"][1].clone();
    assert_eq!(route["messages_missing"]["forbidden"], 250);
    let shown = place.run(&["status"]).stdout;
    assert!(shown.contains("were delivered without their messages: 250 forbidden"), "{shown}");
}

#[test]
fn check_reads_a_message_of_the_newest_completion_and_says_what_keeps_it_from_that() {
    let some = ["--audit-logs", "5", "--completions", "20", "--habits"];
    let said = |habits: &str, code: i32, change: &str| {
        let api = Simulated::start(&[&some[..], &[habits]].concat());
        let place = with_messages(&api);
        place.replace(WITH_MESSAGES, &format!("{WITH_MESSAGES}\n{change}"));
        place.run_to(code, &["check"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = said("ties", 0, "");
    assert!(text.contains("ok messages acme-chat those of the newest completion can be read"), "{text}");
    let text = said("messages-forbidden", 3, "");
    assert!(
        text.contains("FAIL messages acme-chat the API key lacks the permission api.model.read"),
        "{text}"
    );
    assert!(text.contains("give the key the permission to read the messages"), "{text}");
    let text = said("ties", 0, "preset = \"no-content\"");
    assert!(text.contains("warn messages acme-chat every message is requested, then dropped"), "{text}");
    let api = Simulated::start(&["--audit-logs", "5", "--completions", "0"]);
    let text = with_messages(&api).run_to(0, &["check"]).stdout;
    assert!(text.contains("no completion to test it with"), "{text}");
}
