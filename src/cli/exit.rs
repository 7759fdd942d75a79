//! Exit codes, and how errors are printed.

use std::process::ExitCode;

use state::StateError;

use super::{state_access::StateAccessError, text::say};
use crate::{
    admin::client::AdminError,
    config::ConfigError,
    pipeline::policy::{Action, Failure, judge, judge_state},
    reasons::with_reasons,
    request_trace::TraceError,
};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, possibly with a warning.
    Done,
    /// Failed; trying again may help.
    Failed,
    /// The command or the configuration is wrong.
    Usage,
    /// An operator must act first.
    Operator,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Operator => 3,
        })
    }
}

/// A command that cannot be executed as given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The exit code of a failure that ends a command.
pub fn exit_of(failure: &Failure) -> Exit {
    match judge(failure).action {
        Action::Park => Exit::Operator,
        Action::Wait(_) | Action::BackOff | Action::End => Exit::Failed,
        Action::Stop => match failure {
            Failure::State(error) => exit_of_state(error),
            Failure::Collect(_)
            | Failure::Sink(_)
            | Failure::Rejects(_)
            | Failure::RefusesAll { .. }
            | Failure::Changed(_)
            | Failure::Clocks(_)
            | Failure::Secret(_)
            | Failure::Proxy(_)
            | Failure::HashKey(_)
            | Failure::Action(_) => Exit::Operator,
        },
    }
}

fn exit_of_state(error: &StateError) -> Exit {
    match error {
        StateError::Locked { .. } | StateError::InvalidName(_) => Exit::Usage,
        StateError::Damaged(_)
        | StateError::Closed
        | StateError::Conflict { .. }
        | StateError::TimedOut { .. }
        | StateError::Io { .. } => Exit::Failed,
        StateError::NoLocks { .. }
        | StateError::Newer { .. }
        | StateError::Unrecoverable { .. }
        | StateError::Foreign { .. }
        | StateError::NotUnderstood { .. }
        | StateError::TooLarge { .. } => Exit::Operator,
    }
}

/// Prints the error of a command, if any, and returns the exit code.
pub fn report(result: anyhow::Result<Exit>) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    say(format_args!("ccfd: {}", with_reasons(error.as_ref())));
    if let Some(error) = state_error(&error) {
        say(format_args!("      {}", judge_state(error).advice));
        return exit_of_state(error);
    }
    if let Some(failure) = error.downcast_ref::<Failure>() {
        say(format_args!("      {}", judge(failure).advice));
        return exit_of(failure);
    }
    if let Some(AdminError::Usage(_)) = admin_error(&error) {
        return Exit::Usage;
    }
    if error.is::<ConfigError>() || error.is::<UsageError>() || error.is::<TraceError>() {
        Exit::Usage
    } else {
        Exit::Failed
    }
}

fn state_error(error: &anyhow::Error) -> Option<&StateError> {
    match error.downcast_ref::<StateAccessError>() {
        Some(StateAccessError::State(error)) => Some(error),
        Some(StateAccessError::Admin(_)) | None => error.downcast_ref(),
    }
}

fn admin_error(error: &anyhow::Error) -> Option<&AdminError> {
    match error.downcast_ref::<StateAccessError>() {
        Some(StateAccessError::Admin(error)) => Some(error),
        Some(StateAccessError::State(_)) | None => error.downcast_ref(),
    }
}
