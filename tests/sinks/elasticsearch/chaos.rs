//! Everything at once, by seed: whatever the service answers, each record is in the index once, or in the rejects.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{INDEX, batch_of, event, sink};
use crate::support::{chaos::seeds, fake_elastic::Elastic, sink::write_all};

const BATCHES: usize = 8;
/// Tries after which a batch would never end.
const TRIES_MAX: usize = 2_000;

#[tokio::test]
async fn every_record_is_there_once_or_rejected_and_every_run_ends() {
    for seed in seeds() {
        let elastic = Elastic::plain();
        elastic.unleash(seed);
        let keys = if seed % 2 == 0 { "gzip = false" } else { "bulk_bytes_max = \"64KiB\"" };
        let sink = sink(&format!("urls = [\"{}\"]\n{keys}", elastic.server.url()));
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut issued, mut written, mut rejected) = (BTreeSet::new(), 0, BTreeSet::new());
        for number in 0..BATCHES {
            let ids: Vec<String> =
                (0..rng.random_range(1..80)).map(|place| format!("audit_log-{number}-{place}")).collect();
            let text = |id: &String| {
                let bytes = if rng.random_ratio(1, 15) { 40_000 } else { 10 };
                event(id).replace("\"owner\"", &format!("\"{}\"", "x".repeat(bytes)))
            };
            let batch = batch_of(ids.iter().map(text));
            let became = write_all(&sink, batch, TRIES_MAX).await;
            written += became.there;
            rejected.extend(became.refused);
            issued.extend(ids);
        }
        let there: BTreeSet<String> = elastic.documents(INDEX).into_keys().collect();
        let missing = issued.iter().filter(|id| !there.contains(*id) && !rejected.contains(*id)).count();
        assert_eq!((missing, written + rejected.len() as u64), (0, issued.len() as u64), "seed {seed}");
    }
}
