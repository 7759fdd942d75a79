//! Random cases, faults and kills: whatever happens, Kibana has each case once, and each alert and comment once.

use std::{collections::BTreeSet, env};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{
    SEARCH_LAG, Scene,
    fake::CaseCallFate::{self, *},
};
use crate::cases::{AttachedContent, CaseChange, CaseSeverity, CaseStatus, SentFields};

const FATES: [CaseCallFate; 9] = [
    LostBefore,
    LostAfter,
    KilledBefore,
    KilledAfter,
    Throttled,
    Conflict,
    ConflictAfter,
    Forbidden,
    NotAllowed,
];

fn fates(rng: &mut StdRng) -> Vec<CaseCallFate> {
    let count = rng.random_range(0..40);
    (0..count)
        .map(|_| if rng.random_ratio(1, 3) { FATES[rng.random_range(0..FATES.len())] } else { Done })
        .collect()
}

async fn one_history(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut scene = Scene::new(rng.random_range(0..SEARCH_LAG));
    scene.has_index = rng.random_ratio(3, 4);
    scene.at_once = rng.random_range(1..5);
    let (mut cases, mut alerts, mut comments) = (Vec::new(), 0, 0);
    for _ in 0..rng.random_range(1..5) {
        scene.kibana.will(fates(&mut rng));
        for _ in 0..rng.random_range(1..6) {
            if cases.is_empty() || rng.random_ratio(1, 4) {
                cases.push(scene.create(&format!("case {}", cases.len())));
            }
            let case = &cases[rng.random_range(0..cases.len())];
            match rng.random_range(0..6) {
                0 => {
                    let names: Vec<String> =
                        (0..rng.random_range(1..4)).map(|more| format!("alert-{}", alerts + more)).collect();
                    alerts += names.len();
                    scene.attach(case, &names.iter().map(String::as_str).collect::<Vec<_>>());
                }
                4 | 5 => {
                    let parts = scene.attachments(case);
                    let Some(part) = parts.get(rng.random_range(0..parts.len().max(1))) else { continue };
                    let is_comment = scene.by(|cases, _| {
                        let content = cases.attachment(case, part).unwrap().content;
                        matches!(content, AttachedContent::Comment { .. })
                    });
                    match is_comment && rng.random_ratio(1, 2) {
                        true => {
                            comments += 1;
                            scene.edit_comment(case, part, &format!("comment {comments}"));
                        }
                        false => scene.detach(case, part),
                    }
                }
                1 => {
                    comments += 1;
                    scene.comment(case, &format!("comment {comments}"));
                }
                2 => {
                    let severity = CaseSeverity::ALL[rng.random_range(0..4)];
                    let title = format!("title {}", rng.random_range(0..1_000_000));
                    let change = CaseChange {
                        severity: Some(severity),
                        title: Some(title),
                        tags: Some(vec![format!("tag {}", rng.random_range(0..5))]),
                        ..CaseChange::default()
                    };
                    scene.change(case, &change);
                }
                _ => {
                    let closed = scene.by(|cases, _| cases.get(case).unwrap().status) == CaseStatus::Closed;
                    scene.set_status(case, if closed { CaseStatus::Open } else { CaseStatus::Closed });
                }
            }
        }
        scene.send_all().await;
    }
    // Alerts that came while a case was closed arrive once it is open.
    for case in &cases {
        scene.set_status(case, CaseStatus::InProgress);
    }
    scene.send_all().await;
    for case in &cases {
        let here = scene.by(|cases, _| cases.get(case).unwrap());
        let is_sent = scene.sending(case).id.is_some();
        // What was closed before the first start stays here.
        if !is_sent && here.status == CaseStatus::Closed {
            continue;
        }
        let (found, texts) = scene.attached(case);
        let wanted = scene.by(|cases, _| cases.alerts(case).unwrap());
        let ids: BTreeSet<&String> = found.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), found.len(), "seed {seed}: an alert is attached twice");
        let expected = if scene.has_index { wanted.len() } else { 0 };
        assert_eq!(found.len(), expected, "seed {seed}");
        for attachment in here.comments.iter().flatten() {
            if let AttachedContent::Comment { comment } = &attachment.content {
                let is_it = |text: &&String| text.starts_with(&format!("{comment}\n"));
                assert_eq!(texts.iter().filter(is_it).count(), 1, "seed {seed}: {comment}");
            }
        }
        let unique: BTreeSet<&String> = texts.iter().collect();
        let written = here.comments.as_ref().map_or(0, Vec::len);
        assert_eq!((texts.len(), unique.len()), (written, written), "seed {seed}: comments");
        let mut fields = SentFields::of(&here);
        fields.tags.insert(super::tag(case));
        scene.there(case, |found| assert_eq!(found.case.fields, fields, "seed {seed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_kibana_has_each_case_alert_and_comment_once() {
    let seeds = env::var("CCFD_DETECT_SEEDS").map_or(10, |text| text.parse().expect("a number"));
    for seed in 0..seeds {
        one_history(seed).await;
    }
}
