//! Everything at once, by seed: whatever Azure answers, each record is among the rows, or in the rejects.

use std::collections::BTreeSet;

use ccfd::tables::AUDIT_LOGS;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{AUDIT, Rig, batch, event, ids};
use crate::support::{chaos::seeds, sink::write_all};

const BATCHES: usize = 6;
/// Tries after which a batch would never end.
const TRIES_MAX: usize = 2_000;

#[tokio::test]
async fn every_record_is_there_or_rejected_and_every_run_ends() {
    for seed in seeds() {
        let rig = Rig::new();
        rig.sink_is_warm().await;
        rig.azure.ingestion.unleash(seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut issued, mut rejected) = (BTreeSet::new(), BTreeSet::new());
        for number in 0..BATCHES {
            let names: Vec<String> =
                (0..rng.random_range(1..80)).map(|place| format!("audit_log-{number}-{place}")).collect();
            let padding = "x".repeat(if rng.random_ratio(1, 3) { 2_000 } else { 10 });
            let batch = batch(&AUDIT_LOGS, names.iter().map(|id| event(id, rig.now(), &padding)));
            let became = write_all(&*rig.sink, batch, TRIES_MAX).await;
            rejected.extend(became.refused);
            issued.extend(names);
        }
        let there: BTreeSet<String> = ids(&rig.azure.ingestion.rows(AUDIT)).into_iter().collect();
        let missing = issued.iter().filter(|id| !there.contains(*id) && !rejected.contains(*id)).count();
        assert_eq!(missing, 0, "seed {seed}");
    }
}
