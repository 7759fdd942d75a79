//! Runs the Azure CLI for a token. Its output may name the person who is logged in, so only its codes are
//! kept.

use std::{
    ffi::OsStr,
    io,
    process::{Output, Stdio},
    time::Duration,
};

use azure_core::Error;
use azure_identity::Executor;
use tokio::process::Command;

use crate::sinks::remote::RemoteErrorKind;

const CODE: &str = "AADSTS";
const CODE_DIGITS_MAX: usize = 9;
/// What the library says if the shell does not find the command.
const NOT_THERE: &str = "not found on PATH";

/// Runs commands, and ends those that take too long.
#[derive(Debug)]
pub(super) struct Shell {
    /// How long one may take.
    pub timeout: Duration,
}

#[async_trait::async_trait]
impl Executor for Shell {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let running = Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
        tokio::time::timeout(self.timeout, running).await?
    }
}

/// Why there is no token.
pub(super) fn explain(error: &Error) -> RemoteErrorKind {
    let text = error.to_string();
    if text.contains(NOT_THERE) {
        return RemoteErrorKind::Secret("the Azure CLI (`az`) is not on the PATH of ccfd".to_owned().into());
    }
    let said = code(&text).map(|code| format!(" ({code})")).unwrap_or_default();
    let text = format!("the Azure CLI returns no token{said}: run `az login` as the user that ccfd runs as");
    RemoteErrorKind::Secret(text.into())
}

fn code(text: &str) -> Option<String> {
    let (_, after) = text.split_once(CODE)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).take(CODE_DIGITS_MAX).collect();
    (!digits.is_empty()).then(|| format!("{CODE}{digits}"))
}
