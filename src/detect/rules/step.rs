//! What modifiers do to a text, one after the other.

use super::{
    encoding::{base64, base64_offsets, shown, utf16, windash},
    item::{ItemContext, VALUES_MAX},
    matcher::MatchPlace,
    modifier::{Modifier, ModifierChain},
    pattern::Pattern,
    placeholder::expand,
};

/// The patterns that a text becomes by the steps of a chain: a list of them for each value of its placeholders.
pub(super) fn patterns(
    text: &str,
    chain: &ModifierChain,
    context: &mut ItemContext<'_>,
) -> Result<Vec<Vec<Pattern>>, String> {
    let mut lists = vec![vec![ValueForm::Text(Pattern::parse(text))]];
    for step in &chain.steps {
        let (mut next, mut count) = (Vec::new(), 0);
        for forms in lists {
            let mut list = Vec::new();
            for form in forms {
                let found = apply(*step, form, context)?;
                count += found.len();
                if count > VALUES_MAX {
                    return Err(format!("more than {VALUES_MAX} values"));
                }
                match step {
                    Modifier::Expand => deal(&mut next, found),
                    _ => list.extend(found),
                }
            }
            next.extend((*step != Modifier::Expand).then_some(list));
        }
        lists = next;
    }
    let pattern = |list: Vec<ValueForm>| list.into_iter().map(ValueForm::pattern).collect();
    lists.into_iter().map(pattern).collect()
}

/// Adds one form to each list. All forms of a text have the same placeholders, and so as many values of them.
fn deal(lists: &mut Vec<Vec<ValueForm>>, forms: Vec<ValueForm>) {
    for (place, form) in forms.into_iter().enumerate() {
        match lists.get_mut(place) {
            Some(list) => list.push(form),
            None => lists.push(vec![form]),
        }
    }
}

/// A value between two steps.
enum ValueForm {
    Text(Pattern),
    Bytes(Vec<u8>),
}

impl ValueForm {
    fn pattern(self) -> Result<Pattern, String> {
        match self {
            Self::Text(pattern) => Ok(pattern),
            Self::Bytes(bytes) => shown(&bytes).map(Pattern::literal).ok_or_else(|| {
                "only ASCII can be found in UTF-16; other texts need `base64` or `base64offset` after it"
                    .to_owned()
            }),
        }
    }

    fn bytes(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Text(pattern) => match pattern.plain() {
                Some(text) => Ok(text.as_bytes().to_vec()),
                None => Err("wildcards cannot be encoded; put `contains` and the like last".to_owned()),
            },
        }
    }
}

fn apply(step: Modifier, form: ValueForm, context: &mut ItemContext<'_>) -> Result<Vec<ValueForm>, String> {
    let texts =
        |texts: Vec<String>| texts.into_iter().map(|text| ValueForm::Text(Pattern::literal(text))).collect();
    Ok(match step {
        Modifier::Place(place) => {
            let pattern = form.pattern()?;
            vec![ValueForm::Text(match place {
                MatchPlace::Whole => pattern,
                MatchPlace::Inside => pattern.starts().ends(),
                MatchPlace::Start => pattern.starts(),
                MatchPlace::End => pattern.ends(),
            })]
        }
        Modifier::Windash => {
            let forms = windash(&form.pattern()?).ok_or("too many dashes for `windash`")?;
            forms.into_iter().map(ValueForm::Text).collect()
        }
        Modifier::Utf16(order) => {
            let bytes = form.bytes()?;
            let text = String::from_utf8(bytes).map_err(|_| "is encoded already".to_owned())?;
            vec![ValueForm::Bytes(utf16(&text, order))]
        }
        Modifier::Base64 => texts(vec![base64(&form.bytes()?)]),
        Modifier::Base64Offset => texts(base64_offsets(&form.bytes()?)),
        Modifier::Expand => {
            expand(&form.pattern()?, false, context)?.into_iter().map(ValueForm::Text).collect()
        }
        // These change no text.
        Modifier::All
        | Modifier::NotEqual
        | Modifier::Cased
        | Modifier::Exists
        | Modifier::Expression
        | Modifier::IgnoreCase
        | Modifier::MultiLine
        | Modifier::SingleLine
        | Modifier::Compare(_)
        | Modifier::Date(_)
        | Modifier::Cidr
        | Modifier::FieldReference => vec![form],
    })
}
