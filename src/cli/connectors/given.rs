//! Settings, parameters and secrets, as a command is given them. A secret is never an argument: everyone on this machine
//! can read those.

use std::{
    fs::File,
    io::{self, Read},
};

use anyhow::Context as _;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    cli::{Context, UsageError},
    config::{Environment, SecretSource},
    connectors::ConnectorSecrets,
    files,
    reasons::with_reasons,
};

/// The most bytes that are read.
const BYTES_MAX: u64 = 10 << 20;
const SECRET_FORM: &str = "a secret is given as NAME=@FILE, NAME=@- for standard input, or NAME=env:VARIABLE; never as an argument, \
                           which everyone on this machine can read";

/// A JSON object: written out, in a file (`@FILE`), or on standard input (`@-`).
pub(super) fn object(what: &str, given: &str) -> anyhow::Result<Map<String, Value>> {
    let text = match given.strip_prefix('@') {
        None => given.to_owned(),
        Some("-") => input(io::stdin().lock()).with_context(|| format!("{what}: standard input"))?,
        Some(file) => {
            files::ensure_regular(file.as_ref()).with_context(|| format!("{what}: {file}"))?;
            input(File::open(file)?).with_context(|| format!("{what}: {file}"))?
        }
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(UsageError(format!("{what}: not a JSON object")).into()),
        // Not the text: it may contain anything.
        Err(error) => {
            Err(UsageError(format!("{what}: not JSON, at line {}, column {}", error.line(), error.column()))
                .into())
        }
    }
}

/// The secrets of `--secret NAME=…`.
pub(super) fn secrets(given: &[String], context: &Context) -> anyhow::Result<ConnectorSecrets> {
    let mut secrets = ConnectorSecrets::default();
    for one in given {
        let (name, place) = one.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(form)?;
        let text = secret(place, &context.environment)?;
        if secrets.0.insert(name.to_owned(), text).is_some() {
            return Err(UsageError(format!("the secret {name} is given twice")).into());
        }
    }
    Ok(secrets)
}

fn secret(place: &str, environment: &Environment) -> anyhow::Result<SecretString> {
    let source = match (place.strip_prefix('@'), place.strip_prefix("env:")) {
        (Some("-"), _) => return read_secret(io::stdin().lock()),
        (Some(file), _) if !file.is_empty() => SecretSource::File(file.into()),
        (_, Some(name)) if !name.is_empty() => SecretSource::Env(name.to_owned()),
        _ => return Err(form().into()),
    };
    source.resolve_text(environment).map_err(|error| UsageError(with_reasons(&error)).into())
}

/// A secret, without the line break at its end.
pub(in crate::cli) fn read_secret(from: impl Read) -> anyhow::Result<SecretString> {
    let text = SecretString::from(input(from).context("standard input")?);
    let trimmed = secrecy::ExposeSecret::expose_secret(&text).trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return Err(UsageError("standard input: no secret".to_owned()).into());
    }
    Ok(SecretString::from(trimmed))
}

fn input(from: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    from.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    anyhow::ensure!(text.len() as u64 <= BYTES_MAX, "larger than {BYTES_MAX} bytes");
    Ok(text)
}

fn form() -> UsageError {
    UsageError(SECRET_FORM.to_owned())
}
