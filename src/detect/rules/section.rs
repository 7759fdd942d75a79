//! A map of a document, of which every key must be known.

use super::{
    error::{Problems, excerpt, unknown},
    yaml::{NodeValue, YamlNode},
};

/// A map, read key by key.
pub(super) struct DocumentSection<'n> {
    /// Its place in the document, for errors; empty for the document itself.
    pub path: String,
    pub line: u32,
    pub members: &'n [(String, u32, YamlNode)],
}

impl<'n> DocumentSection<'n> {
    /// The map in a node; anything else is an error.
    pub fn of(node: &'n YamlNode, path: impl Into<String>, problems: &mut Problems) -> Option<Self> {
        let path = path.into();
        match &node.value {
            NodeValue::Map(members) => Some(Self { path, line: node.line, members }),
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Integer(_)
            | NodeValue::Float(_)
            | NodeValue::Text(_)
            | NodeValue::List(_) => {
                problems.error(node.line, path, format!("a map is expected here, not {}", node.kind()));
                None
            }
        }
    }

    /// Notes every key that is not among these.
    pub fn only(&self, known: &[&str], problems: &mut Problems) {
        for (name, line, _) in self.members {
            if !known.contains(&name.as_str()) {
                problems.error(*line, self.at(name), unknown("key here", name, known));
            }
        }
    }

    /// The place of a key.
    pub fn at(&self, name: &str) -> String {
        let name = excerpt(name);
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// The value under a key; `null` counts as missing.
    pub fn get(&self, name: &str) -> Option<&'n YamlNode> {
        let found = self.members.iter().find(|(key, ..)| key == name);
        found.map(|(.., node)| node).filter(|node| node.value != NodeValue::Null)
    }

    /// The value under a key that must be there.
    pub fn required(&self, name: &str, problems: &mut Problems) -> Option<&'n YamlNode> {
        let found = self.get(name);
        if found.is_none() {
            problems.error(self.line, self.at(name), "missing");
        }
        found
    }

    /// The text under a key. A number counts as its text.
    pub fn text(&self, name: &str, chars_max: usize, problems: &mut Problems) -> Option<String> {
        let node = self.get(name)?;
        let found = scalar(node);
        match &found {
            None => problems.error(node.line, self.at(name), expected("a text", node)),
            Some(text) if text.chars().count() > chars_max => {
                problems.error(node.line, self.at(name), format!("longer than {chars_max} characters"));
            }
            Some(_) => {}
        }
        found
    }

    /// The texts under a key: one, or a list of them.
    pub fn texts(&self, name: &str, problems: &mut Problems) -> Vec<(String, u32)> {
        let Some(node) = self.get(name) else { return Vec::new() };
        let elements = match &node.value {
            NodeValue::List(elements) => elements.as_slice(),
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Integer(_)
            | NodeValue::Float(_)
            | NodeValue::Text(_)
            | NodeValue::Map(_) => std::slice::from_ref(node),
        };
        let mut texts = Vec::with_capacity(elements.len());
        for element in elements {
            match scalar(element) {
                Some(text) => texts.push((text, element.line)),
                None => problems.error(element.line, self.at(name), expected("a text", element)),
            }
        }
        texts
    }

    /// The number under a key.
    pub fn number(&self, name: &str, problems: &mut Problems) -> Option<f64> {
        let node = self.get(name)?;
        let number = node.number().filter(|number| number.is_finite());
        if number.is_none() {
            problems.error(node.line, self.at(name), expected("a number", node));
        }
        number
    }

    /// `true` or `false` under a key.
    pub fn flag(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        let node = self.get(name)?;
        let NodeValue::Bool(value) = node.value else {
            problems.error(node.line, self.at(name), expected("`true` or `false`", node));
            return None;
        };
        Some(value)
    }

    /// One of these words under a key.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let node = self.get(name)?;
        let found = node.text().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let problem = match node.text() {
                Some(text) => unknown("value here", text, &known),
                None => expected("a word", node),
            };
            problems.error(node.line, self.at(name), problem);
        }
        found.map(|(_, value)| *value)
    }

    /// The line of a key, or of the map.
    pub fn line_of(&self, name: &str) -> u32 {
        self.members.iter().find(|(key, ..)| key == name).map_or(self.line, |(_, line, _)| *line)
    }
}

/// The text of a value that is one.
pub(super) fn scalar(node: &YamlNode) -> Option<String> {
    match &node.value {
        NodeValue::Text(text) => Some(text.clone()),
        NodeValue::Integer(whole) => Some(whole.to_string()),
        NodeValue::Float(number) => Some(number.to_string()),
        NodeValue::Bool(value) => Some(value.to_string()),
        NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) => None,
    }
}

/// What is wrong with a value of another type.
pub(super) fn expected(what: &str, node: &YamlNode) -> String {
    format!("{what} is expected here, not {}", node.kind())
}
