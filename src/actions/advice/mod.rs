//! A question to a model about an alert, and what is believed of its answer. What a record says may have been written to
//! steer the model, so its answer is text beside the alert: it changes nothing, and it is refused unless it has the one form
//! that was asked for.
//!
//! | file | what it does |
//! | --- | --- |
//! | `clean` | makes texts of records harmless: short, without control characters, special tokens and keys |
//! | `question` | the body of the request: allowed fields as JSON inside a random fence |
//! | `answer` | reads the answer strictly |

mod answer;
mod clean;
mod question;
#[cfg(test)]
mod tests;

pub use self::{
    answer::{AdviceVerdict, ModelAdvice, read, text_of},
    clean::cleaned,
    question::{AdviceQuestion, PROMPT_VERSION, TAG_MEMBER, refused_params},
};
