//! Random commits, removals and restarts against a plain map.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use state::{Saved, StateError, Store};

use crate::support::{Cursor, cursor, fresh_dir, open_sound};

#[derive(Clone, Debug)]
enum Step {
    Commit { name: usize, settled: i64, parts: Vec<(u8, Option<Vec<u8>>)> },
    StaleCommit { name: usize },
    Remove { name: usize },
    Close,
    Abandon,
}

type Model = BTreeMap<&'static str, (i64, BTreeMap<Vec<u8>, Vec<u8>>)>;

const NAMES: [&str; 3] = ["a", "a/b", "b"];

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let part = (0_u8..12, proptest::option::of(vec(any::<u8>(), 0..2_000)));
    prop_oneof![
        6 => (name.clone(), any::<i64>(), vec(part, 0..8))
            .prop_map(|(name, settled, parts)| Step::Commit { name, settled, parts }),
        1 => name.clone().prop_map(|name| Step::StaleCommit { name }),
        1 => name.prop_map(|name| Step::Remove { name }),
        1 => Just(Step::Close),
        1 => Just(Step::Abandon),
    ]
}

async fn agrees(store: &Store, model: &Model) {
    assert_eq!(store.names().unwrap(), model.keys().copied().collect::<Vec<_>>());
    for name in NAMES {
        let expected = model.get(name).map(|(settled, parts)| Saved {
            cursor: Cursor::at(*settled),
            parts: parts.clone().into_iter().collect(),
        });
        assert_eq!(cursor(store, name).load().await.unwrap(), expected);
    }
}

async fn run(steps: Vec<Step>) {
    let dir = fresh_dir();
    let mut store = open_sound(dir.path());
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Commit { name, settled, parts } => {
                let mut checkpoint = cursor(&store, NAMES[name]);
                checkpoint.load().await.unwrap();
                let (head, held) = model.entry(NAMES[name]).or_default();
                *head = settled;
                for (key, value) in &parts {
                    match value {
                        Some(value) => held.insert(vec![*key], value.clone()),
                        None => held.remove(&vec![*key]),
                    };
                }
                let parts = parts.into_iter().map(|(key, value)| (vec![key], value)).collect();
                checkpoint.commit(&Cursor::at(settled), parts).await.unwrap();
            }
            Step::StaleCommit { name } if model.contains_key(NAMES[name]) => {
                let refused = cursor(&store, NAMES[name]).commit(&Cursor::at(0), Vec::new()).await;
                assert!(matches!(refused, Err(StateError::Conflict { .. })));
            }
            Step::StaleCommit { .. } => {}
            Step::Remove { name } => {
                let removed = cursor(&store, NAMES[name]).remove().await.unwrap();
                let expected = model.remove(NAMES[name]);
                assert_eq!(removed.map(|saved| saved.cursor), expected.map(|(head, _)| Cursor::at(head)));
            }
            Step::Close => {
                store.close().await.unwrap();
                store = open_sound(dir.path());
            }
            Step::Abandon => {
                drop(store);
                store = open_sound(dir.path());
            }
        }
        agrees(&store, &model).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_store_is_a_map_that_survives_restarts(steps in vec(step(), 1..30)) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run(steps));
    }
}
