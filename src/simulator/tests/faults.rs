//! Faults, and that they do not last for ever.

use super::*;

fn hostile(habits: &str) -> Simulator {
    simulator(SimulatorOptions { audit_logs: 300, ..options(habits) })
}

/// Asks often for different things and answers every reply.
fn many(simulator: &Simulator, key: &str) -> Vec<Reply> {
    (0..400)
        .map(|count| simulator.answer(&Request::get(&format!("{AUDIT}?limit=90&n={count}"), key)))
        .collect()
}

#[test]
fn throttling_tells_the_time_to_wait_in_each_spelling() {
    let replies = many(&hostile("throttle"), ADMIN);
    let throttled: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(throttled.iter().all(|reply| json(reply)["error"]["code"] == "rate_limit_exceeded"));
    let spellings: BTreeSet<_> = throttled
        .iter()
        .map(|reply| {
            (reply.header("retry-after").map(|value| value.ends_with("GMT")), reply.header("retry-after-ms"))
        })
        .collect();
    assert_eq!(
        spellings,
        BTreeSet::from([(None, None), (None, Some("250")), (Some(false), None), (Some(true), None)])
    );
}

#[test]
fn errors_are_500_503_and_a_closed_connection() {
    let replies = many(&hostile("errors"), ADMIN);
    for status in [500, 503] {
        assert!(replies.iter().any(|reply| reply.status == status));
    }
    assert!(replies.iter().any(|reply| reply.cut == Some(0)));
    let html = replies.iter().find(|reply| reply.status == 503).unwrap();
    assert_eq!(html.header("content-type"), Some("text/html"));
}

#[test]
fn bodies_are_cut_followed_by_garbage_or_in_several_documents() {
    let replies = many(&hostile("cut"), ADMIN);
    assert!(replies.iter().any(|reply| reply.cut.is_some_and(|cut| cut > 0 && cut < reply.body.len())));
    assert!(replies.iter().any(|reply| reply.body.ends_with(b"<!-- upstream")));
    let several = replies.iter().map(|reply| {
        let documents = serde_json::Deserializer::from_slice(&reply.body).into_iter::<Value>();
        documents.collect::<Result<Vec<_>, _>>().unwrap_or_default()
    });
    let several: Vec<_> = several.filter(|documents| documents.len() > 1).collect();
    assert!(!several.is_empty());
    for documents in several {
        assert_eq!(documents.iter().flat_map(ids).collect::<BTreeSet<_>>().len(), 90);
        assert!(documents.iter().all(|document| document["has_more"] == true));
    }
}

#[test]
fn a_repeated_request_gets_through() {
    let simulator = hostile("throttle,errors,cut,empty-pages,same-page");
    for count in 0..200 {
        let good = (0..3).any(|_| {
            let reply = get(&simulator, &format!("{AUDIT}?limit=100&n={count}"));
            let whole = reply.status == 200 && reply.cut.is_none();
            whole && serde_json::from_slice::<Value>(&reply.body).is_ok_and(|page| ids(&page).len() == 100)
        });
        assert!(good);
    }
}

#[test]
fn a_script_gives_the_next_replies_its_faults_in_turn() {
    let simulator = hostile("");
    simulator.script(vec![
        Fault::status(429, "insufficient_quota", &[("retry-after", "9")]),
        Fault::CutAt(100),
        Fault::CutAt(usize::MAX),
        Fault::Close,
        Fault::EmptyPage,
        Fault::SamePage,
        Fault::Documents(3),
    ]);
    let quota = get(&simulator, AUDIT);
    assert_eq!((quota.status, quota.header("retry-after")), (429, Some("9")));
    assert_eq!(json(&quota)["error"]["code"], "insufficient_quota");
    assert_eq!(get(&simulator, AUDIT).cut, Some(100));
    let late = get(&simulator, AUDIT);
    assert_eq!(late.cut, Some(late.body.len() - 1));
    assert_eq!(get(&simulator, AUDIT).cut, Some(0));
    let empty = page(&simulator, AUDIT);
    assert!(ids(&empty).is_empty() && empty["has_more"] == true);
    let again = page(&simulator, &format!("{AUDIT}?effective_at[lte]=5"));
    assert_eq!(ids(&again).len(), 20);
    assert_eq!(get(&simulator, AUDIT).body.split(|byte| *byte == b'\n').count(), 3);
    assert!(ids(&page(&simulator, &format!("{AUDIT}?effective_at[lte]=5"))).is_empty());
}
