//! A value of a record as rules see it, and numbers that compare exactly.

use std::{borrow::Cow, cell::OnceCell, cmp::Ordering};

use crate::tables::{ColumnValue, compact, iso8601, lossy_text};

/// A value other than `null`. An array is its elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RowValue<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number, as it was written.
    Number(Cow<'a, str>),
    /// `true` or `false`.
    Bool(bool),
    /// A whole second.
    Time(i64),
    /// An object as received, and as compact JSON text once somebody asks for it: most are only known to be there.
    Object(&'a [u8], OnceCell<String>),
}

impl<'a> RowValue<'a> {
    /// The value of a column that is not dynamic.
    pub fn of_column(value: ColumnValue<'a>) -> Option<Self> {
        match value {
            ColumnValue::Null => None,
            ColumnValue::Text(text) | ColumnValue::Json(text) => Some(Self::Text(text)),
            ColumnValue::Long(whole) => Some(Self::Number(Cow::Owned(whole.to_string()))),
            ColumnValue::Real(number) => Some(Self::Number(Cow::Owned(number.to_string()))),
            ColumnValue::Time(second) => Some(Self::Time(second)),
        }
    }

    /// A JSON value other than an array. What Unicode cannot express in a text is U+FFFD: nobody hides a text by
    /// half of a surrogate pair in it.
    pub fn of_json(json: &'a [u8]) -> Option<Self> {
        match json.first()? {
            b'"' => lossy_text(json).map(Self::Text),
            b'{' => Some(Self::Object(json, OnceCell::new())),
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'-' | b'0'..=b'9' => {
                std::str::from_utf8(json).ok().map(|text| Self::Number(Cow::Borrowed(text)))
            }
            _ => None,
        }
    }

    /// How a rule and an alert write it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) | Self::Number(text) => Cow::Borrowed(text),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Time(second) => Cow::Owned(iso8601(*second).as_str().to_owned()),
            Self::Object(json, text) => Cow::Borrowed(text.get_or_init(|| compact(json))),
        }
    }

    /// The number that it is, or that its text is.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Text(text) | Self::Number(text) => Number::parse(text),
            Self::Time(second) => Some(Number::Whole(*second)),
            Self::Bool(_) | Self::Object(..) => None,
        }
    }
}

/// A finite number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// An integer of 64 bits: ids and seeds need all of them.
    Whole(i64),
    /// Any other.
    Real(f64),
}

impl Number {
    /// A number as JSON writes it.
    pub fn parse(text: &str) -> Option<Self> {
        // The longest number that anyone writes has a few dozen digits, and values may have megabytes.
        if text.len() > 64 || !is_written_like_json(text) {
            return None;
        }
        text.parse().map(Self::Whole).ok().or_else(|| {
            let number: f64 = text.parse().ok()?;
            number.is_finite().then_some(Self::Real(number))
        })
    }

    /// As a float; the last digits of a large integer are lost.
    pub fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(number) => number,
        }
    }

    /// Compares exactly.
    pub fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(&other),
            // Both are finite, so they have an order.
            (Self::Real(one), Self::Real(other)) => one.partial_cmp(&other).unwrap_or(Ordering::Equal),
            (Self::Whole(one), Self::Real(other)) => whole_to_real(one, other),
            (Self::Real(one), Self::Whole(other)) => whole_to_real(other, one).reverse(),
        }
    }
}

/// Whether a text that can be parsed as a number is one in JSON: without a leading zero, and with digits around a point.
fn is_written_like_json(text: &str) -> bool {
    let begins_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let digits = text.strip_prefix('-').unwrap_or(text);
    let has_leading_zero = digits.strip_prefix('0').is_some_and(begins_with_digit);
    let fraction = digits.split_once('.').map(|(_, behind)| behind);
    begins_with_digit(digits) && !has_leading_zero && fraction.is_none_or(begins_with_digit)
}

fn whole_to_real(whole: i64, number: f64) -> Ordering {
    // 2^63 is a float, and no i64 reaches it.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if number >= BEYOND {
        Ordering::Less
    } else if number < -BEYOND {
        Ordering::Greater
    } else {
        let floor = number.floor();
        let order = whole.cmp(&(floor as i64));
        if order == Ordering::Equal && number > floor { Ordering::Less } else { order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_with_all_their_digits() {
        let order = |one: &str, other: &str| Number::parse(one).unwrap().order(Number::parse(other).unwrap());
        assert_eq!(order("9007199254740993", "9007199254740992"), Ordering::Greater);
        assert_eq!(order("9007199254740993", "9007199254740992.0"), Ordering::Greater);
        assert_eq!(order("42", "42.0"), Ordering::Equal);
        assert_eq!(order("42.5", "42"), Ordering::Greater);
        assert_eq!(order("-3", "-2.5"), Ordering::Less);
        assert_eq!(order("-0.0", "0.0"), Ordering::Equal);
        assert_eq!(order("9223372036854775807", "1e19"), Ordering::Less);
        assert_eq!(order("-1e300", "-9223372036854775808"), Ordering::Less);
    }

    #[test]
    fn a_text_is_a_number_only_where_json_would_write_it_so() {
        for text in [
            "", "+1", " 1", "1 ", "inf", "-inf", "NaN", "0x1f", "1_000", "--1", "1e999", "١", "01", "-01",
            "1.", "1.e5", "-.5",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
        assert!(Number::parse(&"1".repeat(100)).is_none());
        assert_eq!(Number::parse("-33.86").unwrap().real(), -33.86);
        assert_eq!(Number::parse("-0.5e1").unwrap().real(), -5.0);
        assert_eq!(Number::parse("0").unwrap().real(), 0.0);
    }
}
