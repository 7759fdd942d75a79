use std::time::Duration;

use super::{super::RetrySettings, *};

fn retry(rest: &str) -> RetrySettings {
    load(&format!("{MINIMAL}{rest}")).unwrap().retries["local"]
}

#[test]
fn each_key_of_a_sink_wins_over_that_of_its_type() {
    let of_type = "\n[default.sink.sqlite.retry]\nfirst = \"2s\"\nparked = \"1m\"\n";
    let own = "\n[sink.local.retry]\nfirst = \"3s\"\n";
    let (first, max, parked) = (Duration::from_secs(3), Duration::from_secs(60), Duration::from_secs(60));
    assert_eq!(retry(&format!("{own}{of_type}")), RetrySettings { first, max, parked });
}

#[test]
fn a_longest_delay_below_the_first_is_refused() {
    let keys = "\n[sink.local.retry]\nfirst = \"2m\"\n";
    assert_eq!(
        problems(&format!("{MINIMAL}{keys}")),
        ["`sink.local.retry.max`: must not be less than `first`"]
    );
}

#[test]
fn delays_have_bounds_and_an_unknown_key_is_refused() {
    for (key, value) in [("first", "10ms"), ("first", "2h"), ("max", "2d"), ("parked", "0s"), ("last", "1s")]
    {
        let problems = problems(&format!("{MINIMAL}\n[sink.local.retry]\n{key} = \"{value}\"\n"));
        assert!(problems.len() == 1 && problems[0].contains(&format!("retry.{key}")), "{problems:?}");
    }
}
