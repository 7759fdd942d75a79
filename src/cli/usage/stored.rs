//! Tokens of stored completions, from a sink that can be read back.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::Path,
};

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    cli::UsageError,
    config::{Config, NdjsonDir, NdjsonSettings, SinkSettings},
    connectors::gen_ai::token_count,
    detect_db::{UsageBy, UsageRow},
    sinks::{
        SinkError, ndjson,
        sqlite::query::{self, QueryError, ResultCell, Rows},
    },
    tables::{CHAT_COMPLETIONS, iso8601},
};

/// Where stored completions can be read back.
enum StoredPlace<'c> {
    Database(&'c Path),
    Lines(&'c Path, &'c NdjsonSettings),
}

/// The tokens of the completions since a second, the most first, or the days in their order.
pub(super) fn usage(
    config: &Config,
    sink: Option<&str>,
    by: UsageBy,
    since: i64,
) -> anyhow::Result<Vec<UsageRow>> {
    let mut sums = Sums { by, rows: BTreeMap::new() };
    match place(config, sink)? {
        StoredPlace::Database(path) => of_database(path, since, &mut sums)?,
        StoredPlace::Lines(dir, settings) => of_lines(dir, settings, since, &mut sums)?,
    }
    let mut rows: Vec<UsageRow> = sums.rows.into_values().collect();
    match by {
        UsageBy::Connector | UsageBy::User | UsageBy::Model => {
            rows.sort_by_key(|row| std::cmp::Reverse(row.total_tokens));
        }
        UsageBy::Day => {}
    }
    Ok(rows)
}

/// The named sink, or the only one that gets completions and can be read back.
fn place<'c>(config: &'c Config, named: Option<&str>) -> Result<StoredPlace<'c>, UsageError> {
    let gets_completions = |sink: &str| {
        let mut collectors = config.collectors.values();
        collectors.any(|collector| {
            collector.source.list.table().name == CHAT_COMPLETIONS.name
                && collector.sinks.iter().any(|one| one == sink)
        })
    };
    let refused = |why: String| Err(UsageError(why));
    if let Some(named) = named {
        return match config.sinks.get(named).map(|settings| (settings, readable(settings))) {
            Some((_, Some(place))) => Ok(place),
            Some((settings, None)) => refused(format!("--sink {named}: {}", unreadable(settings))),
            None => refused(format!("--sink {named}: there is no [sink.{named}]")),
        };
    }
    let holders: Vec<(&String, &SinkSettings)> =
        config.sinks.iter().filter(|(name, _)| gets_completions(name)).collect();
    let mut places: Vec<(&str, StoredPlace<'c>)> =
        holders.iter().filter_map(|(name, settings)| Some((name.as_str(), readable(settings)?))).collect();
    let names = places.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|");
    match (places.pop(), places.is_empty()) {
        (Some((_, place)), true) => Ok(place),
        (Some(_), false) => {
            refused(format!("several sinks hold completions that can be read back, name one: --sink {names}"))
        }
        (None, _) if holders.is_empty() => refused(
            "no collector reads stored completions: add one with `source = \"chat_completions\"`".to_owned(),
        ),
        (None, _) => {
            let each =
                |(name, settings): &(&String, &SinkSettings)| format!("{name}: {}", unreadable(settings));
            let each: Vec<String> = holders.iter().map(each).collect();
            refused(format!("the completions cannot be read back\n{}", each.join("\n")))
        }
    }
}

/// Why a sink cannot be read back.
fn unreadable(settings: &SinkSettings) -> String {
    let what = match settings {
        SinkSettings::Ndjson(_) => "writes to standard output".to_owned(),
        SinkSettings::Sqlite(_)
        | SinkSettings::Elasticsearch(_)
        | SinkSettings::KibanaIndex(_)
        | SinkSettings::LogsIngestion(_)
        | SinkSettings::Detect(_) => format!("is of type {}", settings.type_name()),
    };
    format!("{what}; completions are read back from sinks of type sqlite, and ndjson with a directory")
}

fn readable(settings: &SinkSettings) -> Option<StoredPlace<'_>> {
    match settings {
        SinkSettings::Sqlite(settings) => Some(StoredPlace::Database(&settings.path)),
        SinkSettings::Ndjson(settings) => match &settings.dir {
            NdjsonDir::Dir(dir) => Some(StoredPlace::Lines(dir, settings)),
            NdjsonDir::Stdout => None,
        },
        SinkSettings::Elasticsearch(_)
        | SinkSettings::KibanaIndex(_)
        | SinkSettings::LogsIngestion(_)
        | SinkSettings::Detect(_) => None,
    }
}

fn of_database(path: &Path, since: i64, sums: &mut Sums) -> Result<(), QueryError> {
    let sql = format!(
        "SELECT created, model, user, collector, prompt_tokens, completion_tokens, tokens FROM completions
         WHERE created >= '{}'",
        iso8601(since).as_str()
    );
    match query::run(path, &sql, sums) {
        Ok(_) | Err(QueryError::Missing { .. }) => Ok(()),
        // The table is created with the first record.
        Err(QueryError::Sql(error)) if error.to_string().contains("no such table") => Ok(()),
        Err(error) => Err(error),
    }
}

/// A line in either of its shapes.
#[derive(Deserialize)]
struct StoredLine {
    #[serde(alias = "Id")]
    id: Option<Value>,
    #[serde(alias = "TimeGenerated")]
    created: Option<Value>,
    #[serde(alias = "Model")]
    model: Option<Value>,
    #[serde(alias = "InputUser")]
    input_user: Option<Value>,
    #[serde(rename = "ConnectorName")]
    collector: Option<Value>,
    #[serde(alias = "Usage")]
    usage: Option<Value>,
}

fn of_lines(dir: &Path, settings: &NdjsonSettings, since: i64, sums: &mut Sums) -> Result<(), SinkError> {
    // A batch that was repeated is in the files twice.
    let mut seen = HashSet::new();
    ndjson::past_lines(dir, settings, &CHAT_COMPLETIONS, since, |line| {
        let Ok(line) = serde_json::from_slice::<StoredLine>(line) else { return Ok(()) };
        let Some(second) = line.created.as_ref().and_then(second) else { return Ok(()) };
        let is_new = line
            .id
            .as_ref()
            .and_then(Value::as_str)
            .is_none_or(|id| seen.insert(xxhash_rust::xxh3::xxh3_128(id.as_bytes())));
        if second >= since && is_new {
            let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
            let tokens = |name| line.usage.as_ref().and_then(|usage| token_count(usage.get(name)?));
            sums.add(
                iso8601(second).as_str(),
                [text(&line.model), text(&line.input_user), text(&line.collector)],
                [tokens("prompt_tokens"), tokens("completion_tokens"), tokens("total_tokens")],
            );
        }
        Ok(())
    })
}

/// The second of a time as the API or a table has it.
fn second(time: &Value) -> Option<i64> {
    let of_text = || DateTime::parse_from_rfc3339(time.as_str()?).ok().map(|time| time.timestamp());
    time.as_i64().or_else(of_text)
}

/// Sums of completions.
struct Sums {
    by: UsageBy,
    rows: BTreeMap<Option<String>, UsageRow>,
}

impl Sums {
    /// Adds a completion: its time, its model, user and collector, its tokens.
    fn add(&mut self, created: &str, about: [Option<String>; 3], tokens: [Option<u64>; 3]) {
        let [model, user, collector] = about;
        let key = match self.by {
            UsageBy::Connector => collector,
            UsageBy::User => user,
            UsageBy::Model => model,
            UsageBy::Day => created.get(..10).map(str::to_owned),
        };
        let row = self.rows.entry(key.clone()).or_insert_with(|| UsageRow { key, ..UsageRow::default() });
        row.runs += 1;
        let [prompt, completion, total] = tokens;
        let total = total.or_else(|| Some(prompt? + completion?));
        row.unknown += u64::from(prompt.is_none() || completion.is_none());
        for (sum, tokens) in [
            (&mut row.prompt_tokens, prompt),
            (&mut row.completion_tokens, completion),
            (&mut row.total_tokens, total),
        ] {
            if let Some(tokens) = tokens {
                *sum = Some(sum.unwrap_or(0).saturating_add(tokens));
            }
        }
    }
}

impl Rows for Sums {
    fn columns(&mut self, _: &[&str]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, values: &[ResultCell<'_>]) -> io::Result<()> {
        let [created, model, user, collector, prompt, completion, total] = values else { return Ok(()) };
        self.add(
            text(created).as_deref().unwrap_or_default(),
            [text(model), text(user), text(collector)],
            [tokens(prompt), tokens(completion), tokens(total)],
        );
        Ok(())
    }
}

fn text(cell: &ResultCell<'_>) -> Option<String> {
    match cell {
        ResultCell::Text(text) => Some((*text).to_owned()),
        ResultCell::Null | ResultCell::Integer(_) | ResultCell::Real(_) | ResultCell::Bytes(_) => None,
    }
}

fn tokens(cell: &ResultCell<'_>) -> Option<u64> {
    match cell {
        ResultCell::Integer(number) => token_count(&Value::from(*number)),
        ResultCell::Real(number) => token_count(&Value::from(*number)),
        ResultCell::Null | ResultCell::Text(_) | ResultCell::Bytes(_) => None,
    }
}
