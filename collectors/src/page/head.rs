//! The few fields of a record that collecting needs, parsed without building the rest.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::page::record::IdHash;

/// The last second that a four-digit year can write: 9999-12-31T23:59:59Z.
pub const LAST_SECOND: i64 = 253_402_300_799;

/// The field by which a list dates its records. A record may also have the other list's field, as an ordinary
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeField {
    /// `effective_at`, of audit events.
    EffectiveAt,
    /// `created`, of stored completions.
    Created,
}

impl TimeField {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EffectiveAt => "effective_at",
            Self::Created => "created",
        }
    }
}

/// The fields that identify a record and place it in time. Of a duplicate name the last value counts, as in
/// most JSON parsers.
pub(crate) enum RecordHead<'a> {
    Object {
        id: Option<Id<'a>>,
        times: Times,
        odd: bool,
    },
    /// Valid JSON without a value; never built by the parser itself.
    Undecodable,
    Other,
}

/// The value of each time field: missing, or a value that may not be a time.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Times {
    effective_at: Option<Option<i64>>,
    created: Option<Option<i64>>,
}

impl Times {
    /// The second, from the field of this list, and whether the other list's field is present too.
    pub fn of(self, field: TimeField) -> (Option<i64>, bool) {
        let (own, other) = match field {
            TimeField::EffectiveAt => (self.effective_at, self.created),
            TimeField::Created => (self.created, self.effective_at),
        };
        (own.flatten(), other.is_some())
    }
}

/// An id as written in the body; its text is borrowed unless it has escapes.
pub(crate) struct Id<'a> {
    pub hash: IdHash,
    pub text: Option<&'a str>,
    /// Length of the text in bytes.
    pub bytes: usize,
}

/// The other known top-level fields of audit events and stored completions, including the one that ccfd adds
/// to completions. The payload of an audit event is under the key that its `type` names.
pub const KNOWN_FIELDS: [&str; 21] = [
    "object",
    "actor",
    "project",
    "model",
    "request_id",
    "service_tier",
    "system_fingerprint",
    "choices",
    "usage",
    "metadata",
    "tool_choice",
    "tools",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "input_user",
    "response_format",
    "ccfd_messages",
    "type",
];

enum MemberName<'a> {
    Id,
    Time(TimeField),
    Type,
    Known,
    /// An unknown field; its text, unless it has escapes.
    Other(Option<&'a str>),
}

impl<'de> Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = MemberName<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a key")
            }
            fn visit_borrowed_str<E: serde::de::Error>(self, key: &'de str) -> Result<MemberName<'de>, E> {
                Ok(match self.visit_str(key)? {
                    MemberName::Other(_) => MemberName::Other(Some(key)),
                    known => known,
                })
            }
            fn visit_str<E>(self, key: &str) -> Result<MemberName<'de>, E> {
                Ok(match key {
                    "id" => MemberName::Id,
                    "effective_at" => MemberName::Time(TimeField::EffectiveAt),
                    "created" => MemberName::Time(TimeField::Created),
                    "type" => MemberName::Type,
                    key if KNOWN_FIELDS.contains(&key) => MemberName::Known,
                    _ => MemberName::Other(None),
                })
            }
        }
        deserializer.deserialize_identifier(Keys)
    }
}

impl<'de> Deserialize<'de> for RecordHead<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Heads;
        impl<'de> Visitor<'de> for Heads {
            type Value = RecordHead<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a record")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut id, mut times, mut kind) = (None, Times::default(), None);
                let (mut payload, mut odd) = (None, false);
                while let Some(key) = map.next_key()? {
                    match key {
                        MemberName::Id => id = map.next_value::<Scalar<'de>>()?.id(),
                        MemberName::Time(field) => {
                            let second = Some(map.next_value::<Scalar<'de>>()?.second());
                            match field {
                                TimeField::EffectiveAt => times.effective_at = second,
                                TimeField::Created => times.created = second,
                            }
                        }
                        MemberName::Type => kind = map.next_value::<Scalar<'de>>()?.borrowed(),
                        MemberName::Known => drop(map.next_value::<IgnoredAny>()?),
                        MemberName::Other(name) => {
                            odd |= name.is_none() || payload.replace(name).is_some();
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                odd |= payload.is_some_and(|name| name != kind);
                Ok(RecordHead::Object { id, times, odd })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(RecordHead::Other)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(RecordHead::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(RecordHead::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(RecordHead::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(RecordHead::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(RecordHead::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(RecordHead::Other)
            }
        }
        deserializer.deserialize_any(Heads)
    }
}

/// A value that should be a string, a number or a boolean, but may be anything.
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Whole(i64),
    Real(f64),
    Bool(bool),
    Other,
}

impl<'a> Scalar<'a> {
    fn id(&self) -> Option<Id<'a>> {
        match self {
            Self::Text(text) if !text.is_empty() => {
                let borrowed = match text {
                    Cow::Borrowed(text) => Some(*text),
                    Cow::Owned(_) => None,
                };
                Some(Id { hash: IdHash::of(text), text: borrowed, bytes: text.len() })
            }
            Self::Text(_) | Self::Whole(_) | Self::Real(_) | Self::Bool(_) | Self::Other => None,
        }
    }

    /// Its text, if it is a string.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.into_owned()),
            Self::Whole(_) | Self::Real(_) | Self::Bool(_) | Self::Other => None,
        }
    }

    /// Text without escapes.
    fn borrowed(self) -> Option<&'a str> {
        match self {
            Self::Text(Cow::Borrowed(text)) => Some(text),
            Self::Text(Cow::Owned(_)) | Self::Whole(_) | Self::Real(_) | Self::Bool(_) | Self::Other => None,
        }
    }

    /// Whole seconds. A fraction is cut off: no live answer had one, but two collectors of this data accept
    /// it.
    fn second(&self) -> Option<i64> {
        let second = match self {
            Self::Whole(second) => *second,
            Self::Real(second) if second.is_finite() && second.abs() < 1e15 => second.floor() as i64,
            Self::Text(_) | Self::Real(_) | Self::Bool(_) | Self::Other => return None,
        };
        (0..=LAST_SECOND).contains(&second).then_some(second)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalars;
        impl<'de> Visitor<'de> for Scalars {
            type Value = Scalar<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Whole(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(i64::try_from(number).map_or(Scalar::Other, Scalar::Whole))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Real(number))
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Bool(flag))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(Scalars)
    }
}
