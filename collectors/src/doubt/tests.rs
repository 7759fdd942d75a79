use super::*;

/// What follows from the same odd answer again and again, with the time that is waited between.
async fn until_believed(doubts: &mut Doubts, query: &str, doubt: Doubt) -> (u32, Duration) {
    let begun = Instant::now();
    for times in 1..100 {
        match doubts.strike(query, doubt, false) {
            Belief::AskAgain(wait) => tokio::time::sleep(wait).await,
            Belief::Report => tokio::time::sleep(Duration::from_secs(1)).await,
            Belief::Believe => return (times, begun.elapsed()),
        }
    }
    panic!("never believed");
}

#[tokio::test(start_paused = true)]
async fn an_odd_answer_is_believed_when_the_same_request_gets_nothing_else_for_long() {
    let mut doubts = Doubts::default();
    let (times, took) = until_believed(&mut doubts, "/a", Doubt::Null).await;
    assert!(times > BELIEVED_AFTER && took >= FAULT_LASTS, "{times} in {took:?}");
    assert!(took < Duration::from_secs(35), "{took:?}");
    let (times, took) = until_believed(&mut doubts, "/b", Doubt::Null).await;
    assert_eq!((times, took), (BELIEVED_AFTER, Duration::ZERO), "nothing else came since");
    doubts.reset();
    let (_, took) = until_believed(&mut doubts, "/a", Doubt::Null).await;
    assert!(took >= FAULT_LASTS, "after a good answer it is a fault again");
}

#[tokio::test(start_paused = true)]
async fn a_habit_of_the_list_need_not_last_again() {
    let mut doubts = Doubts::default();
    until_believed(&mut doubts, "/a", Doubt::EmptyWithMore).await;
    doubts.reset();
    let (times, took) = until_believed(&mut doubts, "/a", Doubt::EmptyWithMore).await;
    assert_eq!((times, took), (BELIEVED_AFTER, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn what_another_request_was_answered_does_not_count() {
    let mut doubts = Doubts::default();
    for _ in 0..5 {
        assert_eq!(doubts.strike("/a", Doubt::Null, false), Belief::AskAgain(Duration::ZERO));
        assert_eq!(doubts.strike("/b", Doubt::Null, false), Belief::AskAgain(Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn odd_answers_of_changing_kinds_are_never_believed_and_reported_now_and_then() {
    let mut doubts = Doubts::default();
    let kinds = [Doubt::Null, Doubt::OutsideWindow];
    let beliefs: Vec<_> = (0..60).map(|n| doubts.strike("/a", kinds[n % 2], false)).collect();
    assert!(!beliefs.contains(&Belief::Believe));
    assert_eq!(beliefs.iter().filter(|belief| **belief == Belief::Report).count(), 5);
}

#[tokio::test(start_paused = true)]
async fn failures_in_between_do_not_keep_an_answer_from_being_believed() {
    for failure in [Doubt::Failed, Doubt::Throttled, Doubt::Refused, Doubt::NotFound] {
        let mut doubts = Doubts::default();
        let mut strike = || {
            doubts.count("/a", failure);
            doubts.strike("/a", Doubt::Unproven, true)
        };
        assert_eq!((strike(), strike()), (Belief::AskAgain(Duration::ZERO), Belief::Believe));
    }
}

#[test]
fn an_error_says_what_was_seen_and_not_that_the_body_is_no_list() {
    let text = |doubt: Doubt| doubt.error().to_string();
    assert_eq!(text(Doubt::RepeatedPage), "the same page came again for another request");
    let outside = text(Doubt::OutsideWindow);
    assert_eq!(outside, "the response cannot be right: records outside the requested window");
}

#[test]
fn a_list_that_is_not_found_is_asked_for_twice_more_and_then_left_to_growing_delays() {
    let mut doubts = Doubts::default();
    let again: Vec<_> = (0..5).map(|_| doubts.repeats_at_once("/a", Doubt::NotFound)).collect();
    assert_eq!(again, [true, true, false, false, false]);
    doubts.reset();
    assert!(doubts.repeats_at_once("/a", Doubt::NotFound));
}
