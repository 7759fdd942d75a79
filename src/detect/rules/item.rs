//! One entry of a selection, compiled: a field, and what its values must be.

use super::{
    error::excerpt,
    expressions::{ExaminedPart, ExpressionBudget, ExpressionForm, Expressions},
    field::{FieldId, Fields},
    matcher::{FieldReference, MatchPlace, Matcher, compares},
    modifier::{Modifier, ModifierChain, ValueMeaning},
    network::Network,
    pattern::Pattern,
    placeholder::{Placeholders, expand},
    section::scalar,
    step::patterns,
    value::Number,
    wildcards::WildcardSearch,
    yaml::{NodeValue, YamlNode},
};

/// Values of one entry, after placeholders and encodings.
pub(super) const VALUES_MAX: usize = 10_000;

/// What entries are compiled with.
pub(super) struct ItemContext<'c> {
    pub fields: &'c mut Fields,
    pub table: usize,
    pub placeholders: &'c Placeholders,
    /// The placeholders that are used and not set.
    pub unset: &'c mut Vec<String>,
    /// Those that are used, with their values, for the definition of the rule.
    pub expanded: &'c mut Placeholders,
    /// What the expressions of the set may still cost.
    pub budget: &'c mut ExpressionBudget,
}

/// Compiles the values of an entry: one matcher, or with `all` one for each value, and for each value of its placeholders.
pub(super) fn matchers(
    chain: &ModifierChain,
    values: &[YamlNode],
    keywords: bool,
    context: &mut ItemContext<'_>,
) -> Result<Vec<Matcher>, (u32, String)> {
    if let (ValueMeaning::Exists, [_, second, ..]) = (chain.meaning, values) {
        return Err((second.line, "one of `true` and `false` is expected here".to_owned()));
    }
    let is_placed = chain.steps.iter().any(|step| matches!(step, Modifier::Place(_)));
    let place = if keywords && !is_placed { Some(MatchPlace::Inside) } else { None };
    let mut build = Build::new(chain);
    for value in values {
        let here = |problem| (value.line, problem);
        build.value(chain, value, place, context).map_err(here)?;
        if chain.all {
            build.close(chain, context.budget).map_err(here)?;
        }
    }
    if !chain.all {
        let line = values.first().map_or(0, |value| value.line);
        build.close(chain, context.budget).map_err(|problem| (line, problem))?;
    }
    Ok(build.closed)
}

/// Matchers in the making.
struct Build {
    /// Those that are made.
    closed: Vec<Matcher>,
    matcher: Matcher,
    /// Patterns with wildcards.
    searches: Vec<Pattern>,
    expressions: Vec<String>,
    values: usize,
}

impl Build {
    fn new(chain: &ModifierChain) -> Self {
        let matcher = Matcher { cased: chain.cased, ..Matcher::default() };
        let (searches, expressions) = (Vec::new(), Vec::new());
        Self { closed: Vec::new(), matcher, searches, expressions, values: 0 }
    }

    /// What comes after this is for another matcher.
    fn close(&mut self, chain: &ModifierChain, budget: &mut ExpressionBudget) -> Result<(), String> {
        let closed = std::mem::take(&mut self.closed);
        let whole = std::mem::replace(self, Self::new(chain));
        self.closed = closed;
        self.closed.push(whole.finish(chain, budget)?);
        Ok(())
    }

    fn value(
        &mut self,
        chain: &ModifierChain,
        node: &YamlNode,
        place: Option<MatchPlace>,
        context: &mut ItemContext<'_>,
    ) -> Result<(), String> {
        match chain.meaning {
            ValueMeaning::Plain => self.plain(chain, node, place, context),
            ValueMeaning::Expression { .. } => self.expression(chain, &text(node)?, context),
            ValueMeaning::Compare(comparison) => {
                self.matcher.comparisons.push((comparison, number(node)?));
                Ok(())
            }
            ValueMeaning::Date(part, comparison) => {
                let number = number(node)?;
                let (mut range, name) = part.range();
                let (first, last) = (*range.start(), *range.end());
                if !range.any(|one| compares(Number::Whole(one), comparison, number)) {
                    return Err(format!("can never match: {name} is {first} to {last}"));
                }
                self.matcher.dates.push((part, comparison, number));
                Ok(())
            }
            ValueMeaning::Cidr => {
                let text = text(node)?;
                let network = Network::parse(&text);
                let network = network.ok_or_else(|| format!("`{}` is not a network", excerpt(&text)))?;
                self.matcher.networks.push(network);
                Ok(())
            }
            ValueMeaning::FieldReference => {
                let field = context.fields.named(context.table, &text(node)?)?;
                self.matcher.references.push(FieldReference { field, place: chain.place });
                Ok(())
            }
            ValueMeaning::Exists => {
                let NodeValue::Bool(exists) = node.value else {
                    return Err(format!("`true` or `false` is expected here, not {}", node.kind()));
                };
                self.matcher.exists = Some(exists);
                Ok(())
            }
        }
    }

    fn plain(
        &mut self,
        chain: &ModifierChain,
        node: &YamlNode,
        place: Option<MatchPlace>,
        context: &mut ItemContext<'_>,
    ) -> Result<(), String> {
        let as_text = !chain.steps.is_empty() || chain.cased || place.is_some();
        match &node.value {
            NodeValue::Null if !as_text => self.matcher.none = true,
            NodeValue::Bool(flag) if !as_text => self.matcher.flags.push(*flag),
            NodeValue::Integer(whole) if !as_text => self.matcher.numbers.push(Number::Whole(*whole)),
            NodeValue::Float(_) if !as_text => self.matcher.numbers.push(number(node)?),
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Integer(_)
            | NodeValue::Float(_)
            | NodeValue::Text(_)
            | NodeValue::List(_)
            | NodeValue::Map(_) => {
                let text =
                    scalar(node).ok_or_else(|| format!("a value is expected here, not {}", node.kind()))?;
                let is_piece = |step: &Modifier| {
                    matches!(step, Modifier::Place(MatchPlace::Inside | MatchPlace::Start | MatchPlace::End))
                };
                if text.is_empty() && (place.is_some() || chain.steps.iter().any(is_piece)) {
                    return Err("an empty text is in every text; `|exists: true` says so".to_owned());
                }
                for (number, list) in patterns(&text, chain, context)?.into_iter().enumerate() {
                    if chain.all && number > 0 {
                        self.close(chain, context.budget)?;
                    }
                    for pattern in list {
                        let inside = place == Some(MatchPlace::Inside);
                        let pattern = if inside { pattern.starts().ends() } else { pattern };
                        self.pattern(chain, &pattern)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn pattern(&mut self, chain: &ModifierChain, pattern: &Pattern) -> Result<(), String> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(format!("more than {VALUES_MAX} values"));
        }
        match pattern.plain() {
            Some(text) => {
                let text = if chain.cased { text.to_owned() } else { super::fold::folded(text).into_owned() };
                self.matcher.exact.add(text);
            }
            None => self.searches.push(pattern.clone()),
        }
        Ok(())
    }

    fn expression(
        &mut self,
        chain: &ModifierChain,
        text: &str,
        context: &mut ItemContext<'_>,
    ) -> Result<(), String> {
        if text.is_empty() {
            return Err("an empty expression is in every text; `|exists: true` says so".to_owned());
        }
        let expanded = if chain.steps.contains(&Modifier::Expand) {
            let patterns = expand(&Pattern::literal(text), true, context)?;
            patterns.iter().filter_map(|pattern| pattern.plain().map(str::to_owned)).collect()
        } else {
            vec![text.to_owned()]
        };
        for (number, text) in expanded.into_iter().enumerate() {
            if chain.all && number > 0 {
                self.close(chain, context.budget)?;
            }
            self.expressions.push(match chain.place {
                MatchPlace::Whole | MatchPlace::Inside => text,
                MatchPlace::Start => format!("\\A(?:{text})"),
                MatchPlace::End => format!("(?:{text})\\z"),
            });
        }
        Ok(())
    }

    fn finish(mut self, chain: &ModifierChain, budget: &mut ExpressionBudget) -> Result<Matcher, String> {
        if !self.searches.is_empty() {
            self.matcher.search = Some(WildcardSearch::compile(&self.searches, chain.cased, budget)?);
        }
        if let ValueMeaning::Expression { ignore_case, multi_line, single_line } = chain.meaning {
            let part = match chain.place {
                MatchPlace::End => ExaminedPart::End,
                MatchPlace::Whole | MatchPlace::Inside | MatchPlace::Start => ExaminedPart::Beginning,
            };
            let is_of_patterns = false;
            let form = ExpressionForm { ignore_case, multi_line, single_line, part, is_of_patterns };
            self.matcher.expressions = Expressions::compile(&self.expressions, form, budget)?;
        }
        Ok(self.matcher)
    }
}

fn text(node: &YamlNode) -> Result<String, String> {
    scalar(node).ok_or_else(|| format!("a text is expected here, not {}", node.kind()))
}

fn number(node: &YamlNode) -> Result<Number, String> {
    match &node.value {
        NodeValue::Integer(whole) => Ok(Number::Whole(*whole)),
        NodeValue::Float(number) if number.is_finite() => Ok(Number::Real(*number)),
        NodeValue::Float(_)
        | NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Text(_)
        | NodeValue::List(_)
        | NodeValue::Map(_) => Err(format!("a number is expected here, not {}", node.kind())),
    }
}

/// The fields that matchers refer to.
pub(super) fn referenced(matchers: &[Matcher]) -> impl Iterator<Item = FieldId> {
    matchers.iter().flat_map(|matcher| matcher.references.iter().map(|reference| reference.field))
}
