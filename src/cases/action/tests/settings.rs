use crate::cases::action::{CasesAction, TimeWindow};

#[test]
fn a_time_window_is_a_number_and_a_unit_and_not_too_short() {
    let read = |text: &str| text.parse::<TimeWindow>();
    for text in ["", "d", "7", "07d", "0m", "-1d", "7,", "7 d", "1.5h", "7D", "7s", "é", "1é", "7dd"] {
        assert_eq!(read(text).unwrap_err(), "Not a valid time window", "{text:?}");
    }
    for text in ["1m", "4m"] {
        assert_eq!(read(text).unwrap_err(), "Time window should be at least 5 minutes");
    }
    assert_eq!(read("7d"), Ok(TimeWindow::default()));
    assert_eq!((read("1w"), read("168h")), (read("7d"), read("7d")));
    let window = read("5m").unwrap();
    assert!(!window.has_passed(1_000, 1_300) && window.has_passed(1_000, 1_301));
    assert!(!read("99999999999999999999w").unwrap().has_passed(0, i64::MAX - 1));
}

#[test]
fn an_action_that_cannot_be_is_refused() {
    assert_eq!(CasesAction::default().check(), Ok(()));
    let many = vec!["f".to_owned(); 5];
    for action in [
        CasesAction { cases_max: 0, ..CasesAction::default() },
        CasesAction { cases_max: 21, ..CasesAction::default() },
        CasesAction { group_by: many, ..CasesAction::default() },
        CasesAction { group_by: vec![" ".into()], ..CasesAction::default() },
    ] {
        assert!(action.check().is_err(), "{action:?}");
    }
}
