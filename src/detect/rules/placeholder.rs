//! Placeholders such as `%OwnDomains%`, whose values are in the settings.

use std::collections::BTreeMap;

use super::{
    item::{ItemContext, VALUES_MAX},
    pattern::{Pattern, PatternPart},
};

/// Values of the placeholders that settings give.
pub type Placeholders = BTreeMap<String, Vec<String>>;

/// The pattern with each placeholder replaced by each of its values, which are written for an expression if it is one.
pub(super) fn expand(
    pattern: &Pattern,
    in_expression: bool,
    context: &mut ItemContext<'_>,
) -> Result<Vec<Pattern>, String> {
    let mut forms = vec![Pattern::default()];
    for part in &pattern.parts {
        let PatternPart::Literal(text) = part else {
            forms.iter_mut().for_each(|form| form.add(part.clone()));
            continue;
        };
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => {
                    forms.iter_mut().for_each(|form| form.add(PatternPart::Literal(text.clone())));
                }
                Piece::Placeholder(name) => forms = filled(forms, name, in_expression, context)?,
            }
        }
    }
    Ok(forms)
}

fn filled(
    forms: Vec<Pattern>,
    name: &str,
    in_expression: bool,
    context: &mut ItemContext<'_>,
) -> Result<Vec<Pattern>, String> {
    let Some(values) = context.placeholders.get(name).filter(|values| !values.is_empty()) else {
        context.unset.push(name.to_owned());
        return Ok(forms);
    };
    context.expanded.insert(name.to_owned(), values.clone());
    if forms.len().saturating_mul(values.len()) > VALUES_MAX {
        return Err(format!("more than {VALUES_MAX} values"));
    }
    let with = |form: &Pattern, value: &String| {
        let mut form = form.clone();
        let value = Pattern::parse(value);
        if in_expression {
            form.add(PatternPart::Literal(value.inner_expression()));
        } else {
            value.parts.into_iter().for_each(|part| form.add(part));
        }
        form
    };
    Ok(forms.iter().flat_map(|form| values.iter().map(|value| with(form, value))).collect())
}

/// A piece of a text with placeholders.
enum Piece<'t> {
    Text(String),
    Placeholder(&'t str),
}

/// A text as plain texts and placeholders such as `%OwnDomains%`; `\%` is a plain percent sign.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("\\%") {
            plain.push('%');
            rest = behind;
            continue;
        }
        let name = rest.strip_prefix('%').and_then(|behind| behind.split_once('%'));
        match name
            .filter(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        {
            Some((name, behind)) => {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Placeholder(name));
                rest = behind;
            }
            None => {
                plain.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    pieces.push(Piece::Text(plain));
    pieces
}
