//! The rules that ccfd has, and the events on which they are tried.

/// A built-in file of rules.
#[derive(Debug)]
pub(super) struct BuiltinRule {
    /// Its name without the ending.
    pub stem: &'static str,
    pub text: &'static str,
    /// Files of events, by name.
    pub events: &'static [(&'static str, &'static str)],
}

/// All built-in files.
pub(super) const BUILTIN: [BuiltinRule; 0] = [];

/// The events of a test of a built-in rule: a file of records, a line each.
pub fn builtin_events(name: &str) -> Option<&'static str> {
    let mut files = BUILTIN.iter().flat_map(|rule| rule.events);
    files.find(|(file, _)| *file == name).map(|(_, events)| *events)
}

/// Every file of the built-in rules, to be written out and edited: its name, and what is in it.
pub fn builtin_files() -> impl Iterator<Item = (String, &'static str)> {
    BUILTIN.iter().flat_map(|rule| {
        let events = rule.events.iter().map(|(name, events)| ((*name).to_owned(), *events));
        std::iter::once((format!("{}.yml", rule.stem), rule.text)).chain(events)
    })
}
