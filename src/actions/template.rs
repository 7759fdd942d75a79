//! Parameters whose texts are templates over an alert. A value is put into texts only: neither names of members nor other
//! values come from an alert, and in a text that is JSON a value is escaped, so that no alert changes what a request is.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, value::Serde};
use serde_json::{Map, Value};

/// What the variables with the fields that an alert shows begin with.
pub const FIELDS: &str = "fields";

/// The other variables. Each is a text or a number.
pub const VARIABLES: [&str; 28] = [
    "id",
    "event",
    "rule",
    "rule_id",
    "title",
    "description",
    "reason",
    "level",
    "severity",
    "risk_score",
    "status",
    "disposition",
    "judged_by",
    "note",
    "created_at",
    "first_event_at",
    "last_event_at",
    "event_count",
    "group",
    "tags",
    "references",
    "record_ids",
    "connectors",
    "user",
    "user_id",
    "address",
    "api_key",
    "project",
];

/// Steps of one template: more than any that is written by hand takes.
const FUEL: u64 = 20_000;
/// The most bytes of one text.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// The member that a request has as JSON text; as a table it is made one.
const BODY: &str = "body";

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{place}`: {reason}")]
pub struct TemplateError {
    /// The text, by its path.
    pub place: String,
    /// What is wrong with it. It names no value of an alert.
    pub reason: String,
}

/// Parameters that were checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParamsTemplate(Map<String, Value>);

impl ParamsTemplate {
    /// Checks all texts.
    ///
    /// # Errors
    ///
    /// What is wrong, of each text.
    pub fn new(params: Map<String, Value>) -> Result<Self, Vec<TemplateError>> {
        let mut errors = Vec::new();
        let checked = Self(params);
        // The same text in several places is one of each.
        checked.each_text(&mut |place, text| {
            if let Err(reason) = check(text) {
                errors.push(TemplateError { place: place.to_owned(), reason });
            }
        });
        if errors.is_empty() { Ok(checked) } else { Err(errors) }
    }

    /// The names of the fields that its texts show.
    pub fn fields(&self) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        self.each_text(&mut |_, text| {
            let names = variables_of(text).unwrap_or_default();
            let shown = names.iter().filter_map(|name| name.strip_prefix(FIELDS)?.strip_prefix('.'));
            fields.extend(shown.map(str::to_owned));
        });
        fields
    }

    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is given, as the settings have it.
    pub fn given(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The parameters for an alert with these variables and fields.
    ///
    /// # Errors
    ///
    /// If a text becomes too long.
    pub fn render(
        &self,
        variables: &Map<String, Value>,
        fields: &BTreeMap<String, String>,
    ) -> Result<Map<String, Value>, TemplateError> {
        let mut context = variables.clone();
        context.insert(FIELDS.to_owned(), nested(fields));
        let context = minijinja::Value::from(Serde(context));
        let mut rendered = Map::new();
        for (name, value) in &self.0 {
            let mut value = render_value(name, value, &context)?;
            if name == BODY && (value.is_object() || value.is_array()) {
                value = Value::String(value.to_string());
            }
            rendered.insert(name.clone(), value);
        }
        Ok(rendered)
    }

    fn each_text(&self, each: &mut dyn FnMut(&str, &str)) {
        self.0.iter().for_each(|(name, value)| visit(name, value, each));
    }
}

fn visit(place: &str, value: &Value, each: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => each(place, text),
        Value::Array(items) => {
            (0..).zip(items).for_each(|(at, item): (usize, _)| visit(&format!("{place}.{at}"), item, each));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| visit(&format!("{place}.{name}"), member, each));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn render_value(place: &str, value: &Value, context: &minijinja::Value) -> Result<Value, TemplateError> {
    Ok(match value {
        Value::String(text) => {
            let failed = |reason| TemplateError { place: place.to_owned(), reason };
            Value::String(render_text(text, context).map_err(failed)?)
        }
        Value::Array(items) => {
            let item = |(at, item): (usize, &Value)| render_value(&format!("{place}.{at}"), item, context);
            items.iter().enumerate().map(item).collect::<Result<_, _>>()?
        }
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| {
                Ok((name.clone(), render_value(&format!("{place}.{name}"), member, context)?))
            };
            Value::Object(members.iter().map(member).collect::<Result<_, _>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// How values are put into a text.
#[derive(Clone, Copy)]
enum Escaping {
    /// As they are: a text is no language.
    None,
    /// As in a text of JSON.
    Json,
}

fn environment(escaping: Escaping) -> Environment<'static> {
    let mut environment = Environment::empty();
    // Names were checked, and an alert need not have each field.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(move |out, _, value| {
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        let text = value.to_string();
        match escaping {
            Escaping::None => out.write_str(&text)?,
            Escaping::Json => {
                let quoted = Value::String(text).to_string();
                out.write_str(quoted.get(1..quoted.len() - 1).unwrap_or_default())?;
            }
        }
        Ok(())
    });
    environment
}

fn render_text(text: &str, context: &minijinja::Value) -> Result<String, String> {
    let rendered = |escaping| {
        let done = environment(escaping).render_str(text, context.clone()).map_err(|error| said(&error))?;
        if done.len() > TEXT_BYTES_MAX { Err("the text becomes too long".to_owned()) } else { Ok(done) }
    };
    // A text that is JSON remains the JSON that it is, whatever an alert says.
    let escaped = rendered(Escaping::Json)?;
    match serde_json::from_str(&escaped) {
        Ok(Value::Object(_) | Value::Array(_)) => Ok(escaped),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | Err(_) => {
            rendered(Escaping::None)
        }
    }
}

fn variables_of(text: &str) -> Result<BTreeSet<String>, String> {
    let environment = environment(Escaping::None);
    let template = environment.template_from_str(text).map_err(|error| said(&error))?;
    Ok(template.undeclared_variables(true).into_iter().collect())
}

fn check(text: &str) -> Result<(), String> {
    for name in variables_of(text)? {
        let field = name.strip_prefix(FIELDS);
        let is_field = field.and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| !rest.is_empty());
        if !is_field && !VARIABLES.contains(&name.as_str()) {
            return Err(format!(
                "unknown variable `{name}`; known are {}, and {FIELDS}.NAME for a field that a rule shows, such as \
                 {FIELDS}.ActorAddress",
                VARIABLES.join(", ")
            ));
        }
    }
    // Filters and tests are looked up while it is rendered.
    let sample: Map<String, Value> =
        VARIABLES.iter().map(|name| ((*name).to_owned(), Value::from(*name))).collect();
    render_text(text, &minijinja::Value::from(Serde(sample))).map(drop)
}

/// What is wrong with a template, without its text.
fn said(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    match error.kind() {
        ErrorKind::SyntaxError => {
            format!("no template{line}{detail}; a variable is written as {{{{ title }}}}")
        }
        kind => format!("{kind}{line}{detail}"),
    }
}

/// Fields with dots in their names as objects in each other. Where one field is the beginning of another, the longer one is
/// there.
fn nested(fields: &BTreeMap<String, String>) -> Value {
    let mut root = Map::new();
    for (name, value) in fields {
        let steps: Vec<&str> = name.split('.').collect();
        put(&mut root, &steps, value);
    }
    Value::Object(root)
}

fn put(members: &mut Map<String, Value>, steps: &[&str], value: &str) {
    match steps {
        [] => {}
        [last] => _ = members.insert((*last).to_owned(), Value::from(value)),
        [step, rest @ ..] => {
            let mut below = match members.remove(*step) {
                Some(Value::Object(below)) => below,
                Some(_) | None => Map::new(),
            };
            put(&mut below, rest, value);
            members.insert((*step).to_owned(), Value::Object(below));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(params: Value) -> Result<ParamsTemplate, Vec<TemplateError>> {
        let Value::Object(params) = params else { panic!("no table") };
        ParamsTemplate::new(params)
    }

    fn rendered(params: Value, title: &str) -> Value {
        let variables = [("title".to_owned(), Value::from(title)), ("event_count".to_owned(), 3.into())];
        let fields = [("Actor".to_owned(), title.to_owned()), ("A.b.c".to_owned(), "deep".to_owned())];
        let done = template(params).unwrap().render(&variables.into_iter().collect(), &fields.into());
        Value::Object(done.unwrap())
    }

    #[test]
    fn values_are_put_into_texts_wherever_they_are_and_nothing_is_escaped_for_html() {
        let params = json!({
            "text": "{{ title }}: {{event_count}} by {{ fields.Actor }}", "list": ["{{ fields.A.b.c }}", 7, true],
            "none": "[{{ fields.Other.member }}]", "kept": { "n": 1.5, "x": null },
        });
        let done = rendered(params, "<b> & \"quoted\"");
        assert_eq!(
            done,
            json!({
                "text": "<b> & \"quoted\": 3 by <b> & \"quoted\"", "list": ["deep", 7, true], "none": "[]",
                "kept": { "n": 1.5, "x": null },
            })
        );
    }

    #[test]
    fn no_value_changes_the_structure_of_json() {
        let hostile = "x\",\"admin\":true,\"y\":\"\\\n{{ id }}{% raw %}";
        let as_text = rendered(json!({ "body": r#"{"text":"{{ title }}"}"# }), hostile);
        let as_table = rendered(json!({ "body": { "text": "{{ title }}" } }), hostile);
        for done in [as_text, as_table] {
            let body: Value = serde_json::from_str(done["body"].as_str().unwrap()).unwrap();
            assert_eq!(body, json!({ "text": hostile }));
        }
        let done = rendered(json!({ "{{ title }}": 1 }), hostile);
        assert_eq!(done, json!({ "{{ title }}": 1 }), "names are no templates");
    }

    #[test]
    fn what_cannot_be_rendered_is_an_error_that_names_the_place() {
        for (text, words) in [
            ("{{ tittle }}", "unknown variable `tittle`"),
            ("{{ fields }}", "unknown variable `fields`"),
            ("{{ title.x }}", "unknown variable `title.x`"),
            ("{{ title | nonsense }}", "unknown filter"),
            ("{{ title", "no template in line 1"),
            ("{{#title}}x{{/title}}", "a variable is written as {{ title }}"),
            ("{% include 'x' %}", "line 1"),
            ("{% for a in title %}{% for b in title %}{{ nonsense() }}{% endfor %}{% endfor %}", "nonsense"),
        ] {
            let errors = template(json!({ "body": { "lines": ["fine", text] } })).unwrap_err();
            assert_eq!(errors[0].place, "body.lines.1", "{text}");
            assert!(errors[0].reason.contains(words), "{text}: {}", errors[0].reason);
        }
    }

    #[test]
    fn the_fields_that_texts_show_are_known() {
        let found = template(json!({ "a": ["{{ fields.Actor }} {{ title }}"], "b": "{{ fields.A.b.c }}" }));
        assert_eq!(found.unwrap().fields(), ["A.b.c".to_owned(), "Actor".to_owned()].into());
    }

    #[test]
    fn a_text_that_becomes_too_long_is_refused() {
        let long = "x".repeat(TEXT_BYTES_MAX);
        let params = template(json!({ "text": "{{ title }}{{ title }}" })).unwrap();
        let variables = [("title".to_owned(), Value::from(long))].into_iter().collect();
        let refused = params.render(&variables, &BTreeMap::new()).unwrap_err();
        assert_eq!(refused.to_string(), "`text`: the text becomes too long");
    }
}
