use super::{
    super::{Placeholders, RuleSet, RuleSource, builtin_events},
    shown,
};
use crate::tables::Tables;

fn builtin(placeholders: &Placeholders) -> RuleSet {
    let set = RuleSet::load(&[RuleSource::Builtin], &Tables::built_in(), placeholders);
    set.unwrap_or_else(|errors| panic!("{}", shown(&errors)))
}

#[test]
fn the_built_in_rules_are_sound_and_one_needs_a_setting() {
    let set = builtin(&Placeholders::new());
    assert_eq!(shown(&set.warnings), "");
    let unusable: Vec<_> =
        set.unusable.iter().map(|rule| format!("{}: {}", rule.slug, rule.reason)).collect();
    let reason = "`%OwnDomains%` is not set; give its values in the setting `placeholders`";
    assert_eq!(unusable, [format!("person_from_outside_invited: {reason}")]);
    let own = Placeholders::from([("OwnDomains".to_owned(), vec!["@example.com".to_owned()])]);
    assert!(builtin(&own).unusable.is_empty());
}

#[test]
fn every_built_in_rule_that_alerts_states_what_must_and_what_must_not() {
    let own = Placeholders::from([("OwnDomains".to_owned(), vec!["@example.com".to_owned()])]);
    let set = builtin(&own);
    let alerting: Vec<_> = set.rules.iter().filter(|rule| rule.alerts).collect();
    assert_eq!(alerting.len(), 27);
    for rule in alerting {
        let (tests, _) = set.tests(set.named(&rule.slug).unwrap());
        assert!(tests.iter().any(|test| test.alerts > 0), "{}", rule.slug);
        assert!(tests.iter().any(|test| test.alerts == 0), "{}", rule.slug);
        assert!(tests.iter().all(|test| builtin_events(&test.events).is_some()), "{}", rule.slug);
    }
}

#[test]
fn a_copied_file_replaces_the_built_in_one() {
    let dir = tempfile::TempDir::new().unwrap();
    for (name, text) in super::super::builtin_files() {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let sources = [RuleSource::Builtin, RuleSource::Directory(dir.path().to_owned())];
    let own = Placeholders::from([("OwnDomains".to_owned(), vec!["@example.com".to_owned()])]);
    let set = RuleSet::load(&sources, &Tables::built_in(), &own).unwrap();
    assert!(set.rules.iter().all(|rule| !rule.place.starts_with("builtin:")));
    assert_eq!(set.rules.len(), builtin(&own).rules.len());
    let definitions = |set: &RuleSet| {
        let mut all: Vec<_> = set.rules.iter().map(|rule| (rule.slug.clone(), rule.definition)).collect();
        all.sort();
        all
    };
    assert_eq!(definitions(&set), definitions(&builtin(&own)));
}
