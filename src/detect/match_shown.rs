//! What an alert may show of one match.

use std::{fmt, sync::Arc};

/// Fields with their values, in one piece of memory: nearly every match is stored and forgotten, and its fields with it. The
/// values of a field follow each other.
#[derive(Clone, Default, PartialEq)]
pub struct MatchShown {
    /// The field of each value, and where the value ends in the texts.
    fields: Vec<(Arc<str>, usize)>,
    texts: String,
}

impl MatchShown {
    /// Makes room for so many values.
    pub fn reserve(&mut self, values: usize) {
        self.fields.reserve(values);
        self.texts.reserve(values * 32);
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.texts.clear();
    }

    /// Bytes of memory that it has.
    pub fn memory(&self) -> usize {
        self.fields.capacity() * size_of::<(Arc<str>, usize)>() + self.texts.capacity()
    }

    /// Adds a value of a field.
    pub fn add(&mut self, field: &Arc<str>, value: &str) {
        self.texts.push_str(value);
        self.fields.push((Arc::clone(field), self.texts.len()));
    }

    /// Each value with its field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut begin = 0;
        self.fields.iter().map(move |(field, end)| {
            let value = &self.texts[begin..*end];
            begin = *end;
            (&**field, value)
        })
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The values of a field.
    pub fn of(&self, field: &str) -> Vec<&str> {
        self.iter().filter(|(name, _)| *name == field).map(|(_, value)| value).collect()
    }
}

impl<F: AsRef<str>, V: AsRef<str>> FromIterator<(F, V)> for MatchShown {
    fn from_iter<I: IntoIterator<Item = (F, V)>>(pairs: I) -> Self {
        let mut shown = Self::default();
        for (field, value) in pairs {
            shown.add(&field.as_ref().into(), value.as_ref());
        }
        shown
    }
}

/// Contents of records stay out of logs.
impl fmt::Debug for MatchShown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.fields.iter().map(|(field, _)| field)).finish()
    }
}
