//! One text of the parameters, with the values of an alert in it.

use std::collections::BTreeSet;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::escape::{Escaping, add_filters};

/// Steps of one template: more than any that is written by hand takes.
const FUEL: u64 = 20_000;
/// The most bytes of one text.
pub(super) const TEXT_BYTES_MAX: usize = 64 << 10;

/// Puts values into a text.
///
/// # Errors
///
/// What is wrong with the text, or that it becomes too long. It names no value.
pub(super) fn render(text: &str, escaping: Escaping, context: &Value) -> Result<String, String> {
    let done = environment(escaping).render_str(text, context.clone()).map_err(|error| said(&error))?;
    if done.len() > TEXT_BYTES_MAX { Err("the text becomes too long".to_owned()) } else { Ok(done) }
}

/// The variables that a text shows or asks for.
///
/// # Errors
///
/// If it is no template.
pub(super) fn variables_of(text: &str) -> Result<BTreeSet<String>, String> {
    let environment = environment(Escaping::Data);
    let template = environment.template_from_str(text).map_err(|error| said(&error))?;
    Ok(template.undeclared_variables(true).into_iter().collect())
}

fn environment(escaping: Escaping) -> Environment<'static> {
    let mut environment = Environment::empty();
    // Names were checked, and an alert need not have each field.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(move |out, _, value| {
        let text = if value.is_safe() { value.to_string() } else { escaping.escaped(value) };
        out.write_str(&text)?;
        Ok(())
    });
    add_filters(&mut environment, escaping);
    environment
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
