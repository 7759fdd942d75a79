use ccfd::{sinks::Sink, tables::AUDIT_LOGS};

use super::{AUDIT, Rig, batch, event};

#[tokio::test]
async fn a_field_that_azure_would_cut_is_cut_by_us_with_a_mark_and_logged() {
    let rig = Rig::new();
    let records = [
        event("short", rig.now(), "x"),
        event("long", rig.now(), &"word ".repeat(20_000)),
        event("last", rig.now(), "x"),
    ];
    let receipt = rig.sink.write(batch(&AUDIT_LOGS, records)).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (3, 0));
    let [cut] = &receipt.cut[..] else { panic!("{:?}", receipt.cut) };
    assert_eq!(cut.index, 1);
    assert!(cut.reason.starts_with("EventDetails from 100"), "{}", cut.reason);
    // Nothing is left for Azure to cut, and what arrived is still an object with its members.
    assert_eq!(rig.azure.ingestion.losses(), []);
    let details = &rig.azure.ingestion.rows(AUDIT)[1]["EventDetails"];
    assert_eq!(details["id"], "user-1");
    assert!(details["data"]["text"].as_str().unwrap().ends_with("…[cut by ccfd]"));
}
