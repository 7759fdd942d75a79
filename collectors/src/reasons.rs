//! An error and its causes in one line.
//!
//! `Display` of an error must omit what its `source` returns, or code that prints both would print the cause
//! twice.

use std::error::Error;

/// The text of an error, followed by that of each of its sources.
pub fn with_reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let reason = inner.to_string();
        // Libraries repeat the text of an inner error in their own.
        if !text.ends_with(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        cause = inner.source();
    }
    text
}
