//! What alerts do: the parameters of an action as templates over an alert, and the question to a model about an alert. The
//! settings are in `config/action.rs`, the outbox in `detect_db/outbox/`, the work in `daemon/actions/`.
//!
//! | file | what it has |
//! | --- | --- |
//! | `template` | parameters whose texts are templates |
//! | `render`, `escape` | one text, and how a value is put into it |
//! | `probe` | alerts that are tried before there is one |
//! | `reach` | actions against the rules: unknown ones, fields that no rule shows, two that make cases for one rule |
//! | `advice` | the question to a model, and what is believed of its answer |

pub mod advice;
mod escape;
mod probe;
mod reach;
mod render;
mod template;
#[cfg(test)]
mod tests;

pub use self::{
    reach::problems,
    template::{FIELDS, Languages, ParamsTemplate, TemplateError, VARIABLES},
};
