//! Order, cursors and ties.

use std::collections::BTreeMap;

use super::*;

fn completions(habits: &str) -> Simulator {
    simulator(SimulatorOptions { completions: 500, ..options(habits) })
}

#[test]
fn a_tied_cursor_loses_exactly_the_rest_of_its_second() {
    for (habits, order) in [("ties,shuffle", "asc"), ("ties", "desc")] {
        let simulator = completions(habits);
        let second: BTreeMap<_, _> = simulator.issued(SimulatedList::Completions).into_iter().collect();
        let target = format!("{CHAT}?order={order}&limit=20");
        let found = walk_by_last_id(&simulator, &target);
        let edges: BTreeSet<_> = found.chunks(20).map(|page| second[&page[page.len() - 1]]).collect();
        let all = issued(&simulator, SimulatedList::Completions);
        let lost: Vec<_> = all.iter().filter(|id| !found.contains(*id)).collect();
        assert!(!lost.is_empty(), "the seed has ties on page edges");
        assert!(lost.iter().all(|id| edges.contains(&second[*id])));
    }
}

#[test]
fn without_ties_and_shuffle_a_walk_by_last_id_finds_everything_once() {
    for order in ["asc", "desc"] {
        let simulator = completions("");
        let found = walk_by_last_id(&simulator, &format!("{CHAT}?order={order}&limit=7"));
        assert_eq!(found.len(), 500);
        assert_eq!(
            found.into_iter().collect::<BTreeSet<_>>(),
            issued(&simulator, SimulatedList::Completions)
        );
    }
}

#[test]
fn shuffle_changes_the_order_inside_a_second_only() {
    for (habits, differs) in [("shuffle", true), ("", false)] {
        let simulator = completions(habits);
        let target = format!("{CHAT}?limit=100");
        let (one, two) = (page(&simulator, &target), page(&simulator, &target));
        assert_eq!(ids(&one) != ids(&two), differs);
        assert_eq!(seconds(&one, "created"), seconds(&two, "created"));
    }
}

#[test]
fn lists_answer_newest_first_by_default() {
    let first_is_newest = |habits: &str, target: &str, field| {
        let simulator = simulator(SimulatorOptions { audit_logs: 50, completions: 50, ..options(habits) });
        let seconds = seconds(&page(&simulator, target), field);
        seconds.first() > seconds.last()
    };
    assert!(first_is_newest("newest", CHAT, "created"));
    assert!(first_is_newest("newest", AUDIT, "effective_at"));
    assert!(!first_is_newest("oldest", CHAT, "created"));
    assert!(!first_is_newest("oldest", AUDIT, "effective_at"));
    assert!(!first_is_newest("newest", &format!("{CHAT}?order=asc"), "created"));
    assert!(first_is_newest("oldest", &format!("{CHAT}?order=desc"), "created"));
    assert!(first_is_newest("oldest,order-ignored", &format!("{CHAT}?order=asc"), "created"));
}

#[test]
fn before_answers_the_page_that_ends_at_its_record() {
    let simulator = simulator(SimulatorOptions { audit_logs: 300, ..options("") });
    let all = walk_by_last_id(&simulator, &format!("{AUDIT}?limit=100"));
    let page = page(&simulator, &format!("{AUDIT}?limit=10&before={}", all[50]));
    assert_eq!(ids(&page), all[40..50]);
    assert_eq!(page["has_more"], true);
}

#[test]
fn after_a_deleted_record_each_habit_answers_its_own_way() {
    let ask = |habits: &str| {
        let simulator = completions(habits);
        let first = page(&simulator, &format!("{CHAT}?order=asc"));
        let cursor = ids(&first)[10].clone();
        assert!(simulator.delete(&cursor));
        (get(&simulator, &format!("{CHAT}?order=asc&after={cursor}")), ids(&first))
    };
    let (missing, _) = ask("deleted-404");
    assert_eq!((missing.status, json(&missing)["error"]["code"].as_str()), (404, Some("not_found")));
    let (empty, _) = ask("deleted-empty");
    assert_eq!(
        &empty.body[..],
        br#"{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}"#
    );
    let (ignored, before) = ask("deleted-ignored");
    assert_eq!(ids(&json(&ignored))[..10], before[..10]);
}

#[test]
fn null_edges_and_endless_has_more_change_only_the_envelope() {
    let simulator = completions("null-edges,has-more-forever");
    let page = page(&simulator, &format!("{CHAT}?limit=100&metadata[none]=such"));
    assert!(page["first_id"].is_null() && page["last_id"].is_null());
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (0, &Value::from(true)));
}
