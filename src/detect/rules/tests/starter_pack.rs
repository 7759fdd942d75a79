use super::super::{Placeholders, RuleSet, RuleSource};
use crate::tables::Tables;

#[test]
fn the_built_in_rules_are_sound() {
    let set = RuleSet::load(&[RuleSource::Builtin], &Tables::built_in(), &Placeholders::new());
    assert_eq!(set.map(|set| set.warnings).map_err(|errors| super::shown(&errors)), Ok(Vec::new()));
}
