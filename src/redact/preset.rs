//! Predefined lists of paths, each path with its reason.

use super::rule::RuleAction;

/// A predefined list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Stored completions without their prompts and answers.
    NoContent,
}

impl Preset {
    /// Its word in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoContent => "no-content",
        }
    }

    /// What happens to each of its paths.
    pub const fn action(self) -> RuleAction {
        match self {
            Self::NoContent => RuleAction::Drop,
        }
    }

    /// Its paths, each with the reason.
    pub const fn paths(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::NoContent => NO_CONTENT,
        }
    }
}

/// The kept fields show who sent a request when, which model answered, and the cost; the tests list them.
const NO_CONTENT: &[(&str, &str)] = &[
    (
        "choices",
        "the answers: text, tool calls, log probabilities that spell out the text, and fields added later",
    ),
    ("ccfd_messages", "the prompts, read with `include_messages`"),
    ("messages", "the prompts, if a gateway lists them with the completion"),
    ("tools", "part of the prompt: names, descriptions and schemas that the caller wrote"),
    ("tool_choice", "may contain the tools again"),
    ("response_format", "part of the prompt: a schema with names and descriptions that the caller wrote"),
    ("@other", "a field that OpenAI adds later may contain content, so it is dropped until it is known"),
];

#[cfg(test)]
mod tests {
    use super::{super::Path, *};
    use crate::tables::{CHAT_COMPLETIONS, Origin};

    /// What remains of a completion without content. Each new column must be added here or to the preset.
    const KEPT: [&str; 14] = [
        "id",
        "object",
        "created",
        "model",
        "request_id",
        "service_tier",
        "system_fingerprint",
        "usage",
        // The caller's labels, which cost reports are grouped by; docs/privacy.md says so.
        "metadata",
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "seed",
    ];
    /// The caller's name for its end user.
    const KEPT_PERSON: &str = "input_user";

    #[test]
    fn every_column_of_a_completion_is_either_content_or_kept_on_purpose() {
        let content: Vec<&str> = Preset::NoContent.paths().iter().map(|(path, _)| *path).collect();
        for column in &CHAT_COMPLETIONS.columns {
            let field: &str = match &column.from {
                Origin::Field(field) | Origin::Time(field) | Origin::Inner(field, _) => field,
                Origin::Details | Origin::Connector | Origin::Constant(_) => continue,
            };
            let kept = KEPT.contains(&field) || field == KEPT_PERSON;
            assert!(kept != content.contains(&field), "{field}");
        }
    }

    #[test]
    fn every_path_of_a_preset_is_one() {
        for (path, _) in Preset::NoContent.paths() {
            assert!(Path::parse(path).is_ok(), "{path}");
        }
    }
}
