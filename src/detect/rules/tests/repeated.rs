//! Values that records of a batch repeat.

use super::*;

/// One entry about a member each.
const ENTRIES: [&str; 20] = [
    "EventDetails.x: agent",
    "EventDetails.x|cased: agent",
    "EventDetails.x|contains: gen",
    "EventDetails.x|neq: agent",
    "EventDetails.x|re: '^a.*t$'",
    "EventDetails.x|contains|all: [a, nt]",
    "EventDetails.x: 1",
    "EventDetails.x|gt: 1",
    "EventDetails.x|lt: 1.5",
    "EventDetails.x: true",
    "EventDetails.x: null",
    "EventDetails.x: ''",
    "EventDetails.x|exists: true",
    "EventDetails.x|exists: false",
    "EventDetails.x|cidr: 203.0.113.0/24",
    "EventDetails.x|year: 2026",
    "EventDetails.x|fieldref: EventDetails.y",
    "EventDetails.x|fieldref|contains: EventDetails.y",
    "EventDetails.x|endswith: [nt, '7']",
    "EventDetails.x|startswith: '{'",
];

#[test]
fn a_value_that_an_earlier_record_had_is_judged_as_if_it_were_the_first() {
    let text: String = ENTRIES
        .iter()
        .enumerate()
        .map(|(number, entry)| {
            format!("{}name: rule_{number}\n---\n", audit_rule(&format!("s: {{{entry}}}\ncondition: s")))
        })
        .collect();
    let set = loaded(text.trim_end_matches("---\n"));
    let long = format!("\"{}agent\"", "a".repeat(300));
    let values = [
        r#""agent""#,
        r#""Agent""#,
        r#""\u0061gent""#,
        r#""""#,
        "1",
        "1.0",
        r#""1""#,
        "7",
        "-2e3",
        "true",
        r#""true""#,
        "false",
        "null",
        r#"{"agent":1}"#,
        r#"["agent","b"]"#,
        r#"[["agent"]]"#,
        "[]",
        r#""203.0.113.7""#,
        r#""2026-02-13T10:00:00Z""#,
        r#""\ud800""#,
        &long,
    ];
    let payloads = values
        .iter()
        .flat_map(|x| ["\"agent\"", "\"b\"", "1"].iter().map(move |y| format!(r#"{{"x":{x},"y":{y}}}"#)));
    let mut payloads: Vec<String> = payloads.collect();
    payloads.extend(["{}", r#"{"x":"agent","x":"other"}"#, r#""agent""#, "null"].map(str::to_owned));
    // Each value comes again: right behind itself, and behind all others.
    let twice = payloads.iter().flat_map(|one| [one, one]).chain(payloads.iter().rev());
    let events: Vec<Record> = twice
        .map(|payload| record(&format!(r#"{{"id":"1","type":"a.b","effective_at":1,"a.b":{payload}}}"#)))
        .collect();
    let mut judge = set.judging(&AUDIT_LOGS, "acme");
    let mut counts = [0; ENTRIES.len()];
    for event in &events {
        let (mut of_batch, mut alone) = (Matches::default(), Matches::default());
        judge.judge(event, &mut of_batch);
        set.judge(&AUDIT_LOGS, "acme", event, &mut alone);
        assert_eq!(*of_batch, *alone, "{}", String::from_utf8_lossy(&event.raw));
        alone.iter().for_each(|one| counts[one.rule.0 as usize] += 1);
    }
    for (entry, count) in ENTRIES.iter().zip(counts) {
        assert!((1..events.len()).contains(&count), "{entry}: {count}");
    }
}
