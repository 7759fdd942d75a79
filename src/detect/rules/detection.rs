//! The `detection` of a document: selections and a condition.

use std::sync::Arc;

use super::{
    check::{Check, SelectionItem},
    condition::{self, Condition},
    error::Problems,
    field::{FieldId, FieldSource},
    item::{ItemContext, matchers, referenced},
    matcher::Matcher,
    modifier::{self, Modifier},
    possible::{kind_of, misfit, outcomes, torn_field},
    section::DocumentSection,
    yaml::{NodeValue, YamlNode},
};
use crate::tables::Origin;

/// Selections of one document.
const SELECTIONS_MAX: usize = 200;

/// Entries that a condition may name, each as often as it does.
const ENTRIES_MAX: usize = 5000;

/// Compiles what a detection or a filter looks for. `besides` are keys that are no selections.
pub(super) fn compile(
    section: &DocumentSection<'_>,
    besides: &[&str],
    context: &mut ItemContext<'_>,
    problems: &mut Problems,
) -> Option<Check> {
    let before = problems.errors.len();
    let is_selection = |name: &str| name != "condition" && !besides.contains(&name);
    if let Some((_, line, _)) = section.members.iter().find(|(name, ..)| name == "timeframe") {
        let problem = "of Sigma 1; use a document with `correlation` and its `timespan` instead";
        problems.error(*line, section.at("timeframe"), problem);
        return None;
    }
    let found: Vec<_> = section.members.iter().filter(|(name, ..)| is_selection(name)).collect();
    if found.is_empty() || found.len() > SELECTIONS_MAX {
        let problem = format!("a detection has 1 to {SELECTIONS_MAX} selections, not {}", found.len());
        problems.error(section.line, section.path.clone(), problem);
        return None;
    }
    let mut names = Vec::new();
    let mut checks = Vec::new();
    for (name, line, node) in found {
        names.push(name.as_str());
        let mut selection = Selection {
            name: name.as_str().into(),
            path: section.at(name),
            context: &mut *context,
            problems: &mut *problems,
        };
        let check = selection.check(node, *line);
        checks.push(check.unwrap_or(Check::All(Vec::new())));
    }
    let condition = whole_condition(section, &names, problems);
    if problems.errors.len() > before {
        return None;
    }
    let condition = condition?;
    warn_unused(section, &names, &condition, problems);
    let check = Check::of(&condition, &checks);
    let torn = torn_field(&check, context.fields);
    let problem = match (outcomes(&condition), torn) {
        (Some([false, _]), _) => Some("can never be true, whatever the selections match".to_owned()),
        (Some([true, false]), _) => Some("is always true, whatever the selections match".to_owned()),
        (Some([true, true]) | None, Some(field)) => {
            Some(format!("can never be true: `{field}` has one value, and would have to be several"))
        }
        (Some([true, true]) | None, None) => None,
    };
    if let Some(problem) = problem {
        problems.error(section.line_of("condition"), section.at("condition"), problem);
        return None;
    }
    let mut entries = 0;
    check.items(&mut |_| entries += 1);
    if entries > ENTRIES_MAX {
        let problem = format!("names {entries} entries of selections; at most {ENTRIES_MAX} are possible");
        problems.error(section.line_of("condition"), section.at("condition"), problem);
        return None;
    }
    Some(check)
}

/// The condition; of several, one must hold.
fn whole_condition(
    section: &DocumentSection<'_>,
    names: &[&str],
    problems: &mut Problems,
) -> Option<Condition> {
    let node = section.required("condition", problems)?;
    let mut conditions = Vec::new();
    let texts = section.texts("condition", problems);
    if matches!(&node.value, NodeValue::List(elements) if elements.is_empty()) {
        problems.error(section.line_of("condition"), section.at("condition"), "is empty");
    }
    for (text, line) in texts {
        match condition::parse(&text, names) {
            Ok(condition) => conditions.push(condition),
            Err(problem) => problems.error(line, section.at("condition"), problem),
        }
    }
    Some(Condition::Any(conditions))
}

fn warn_unused(
    section: &DocumentSection<'_>,
    names: &[&str],
    condition: &Condition,
    problems: &mut Problems,
) {
    let mut uses = Vec::new();
    condition::used(condition, &mut uses);
    for (place, name) in names.iter().enumerate() {
        if !uses.contains(&place) {
            problems.warn(section.line_of(name), section.at(name), "the condition does not use it");
        }
    }
}

/// A selection while it is compiled.
struct Selection<'s, 'c> {
    name: Arc<str>,
    path: String,
    context: &'s mut ItemContext<'c>,
    problems: &'s mut Problems,
}

impl Selection<'_, '_> {
    /// A map, a list of maps, or texts that are searched everywhere.
    fn check(&mut self, node: &YamlNode, line: u32) -> Option<Check> {
        match &node.value {
            NodeValue::Map(members) => self.map(members, line),
            NodeValue::List(elements) if elements.is_empty() => self.refuse(line, "is empty"),
            NodeValue::List(elements) => self.list(elements, line),
            NodeValue::Null => self.refuse(line, "is empty"),
            NodeValue::Text(_) | NodeValue::Integer(_) | NodeValue::Float(_) => {
                self.item("", std::slice::from_ref(node), line)
            }
            NodeValue::Bool(_) => self.refuse(line, "a map or a list is expected here"),
        }
    }

    fn list(&mut self, elements: &[YamlNode], line: u32) -> Option<Check> {
        let is_map = |node: &&YamlNode| matches!(node.value, NodeValue::Map(_));
        let maps = elements.iter().filter(is_map).count();
        if maps == 0 {
            return self.item("", elements, line);
        }
        if maps < elements.len() {
            return self.refuse(line, "a list has either maps or texts");
        }
        let mut checks = Vec::with_capacity(maps);
        for element in elements {
            checks.push(self.check(element, element.line));
        }
        Some(Check::any(checks.into_iter().collect::<Option<_>>()?))
    }

    fn map(&mut self, members: &[(String, u32, YamlNode)], line: u32) -> Option<Check> {
        if members.is_empty() {
            return self.refuse(line, "is empty");
        }
        let mut checks = Vec::with_capacity(members.len());
        for (key, line, node) in members {
            let values = match &node.value {
                NodeValue::List(elements) => elements.as_slice(),
                NodeValue::Null
                | NodeValue::Bool(_)
                | NodeValue::Integer(_)
                | NodeValue::Float(_)
                | NodeValue::Text(_)
                | NodeValue::Map(_) => std::slice::from_ref(node),
            };
            checks.push(self.item(key, values, *line));
        }
        Some(Check::all(checks.into_iter().collect::<Option<_>>()?))
    }

    fn item(&mut self, key: &str, values: &[YamlNode], line: u32) -> Option<Check> {
        let place = if key.is_empty() {
            self.path.clone()
        } else {
            format!("{}.{}", self.path, super::error::excerpt(key))
        };
        match self.compiled(key, values, line) {
            Ok(item) => Some(Check::Item(Arc::new(item))),
            Err((line, problem)) => {
                self.problems.error(line, place, problem);
                None
            }
        }
    }

    fn compiled(
        &mut self,
        key: &str,
        values: &[YamlNode],
        line: u32,
    ) -> Result<SelectionItem, (u32, String)> {
        let here = |problem: String| (line, problem);
        let (name, chain) = modifier::parse(key).map_err(here)?;
        if values.is_empty() {
            return Err(here("has no values".to_owned()));
        }
        // A placeholder may have several values.
        if chain.all && values.len() == 1 && !chain.steps.contains(&Modifier::Expand) {
            return Err(here("`all` needs more than one value".to_owned()));
        }
        let table = self.context.table;
        let field = if name.is_empty() {
            self.context.fields.everything(table)
        } else {
            self.context.fields.named(table, name)
        };
        let field = field.map_err(here)?;
        let matchers = matchers(&chain, values, name.is_empty(), self.context)?;
        let fields = &self.context.fields;
        let misfits = kind_of(&fields.get(field).source, fields, table)
            .and_then(|kind| matchers.iter().find_map(|matcher| misfit(kind, matcher)));
        if let Some(problem) = misfits {
            return Err(here(problem));
        }
        let cost = self.cost(field, &matchers);
        Ok(SelectionItem { field, matchers, negated: chain.negated, cost, selection: Arc::clone(&self.name) })
    }

    /// A guess: what is found by the way costs nothing, content costs most.
    fn cost(&self, field: FieldId, matchers: &[Matcher]) -> u32 {
        let fields = &self.context.fields;
        let is_type = |column: usize| {
            let column = fields.tables[self.context.table].columns.get(column);
            column.is_some_and(|column| column.from == Origin::Field("type".into()))
        };
        let place = match &fields.get(field).source {
            FieldSource::Path(path) if is_type(path.column) => 1,
            FieldSource::Path(path) if path.names.is_empty() => 5,
            FieldSource::Path(_) => 10,
            FieldSource::First(_) | FieldSource::All(_) => 20,
            FieldSource::Roles(_) => 50,
            FieldSource::Contents(_) => 1000,
            FieldSource::Everything => 5000,
        };
        let searches = |matcher: &Matcher| matcher.search.is_some() || matcher.expressions.is_some();
        let refers = referenced(matchers).count();
        place * if matchers.iter().any(searches) || refers > 0 { 3 } else { 1 }
    }

    fn refuse(&mut self, line: u32, problem: &str) -> Option<Check> {
        self.problems.error(line, self.path.clone(), problem);
        None
    }
}
