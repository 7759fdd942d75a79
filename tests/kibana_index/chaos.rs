//! Everything at once, by seed: whatever Kibana answers, each record is in the index, or in the rejects; once, where a
//! pipeline gives ids.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{INDEX, batch_of, ids, sink};
use crate::support::{chaos::seeds, fake_kibana::Kibana, sink::write_all};

const BATCHES: usize = 6;
/// Tries after which a batch would never end.
const TRIES_MAX: usize = 2_000;

#[tokio::test]
async fn every_record_is_there_or_rejected_and_every_run_ends() {
    for seed in seeds() {
        let kibana = Kibana::plain();
        let with_ids = seed % 2 == 0;
        if with_ids {
            kibana.set_ids_from(INDEX, "Id");
        }
        kibana.unleash(seed);
        let sink = sink(&kibana, "documents_max = 40");
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut issued, mut rejected) = (BTreeSet::new(), BTreeSet::new());
        for number in 0..BATCHES {
            let ids: Vec<String> =
                (0..rng.random_range(1..80)).map(|place| format!("audit_log-{number}-{place}")).collect();
            let borrowed: Vec<&str> = ids.iter().map(String::as_str).collect();
            let padding = "x".repeat(if rng.random_ratio(1, 3) { 2_000 } else { 10 });
            let batch = batch_of(&ccfd::tables::AUDIT_LOGS, &borrowed, &padding);
            let became = write_all(&sink, batch, TRIES_MAX).await;
            rejected.extend(became.refused);
            issued.extend(ids);
        }
        let found = ids(&kibana, INDEX);
        let there: BTreeSet<String> = found.iter().cloned().collect();
        let missing = issued.iter().filter(|id| !there.contains(*id) && !rejected.contains(*id)).count();
        assert_eq!(missing, 0, "seed {seed}");
        assert!(!with_ids || found.len() == there.len(), "seed {seed}: doubled");
    }
}
