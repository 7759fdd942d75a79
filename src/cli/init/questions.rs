//! What `ccfd init` needs to know: from flags, by asking on a terminal, or by default.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    path::Path,
};

use super::Arguments;
use crate::cli::{UsageError, text::lines};

/// What one question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any text.
    Text,
    /// One or several texts, with commas between them.
    List,
    /// The place of a key: `env:NAME`, `file:/path`, `credential:NAME`.
    Place,
}

/// One setting of a sink.
#[derive(Debug)]
pub(super) struct InitQuestion {
    pub(super) key: &'static str,
    pub(super) text: &'static str,
    pub(super) wanted: Wanted,
    pub(super) default: Option<&'static str>,
    /// Asked only if another setting has this value.
    only_if: Option<(&'static str, &'static str)>,
}

const fn ask(
    key: &'static str,
    text: &'static str,
    wanted: Wanted,
    default: Option<&'static str>,
) -> InitQuestion {
    InitQuestion { key, text, wanted, default, only_if: None }
}

const fn ask_for_secret(
    key: &'static str,
    text: &'static str,
    wanted: Wanted,
    default: Option<&'static str>,
) -> InitQuestion {
    InitQuestion { only_if: Some(("auth.kind", "client_secret")), ..ask(key, text, wanted, default) }
}

/// Each type of sink with the settings that it cannot do without.
pub(super) const SINKS: [(&str, &[InitQuestion]); 5] = [
    ("sqlite", &[ask("path", "The database file", Wanted::Text, Some("./tables.db"))]),
    ("ndjson", &[ask("dir", "The directory for files of JSON lines", Wanted::Text, Some("./archive"))]),
    (
        "elasticsearch",
        &[
            ask("urls", "Addresses of the cluster, with commas between them", Wanted::List, None),
            ask("auth.api_key", "Where its API key is kept", Wanted::Place, Some("env:ES_API_KEY")),
        ],
    ),
    (
        "kibana_index",
        &[
            ask("url", "Kibana's address", Wanted::Text, None),
            ask("auth.api_key", "Where its API key is kept", Wanted::Place, Some("env:KIBANA_API_KEY")),
        ],
    ),
    (
        "logs_ingestion",
        &[
            ask("endpoint", "The data collection endpoint (an https address)", Wanted::Text, None),
            ask(
                "dcr_immutable_id",
                "The immutable id of the data collection rule (dcr-…)",
                Wanted::Text,
                None,
            ),
            ask(
                "auth.kind",
                "The identity: managed_identity, workload_identity, client_secret or azure_cli",
                Wanted::Text,
                Some("managed_identity"),
            ),
            ask_for_secret("auth.tenant_id", "The tenant's id", Wanted::Text, None),
            ask_for_secret("auth.client_id", "The application's id", Wanted::Text, None),
            ask_for_secret(
                "auth.client_secret",
                "Where its secret is kept",
                Wanted::Place,
                Some("env:AZURE_CLIENT_SECRET"),
            ),
        ],
    ),
];

/// A list, and how its key is called.
pub(super) struct OfferedList {
    pub(super) source: &'static str,
    pub(super) collector: &'static str,
    pub(super) variable: &'static str,
    pub(super) credential: &'static str,
    pub(super) key: &'static str,
    question: &'static str,
}

pub(super) const LISTS: [OfferedList; 2] = [
    OfferedList {
        source: "audit_logs",
        collector: "audit-logs",
        variable: "OPENAI_ADMIN_KEY",
        credential: "openai-admin",
        key: "an admin key with \"Audit Logs: Read\"",
        question: "Where the admin key for audit logs is kept",
    },
    OfferedList {
        source: "chat_completions",
        collector: "chat-completions",
        variable: "OPENAI_API_KEY",
        credential: "openai-project",
        key: "a key of the project",
        question: "Where the project key for chat completions is kept",
    },
];

/// Everything that the file says.
pub(super) struct Answers {
    pub(super) service: bool,
    pub(super) state_dir: &'static str,
    /// The lists to collect, with the place of each key.
    pub(super) lists: Vec<(&'static OfferedList, String)>,
    pub(super) start: String,
    pub(super) sink: &'static str,
    /// The settings of the sink, by key.
    pub(super) settings: BTreeMap<String, (Wanted, String)>,
}

impl Answers {
    /// Takes what the flags give, and asks for the rest on the terminal, or takes the defaults.
    pub(super) fn collect(arguments: &Arguments, asks: bool) -> anyhow::Result<Self> {
        let mut input = io::stdin().lock();
        Self::collect_from(arguments, asks.then_some((&mut input, &mut io::stderr())))
    }

    fn collect_from<R: BufRead, W: Write>(
        arguments: &Arguments,
        mut terminal: Option<(&mut R, &mut W)>,
    ) -> anyhow::Result<Self> {
        let mut answer =
            |given: Option<&str>, text: &str, default: Option<&str>, flag: &str| -> anyhow::Result<String> {
                match (given, &mut terminal, default) {
                    (Some(given), _, _) => Ok(given.to_owned()),
                    (None, Some((input, output)), default) => asked(*input, *output, text, default),
                    (None, None, Some(default)) => Ok(default.to_owned()),
                    (None, None, None) => Err(UsageError(format!("{flag} is missing: {text}")).into()),
                }
            };
        let service = arguments.service;
        let given = (!arguments.sources.is_empty()).then(|| arguments.sources.join(","));
        let both = "audit_logs,chat_completions";
        let sources = answer(
            given.as_deref(),
            "The lists to collect: audit_logs, chat_completions, or both with a comma",
            Some(both),
            "--source",
        )?;
        let mut lists = Vec::new();
        for name in parts(&sources) {
            let known = LISTS.iter().find(|list| list.source == name);
            let list = known.ok_or_else(|| {
                UsageError(format!("no list `{name}`; there are audit_logs, chat_completions"))
            })?;
            let (given, flag) = match list.source {
                "audit_logs" => (&arguments.admin_key, "--admin-key"),
                _ => (&arguments.project_key, "--project-key"),
            };
            let default = if service {
                format!("credential:key_{}", list.credential)
            } else {
                format!("env:{}", list.variable)
            };
            lists.push((list, answer(given.as_deref(), list.question, Some(&default), flag)?));
        }
        let start = answer(
            arguments.start.as_deref(),
            "Where the first run begins: a look-back such as 7d, all, or a time",
            Some("7d"),
            "--start",
        )?;
        let names = SINKS.map(|(name, _)| name).join(", ");
        let sink = answer(
            arguments.sink.as_deref(),
            &format!("Where records go: {names}"),
            Some("sqlite"),
            "--sink",
        )?;
        let (sink, questions) = SINKS
            .into_iter()
            .find(|(name, _)| *name == sink)
            .ok_or_else(|| UsageError(format!("no sink type `{sink}`; there are {names}")))?;
        let mut settings = BTreeMap::new();
        for pair in &arguments.set {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| UsageError(format!("--set {pair}: expected KEY=VALUE")))?;
            let known = questions.iter().find(|question| question.key == key);
            settings.insert(
                key.to_owned(),
                (known.map_or(Wanted::Text, |question| question.wanted), value.to_owned()),
            );
        }
        for question in questions {
            let is_due = question
                .only_if
                .is_none_or(|(key, value)| settings.get(key).is_some_and(|one| one.1 == value));
            if settings.contains_key(question.key) || !is_due {
                continue;
            }
            let default = question
                .default
                .map(|default| if service { below_var_lib(default) } else { default.to_owned() });
            let value =
                answer(None, question.text, default.as_deref(), &format!("--set {}=…", question.key))?;
            settings.insert(question.key.to_owned(), (question.wanted, value));
        }
        let state_dir = if service { "/var/lib/ccfd/state" } else { "./ccfd-data" };
        Ok(Self { service, state_dir, lists, start, sink, settings })
    }

    /// What to do next without a service.
    pub(super) fn steps(&self, file: &Path) -> Vec<String> {
        let mut steps: Vec<String> = self
            .places()
            .filter_map(|place| place.strip_prefix("env:"))
            .map(|name| format!("export {name}=…"))
            .collect();
        steps.extend(["check", "run"].map(|command| format!("ccfd --config {} {command}", file.display())));
        steps
    }

    /// What to do next with a service.
    pub(super) fn service_steps(&self, file: &Path, unit: &Path) -> Vec<String> {
        let mut steps: Vec<String> = self
            .places()
            .filter_map(|place| place.strip_prefix("credential:key_"))
            .map(|name| {
                format!("sudo install -D -m 0600 /dev/stdin /etc/ccfd/keys/{name}    # and type the key")
            })
            .collect();
        steps.push(format!("sudo install -m 0644 {} /etc/systemd/system/", unit.display()));
        steps.push("sudo systemctl daemon-reload && sudo systemctl enable --now ccfd".to_owned());
        steps.push(format!("sudo ccfd --config {} status", file.display()));
        steps
    }

    fn places(&self) -> impl Iterator<Item = &str> {
        let of_sink = self.settings.values().filter(|(wanted, _)| *wanted == Wanted::Place);
        self.lists.iter().map(|(_, place)| place.as_str()).chain(of_sink.map(|(_, place)| place.as_str()))
    }
}

/// A path of the working directory as one of the service's own directory.
fn below_var_lib(default: &str) -> String {
    default.strip_prefix("./").map_or_else(|| default.to_owned(), |rest| format!("/var/lib/ccfd/{rest}"))
}

/// The parts of a list with commas.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Asks until there is an answer or a default; an empty line takes the default.
fn asked(
    input: &mut impl BufRead,
    output: &mut impl Write,
    text: &str,
    default: Option<&str>,
) -> anyhow::Result<String> {
    loop {
        let shown = default.map(|default| format!(" [{default}]")).unwrap_or_default();
        write!(output, "{}{shown}: ", lines(text))?;
        output.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Err(UsageError("nothing was written: the answers ended early".to_owned()).into());
        }
        match (line.trim(), default) {
            ("", Some(default)) => return Ok(default.to_owned()),
            ("", None) => {}
            (answer, _) => return Ok(answer.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn answers(flags: &[&str], typed: &str) -> anyhow::Result<(Answers, String)> {
        let line = Line::parse_from([&["init"], flags].concat());
        let (mut input, mut output) = (typed.as_bytes(), Vec::new());
        let answers = Answers::collect_from(&line.arguments, Some((&mut input, &mut output)))?;
        Ok((answers, String::from_utf8(output)?))
    }

    #[test]
    fn empty_lines_take_the_defaults_and_what_a_flag_gives_is_not_asked() {
        let (answers, asked) = answers(&["--source", "audit_logs"], "\n\n\n\n").expect("answers");
        assert_eq!(
            answers.lists.iter().map(|(list, place)| (list.source, place.as_str())).collect::<Vec<_>>(),
            [("audit_logs", "env:OPENAI_ADMIN_KEY")]
        );
        assert_eq!((answers.sink, answers.settings["path"].1.as_str()), ("sqlite", "./tables.db"));
        assert!(!asked.contains("The lists to collect") && asked.contains("[7d]"), "{asked}");
    }

    #[test]
    fn a_question_without_a_default_is_asked_until_it_is_answered() {
        let typed = "\n\n\n\n\nelasticsearch\n\n\nhttps://es.example.com\n\n";
        let (answers, asked) = answers(&[], typed.strip_prefix('\n').expect("a line")).expect("answers");
        assert_eq!(answers.settings["urls"].1, "https://es.example.com");
        assert_eq!(asked.matches("Addresses of the cluster").count(), 3, "{asked}");
    }

    #[test]
    fn what_belongs_to_another_kind_of_identity_is_not_asked() {
        let flags = [
            "--source",
            "audit_logs",
            "--sink",
            "logs_ingestion",
            "--set",
            "endpoint=https://a.example.com",
            "--set",
            "dcr_immutable_id=dcr-1",
        ];
        let (_, asked) = answers(&flags, "\n\n\n\n").expect("answers");
        assert!(!asked.contains("tenant"), "{asked}");
        let (_, asked) = answers(&flags, "\n\nclient_secret\nt\nc\n\n").expect("answers");
        assert!(asked.contains("tenant"), "{asked}");
    }

    #[test]
    fn answers_that_end_early_write_nothing() {
        let error = answers(&[], "audit_logs\n").map(drop).expect_err("no answer");
        assert!(error.to_string().contains("nothing was written"), "{error}");
    }
}
