use crate::support::promtool::Promtool;

#[test]
fn promtool_complains_about_a_counter_that_is_not_named_as_one() {
    let Some(promtool) = Promtool::shared() else { return };
    let check = |name: &str| {
        let page = format!("# HELP {name} Records.\n# TYPE {name} counter\n{name} 1\n");
        promtool.run(&["check", "metrics"], &page)
    };
    assert_eq!(check("ccfd_records_total"), Ok(String::new()));
    assert!(check("ccfd_records").is_err_and(|said| said.contains("_total")));
}

#[test]
fn promtool_refuses_a_label_that_is_not_escaped() {
    let Some(promtool) = Promtool::shared() else { return };
    let check = |value: &str| {
        let page = format!("# HELP ccfd_a A.\n# TYPE ccfd_a gauge\nccfd_a{{x=\"{value}\"}} 1\n");
        promtool.run(&["check", "metrics"], &page)
    };
    assert_eq!(check(r#"a\"b"#), Ok(String::new()));
    assert!(check(r#"a"b"#).is_err());
}
