//! `[[detect.action]]`: what alerts do in other systems.

use std::{collections::BTreeSet, sync::Arc};

use config::{Value, ValueKind};

use super::{
    connector::json_table,
    tree::as_table,
    unknown::known_keys,
    values::{ValueProblem, flag, number, one_of, text, texts, wanted},
};
use crate::{
    actions::ParamsTemplate,
    cases::{
        CaseOwner,
        action::{CASES_MAX_MOST, CasesAction},
    },
    connectors::{CASES_TYPE_ID, SYSTEM_CONNECTOR},
    detect::model::Level,
    detect_db::{ActionEvent, DEFAULT_SPACE, OutboxAction},
};

/// Every rule.
const ANY: &str = "*";
/// The most actions: the daemon asks for the rows of each.
const ACTIONS_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 64;
/// Calls of a model in an hour, unless the action says otherwise.
const MODEL_CALLS: u32 = 20;

const KEYS: &[&str] = &["name", "rules", "level_min", "on", "historical", "space", "connector"];
const RUN_KEYS: &[&str] = &["params", "fields", "model_calls_per_hour_max"];
const CASES_KEYS: &[&str] = &["group_by", "reopen", "time_window", "cases_max", "owner", "template"];

const LEVELS: &[(&str, Level)] = &[
    ("informational", Level::Informational),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
];
const EVENTS: [(&str, ActionEvent); 2] = [("open", ActionEvent::Open), ("closed", ActionEvent::Closed)];
const OWNERS: &[(&str, CaseOwner)] = &[
    ("cases", CaseOwner::Cases),
    ("observability", CaseOwner::Observability),
    ("securitySolution", CaseOwner::SecuritySolution),
];

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSettings {
    /// Its name, and which alerts it is for.
    pub outbox: OutboxAction,
    /// The space in which it runs.
    pub space: String,
    /// What it does.
    pub does: ActionDoes,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionDoes {
    /// It runs a connector.
    Run {
        /// Its id.
        connector: String,
        /// The parameters of each run.
        params: ParamsTemplate,
        /// Of a model: the fields of the alert that it may see; `None` for the usual ones.
        fields: Option<BTreeSet<String>>,
        /// Of a model: the most calls in an hour.
        model_calls_per_hour_max: u32,
    },
    /// It makes cases.
    Cases(CasesAction),
}

impl ActionSettings {
    /// The connector that it uses, as the settings name it.
    pub fn connector(&self) -> &str {
        match &self.does {
            ActionDoes::Run { connector, .. } => connector,
            ActionDoes::Cases(_) => CASES_TYPE_ID,
        }
    }
}

/// All actions. Each problem names the action and the key.
pub(super) fn action_list(value: &Value) -> Result<Vec<ActionSettings>, ValueProblem> {
    let form = || wanted(format!("at most {ACTIONS_MAX} tables [[detect.action]]"));
    let ValueKind::Array(list) = &value.kind else { return Err(form()) };
    if list.len() > ACTIONS_MAX {
        return Err(form());
    }
    let mut actions: Vec<ActionSettings> = Vec::new();
    let mut problems = Vec::new();
    for (place, value) in (1..).zip(list) {
        match one_action(place, value, &mut problems) {
            Some(action) if actions.iter().any(|other| other.outbox.name == action.outbox.name) => {
                problems.push(format!("the name `{}` is given to two actions", action.outbox.name));
            }
            Some(action) => actions.push(action),
            None => {}
        }
    }
    conflicts(&actions, &mut problems);
    if problems.is_empty() { Ok(actions) } else { Err(ValueProblem::Because(problems.join("\n"))) }
}

/// Two Cases actions that are for every rule, or for one that both name. Others are found with the rules.
fn conflicts(actions: &[ActionSettings], problems: &mut Vec<String>) {
    let cases = || actions.iter().filter(|action| matches!(action.does, ActionDoes::Cases(_)));
    for (place, one) in cases().enumerate() {
        for other in cases().skip(place + 1) {
            let is_same = match (&one.outbox.rules, &other.outbox.rules) {
                (None, None) => true,
                (Some(rules), Some(others)) => {
                    let levels_apply = one.outbox.level_min.is_some() || other.outbox.level_min.is_some();
                    !levels_apply && !rules.is_disjoint(others)
                }
                (None, Some(_)) | (Some(_), None) => false,
            };
            if is_same {
                problems.push(format!(
                    "`{}` and `{}` both make cases for the same rules: let only one of them have them",
                    one.outbox.name, other.outbox.name
                ));
            }
        }
    }
}

/// Reads the keys of one action.
struct ActionReader<'a> {
    table: &'a config::Map<String, Value>,
    name: String,
    problems: &'a mut Vec<String>,
}

impl ActionReader<'_> {
    fn problem(&mut self, key: &str, reason: &str) {
        let name = &self.name;
        self.problems.push(format!("{name}: `{key}`: {reason}"));
    }

    fn optional<T>(&mut self, key: &str, reader: impl Fn(&Value) -> Result<T, ValueProblem>) -> Option<T> {
        let refused = match reader(self.table.get(key)?) {
            Ok(value) => return Some(value),
            Err(refused) => refused.to_string(),
        };
        self.problem(key, &refused);
        None
    }
}

fn one_action(place: usize, value: &Value, problems: &mut Vec<String>) -> Option<ActionSettings> {
    let Some(table) = as_table(value) else {
        problems.push(format!("action {place}: expected a table"));
        return None;
    };
    let found = problems.len();
    let mut reader = ActionReader { table, name: format!("action {place}"), problems };
    let name = reader.optional("name", name);
    if name.is_none() && !table.contains_key("name") {
        reader.problem("name", "is missing: a name of its own");
    }
    let name = name?;
    reader.name = format!("action `{name}`");
    let Some(connector) = reader.optional("connector", text) else {
        if !table.contains_key("connector") {
            reader.problem("connector", "is missing: the id of a connector, or \".cases\"");
        }
        return None;
    };
    // Scripts for Kibana know it by its id, and the settings by its type.
    let makes_cases = connector.strip_prefix(SYSTEM_CONNECTOR).unwrap_or(&connector) == CASES_TYPE_ID;
    refuse_unknown_keys(&mut reader, makes_cases);
    let rules = reader.optional("rules", texts);
    let on = reader.optional("on", events);
    let outbox = OutboxAction {
        name: Arc::from(name.as_str()),
        rules: rules
            .filter(|rules| !rules.iter().any(|rule| rule == ANY))
            .map(|rules| rules.into_iter().collect()),
        level_min: reader.optional("level_min", one_of(LEVELS)),
        on: on.unwrap_or_else(|| BTreeSet::from([ActionEvent::Open])),
        historical: reader.optional("historical", flag).unwrap_or(false),
    };
    if outbox.rules.as_ref().is_some_and(BTreeSet::is_empty) {
        reader.problem("rules", "is empty: name rules, or \"*\" for all");
    }
    let space = reader.optional("space", text).unwrap_or_else(|| DEFAULT_SPACE.to_owned());
    let does = if makes_cases {
        if outbox.on.contains(&ActionEvent::Closed) {
            reader.problem("on", "cases are made of alerts that open: leave it out");
        }
        ActionDoes::Cases(cases(&mut reader, &space))
    } else {
        run(&mut reader, connector)
    };
    (reader.problems.len() == found).then_some(ActionSettings { outbox, space, does })
}

fn refuse_unknown_keys(reader: &mut ActionReader<'_>, makes_cases: bool) {
    let known: Vec<&str> =
        KEYS.iter().chain(if makes_cases { CASES_KEYS } else { RUN_KEYS }).copied().collect();
    let mut unknown: Vec<&String> =
        reader.table.keys().filter(|key| !known.contains(&key.as_str())).collect();
    unknown.sort_unstable();
    for key in unknown {
        let reason = format!("unknown key{}", known_keys(key, known.iter().copied(), true));
        reader.problem(key, &reason);
    }
}

fn run(reader: &mut ActionReader<'_>, connector: String) -> ActionDoes {
    let params = reader.optional("params", json_table).unwrap_or_default();
    let params = ParamsTemplate::new(params).unwrap_or_else(|errors| {
        for error in errors {
            reader.problem(&format!("params.{}", error.place), &error.reason);
        }
        ParamsTemplate::default()
    });
    ActionDoes::Run {
        connector,
        params,
        fields: reader.optional("fields", texts).map(|fields| fields.into_iter().collect()),
        model_calls_per_hour_max: reader
            .optional("model_calls_per_hour_max", number(1..=10_000))
            .unwrap_or(MODEL_CALLS),
    }
}

fn cases(reader: &mut ActionReader<'_>, space: &str) -> CasesAction {
    let usual = CasesAction::default();
    let window = |value: &Value| text(value)?.parse().map_err(ValueProblem::Because);
    let cases_max = reader.optional("cases_max", number(1..=u32::from(CASES_MAX_MOST)));
    let action = CasesAction {
        space: space.to_owned(),
        group_by: reader.optional("group_by", texts).unwrap_or_default(),
        reopen: reader.optional("reopen", flag).unwrap_or(usual.reopen),
        time_window: reader.optional("time_window", window).unwrap_or(usual.time_window),
        cases_max: cases_max.and_then(|most| u8::try_from(most).ok()).unwrap_or(usual.cases_max),
        owner: reader.optional("owner", one_of(OWNERS)).unwrap_or(usual.owner),
        template: reader.optional("template", text),
    };
    if let Err(reason) = action.check() {
        reader.problem("group_by", &reason);
    }
    action
}

fn name(value: &Value) -> Result<String, ValueProblem> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let form = || wanted(format!("1 to {NAME_CHARS_MAX} characters of a-z, 0-9, `-`, `_` and `.`"));
    let name = text(value).map_err(|_| form())?;
    if name.len() <= NAME_CHARS_MAX && name.chars().all(allowed) { Ok(name) } else { Err(form()) }
}

fn events(value: &Value) -> Result<BTreeSet<ActionEvent>, ValueProblem> {
    let form = || wanted("a list of \"open\" and \"closed\"");
    let event = |word: &String| {
        EVENTS.iter().find(|(known, _)| known == word).map(|(_, event)| *event).ok_or_else(form)
    };
    let events: BTreeSet<_> =
        texts(value).map_err(|_| form())?.iter().map(event).collect::<Result<_, _>>()?;
    if events.is_empty() { Err(form()) } else { Ok(events) }
}
