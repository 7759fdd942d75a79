//! Parameters whose texts are templates over an alert. A value is put into texts only, and each text remains in the language
//! that it is in: neither names of members nor other values come from an alert, and no alert changes what a request is.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use serde_json::{Map, Value};

use super::{
    escape::Escaping,
    probe::{escaping_of, is_json, ordinary},
    render::{render, variables_of},
};
use crate::{
    config::proposal,
    connectors::{ParamLanguage, each_text},
};

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

/// The most bytes of all parameters of a run: they are kept from its first attempt to its end.
const PARAMS_BYTES_MAX: usize = 128 << 10;
/// The member that a request has as JSON text; as a table it is made one.
const BODY: &str = "body";
const TABLE: &str = "is a table, which is sent as JSON, but the connector has another Content-Type: give it that of JSON or none, \
                     or write the body as a text";

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{place}`: {reason}")]
pub struct TemplateError {
    /// The text, by its path.
    pub place: String,
    /// What is wrong with it. It names no value of an alert.
    pub reason: String,
}

/// In which language each text is, by its path.
pub type Languages<'a> = &'a dyn Fn(&str) -> ParamLanguage;

/// Parameters that were checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParamsTemplate(Map<String, Value>);

impl ParamsTemplate {
    /// Checks all texts, as far as that is possible without their languages.
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
        if errors.is_empty() {
            // Only a body has a language of its own; most of them look like it.
            let language =
                |place: &str| if place == BODY { ParamLanguage::Guessed } else { ParamLanguage::Line };
            errors.extend(checked.check_texts(&language).err());
        }
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

    /// Checks that each text remains in its language, whatever an alert says.
    ///
    /// # Errors
    ///
    /// The first text that does not.
    pub fn check_languages(&self, languages: Languages<'_>) -> Result<(), TemplateError> {
        let is_table = self.0.get(BODY).is_some_and(|body| body.is_object() || body.is_array());
        let is_other =
            matches!(languages(BODY), ParamLanguage::Guessed | ParamLanguage::Form | ParamLanguage::Markup);
        if is_table && is_other {
            return Err(TemplateError { place: BODY.to_owned(), reason: TABLE.to_owned() });
        }
        self.check_texts(languages)
    }

    fn check_texts(&self, languages: Languages<'_>) -> Result<(), TemplateError> {
        let (fields, mut checked) = (self.fields(), Ok(()));
        self.each_text(&mut |place, text| {
            if checked.is_ok()
                && let Err(reason) = escaping_of(text, languages(place), &fields)
            {
                checked = Err(TemplateError { place: place.to_owned(), reason });
            }
        });
        checked
    }

    /// The parameters for an alert with these variables and fields.
    ///
    /// # Errors
    ///
    /// If a text becomes too long, or could leave its language.
    pub fn render(
        &self,
        languages: Languages<'_>,
        variables: &Map<String, Value>,
        fields: &BTreeMap<String, String>,
    ) -> Result<Map<String, Value>, TemplateError> {
        let mut context = variables.clone();
        context.insert(FIELDS.to_owned(), nested(fields));
        self.with(languages, minijinja::Value::from(Serde(context)))
    }

    /// The parameters for an ordinary alert.
    ///
    /// # Errors
    ///
    /// As [`ParamsTemplate::render`].
    pub fn example(&self, languages: Languages<'_>) -> Result<Map<String, Value>, TemplateError> {
        self.with(languages, ordinary(&self.fields()))
    }

    fn with(
        &self,
        languages: Languages<'_>,
        context: minijinja::Value,
    ) -> Result<Map<String, Value>, TemplateError> {
        let work = Rendering { languages, context, fields: self.fields() };
        let mut rendered = Map::new();
        for (name, value) in &self.0 {
            let mut value = work.value(name, value)?;
            if name == BODY && (value.is_object() || value.is_array()) {
                value = Value::String(value.to_string());
            }
            rendered.insert(name.clone(), value);
        }
        if serde_json::to_string(&rendered).map_or(0, |text| text.len()) > PARAMS_BYTES_MAX {
            let reason = "the parameters become too long".to_owned();
            return Err(TemplateError { place: "params".to_owned(), reason });
        }
        Ok(rendered)
    }

    fn each_text(&self, each: &mut dyn FnMut(&str, &str)) {
        each_text(&self.0, each);
    }
}

/// An alert is put into parameters.
struct Rendering<'a> {
    languages: Languages<'a>,
    context: minijinja::Value,
    /// The fields that any text shows.
    fields: BTreeSet<String>,
}

impl Rendering<'_> {
    fn value(&self, place: &str, value: &Value) -> Result<Value, TemplateError> {
        Ok(match value {
            Value::String(text) => {
                let failed = |reason| TemplateError { place: place.to_owned(), reason };
                Value::String(self.text(place, text).map_err(failed)?)
            }
            Value::Array(items) => {
                let item = |(at, item): (usize, &Value)| self.value(&format!("{place}.{at}"), item);
                items.iter().enumerate().map(item).collect::<Result<_, _>>()?
            }
            Value::Object(members) => {
                let member = |(name, member): (&String, &Value)| {
                    Ok((name.clone(), self.value(&format!("{place}.{name}"), member)?))
                };
                Value::Object(members.iter().map(member).collect::<Result<_, _>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn text(&self, place: &str, text: &str) -> Result<String, String> {
        let escaping = escaping_of(text, (self.languages)(place), &self.fields)?;
        let done = render(text, escaping, &self.context)?;
        // The probes are not every alert.
        match escaping == Escaping::Json && !is_json(&done) {
            true => Err("this alert would not leave it JSON".to_owned()),
            false => Ok(done),
        }
    }
}

fn check(text: &str) -> Result<(), String> {
    for name in variables_of(text)? {
        let field = name.strip_prefix(FIELDS);
        let is_field = field.and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| !rest.is_empty());
        if !is_field && !VARIABLES.contains(&name.as_str()) {
            return Err(format!(
                "unknown variable `{name}`{}; known are {}, and {FIELDS}.NAME for a field that a rule shows, such as \
                 {FIELDS}.ActorAddress",
                proposal(&name, VARIABLES),
                VARIABLES.join(", ")
            ));
        }
    }
    // Filters and tests are looked up while it is rendered.
    render(text, Escaping::Data, &ordinary(&BTreeSet::new())).map(drop)
}

/// Fields with dots in their names as objects in each other. Where one field is the beginning of another, the longer one is
/// there.
pub(super) fn nested(fields: &BTreeMap<String, String>) -> Value {
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
