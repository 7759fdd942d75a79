//! What follows from each failure, and the advice for the operator. Only this module decides either.
//!
//! No match has a wildcard arm: a new kind of failure does not compile until its policy is written.

mod actions;
mod messages;
mod remote;
mod secrets;
mod word;

use std::{io::ErrorKind, time::Duration};

pub use actions::{ActionFailure, ActionFailureKind};
use collectors::{CollectError, CollectErrorKind, WrongKeyClass};
pub use messages::{Meaning, advice, meaning};
use state::StateError;

use super::{checkpoint::Changed, clocks::Clocks, rejects::RejectsError, stage::Stage};
use crate::{
    config::NoSecret,
    reasons::with_reasons,
    sinks::{SinkError, disk::lacks_descriptors},
};

/// Anything that stops a route for now. `Display` is complete: it includes the inner error and its causes,
/// which `source` does not repeat.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Reading the source failed.
    #[error("{}", with_reasons(.0))]
    Collect(CollectError),
    /// Writing to the sink failed.
    #[error("{}", with_reasons(.0))]
    Sink(SinkError),
    /// The checkpoint could not be read or written.
    #[error("{}", with_reasons(.0))]
    State(StateError),
    /// A record that no sink takes could not be saved.
    #[error("{}", with_reasons(.0))]
    Rejects(RejectsError),
    /// The destination refuses every record.
    #[error("the destination refuses every record, {records} in a row")]
    RefusesAll {
        /// How many in a row, in this batch and those before it.
        records: u64,
    },
    /// The checkpoint was written for another source or destination.
    #[error("{0}")]
    Changed(Changed),
    /// The current day is unknown, because two clocks disagree.
    #[error("{0}")]
    Clocks(Clocks),
    /// The collector's key cannot be read.
    #[error("{0}")]
    Secret(NoSecret),
    /// The address of the collector's proxy, which is a secret, cannot be read.
    #[error("{0}")]
    Proxy(NoSecret),
    /// The key with which the collector hashes values cannot be read, or is invalid.
    #[error("{0}")]
    HashKey(NoSecret),
    /// What an alert has to do in another system is not done yet.
    #[error("{0}")]
    Action(ActionFailure),
}

macro_rules! failures {
    ($($variant:ident($error:ty)),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

failures!(
    Collect(CollectError),
    Sink(SinkError),
    State(StateError),
    Rejects(RejectsError),
    Changed(Changed),
    Clocks(Clocks)
);

impl Failure {
    /// The stage of the route that it stops.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Collect(_)
            | Self::Changed(_)
            | Self::Clocks(_)
            | Self::Secret(_)
            | Self::Proxy(_)
            | Self::HashKey(_) => Stage::Reading,
            Self::Sink(_) | Self::State(_) | Self::Rejects(_) | Self::RefusesAll { .. } | Self::Action(_) => {
                Stage::Writing
            }
        }
    }

    /// Whether the destination has failed, and not what ccfd keeps beside it.
    pub fn is_of_sink(&self) -> bool {
        match self {
            Self::Sink(_) | Self::RefusesAll { .. } => true,
            Self::Collect(_)
            | Self::State(_)
            | Self::Rejects(_)
            | Self::Changed(_)
            | Self::Clocks(_)
            | Self::Secret(_)
            | Self::Proxy(_)
            | Self::HashKey(_)
            | Self::Action(_) => false,
        }
    }
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Wait as long as the other side asked, then continue.
    Wait(Duration),
    /// Try again after a growing delay.
    BackOff,
    /// Keep the route, log once and retry rarely: an operator must act, and then it recovers by itself.
    Park,
    /// End this route only, until the next start.
    End,
    /// End the process: continuing could lose records.
    Stop,
}

/// An action and its advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// What the route does.
    pub action: Action,
    /// What the operator should know or do.
    pub advice: &'static str,
}

const fn park(advice: &'static str) -> Judgement {
    Judgement { action: Action::Park, advice }
}

const fn end(advice: &'static str) -> Judgement {
    Judgement { action: Action::End, advice }
}

const fn back_off(advice: &'static str) -> Judgement {
    Judgement { action: Action::BackOff, advice }
}

const fn stop(advice: &'static str) -> Judgement {
    Judgement { action: Action::Stop, advice }
}

fn wait(asked: Option<Duration>, advice: &'static str) -> Judgement {
    Judgement { action: asked.map_or(Action::BackOff, Action::Wait), advice }
}

/// A limit on file size can only be raised by a setting of the process.
const SIZE_LIMIT: &str = "raise the limit on the size of files (`ulimit -f`, LimitFSIZE of a unit) and \
                          start again; for NDJSON files, a file_size_max below the limit works, too";

/// Open files are limited too, but some may be closed in time.
const DESCRIPTORS: &str = "raise the limit on open files (`ulimit -n`, LimitNOFILE of a unit) and start \
                           again; nothing is lost, and it continues once some are closed";

/// No trusted authority signed the server's certificate.
const UNTRUSTED: &str = "name in `ca_file` the authority that signed the certificate of the server, or of a \
                         proxy that decrypts TLS; or was the connection redirected elsewhere?";

/// Judges a failure.
pub fn judge(failure: &Failure) -> Judgement {
    match failure {
        Failure::Collect(error) => collect(&error.kind),
        Failure::Sink(error) => sink(error),
        Failure::State(error) => judge_state(error),
        Failure::Rejects(RejectsError::Full { .. }) => park(
            "see `ccfd rejects list`; run `ccfd rejects retry`, or move the file away: the route resumes by \
             itself",
        ),
        Failure::Rejects(RejectsError::Io { source, .. }) if source.kind() == ErrorKind::FileTooLarge => {
            park(SIZE_LIMIT)
        }
        Failure::Rejects(RejectsError::Io { source, .. }) if lacks_descriptors(source) => {
            back_off(DESCRIPTORS)
        }
        Failure::Rejects(RejectsError::Io { .. }) => {
            back_off("check permissions and space of the state directory")
        }
        Failure::RefusesAll { .. } => park(
            "check what the destination reports (a rule, a mapping, a constraint), or a proxy or firewall \
             that responds instead; no record was rejected, and the route resumes by itself once a \
             record is accepted",
        ),
        Failure::Changed(_) => park(
            "nothing was read: give the new source its own collector name, or run `ccfd reset-state` to \
             start over, or `ccfd run --accept-change` to continue from the old checkpoint",
        ),
        Failure::Clocks(_) => park(
            "nothing was read, because `start` counts from now: set this machine's clock, or find out why \
             the API's is wrong, or give `start` as a time",
        ),
        Failure::Secret(none) => secrets::api_key(none),
        Failure::Proxy(none) => secrets::proxy(none),
        Failure::HashKey(none) => secrets::hash_key(none),
        Failure::Action(failure) => actions::judge_action(failure),
    }
}

fn collect(kind: &CollectErrorKind) -> Judgement {
    match kind {
        CollectErrorKind::Unreachable(_) | CollectErrorKind::Unanswered(_) => {
            back_off("check network, DNS, proxy, firewall and certificates to the base URL")
        }
        CollectErrorKind::Untrusted(_) => back_off(UNTRUSTED),
        CollectErrorKind::TooSlow(_) => back_off(
            "even a short response takes longer than the collector's timeout: raise it, or find out why the \
             connection is slow",
        ),
        CollectErrorKind::Overloaded { retry_after, .. } => {
            wait(*retry_after, "the service recovers by itself")
        }
        CollectErrorKind::Throttled { retry_after } => {
            wait(*retry_after, "if something else uses the key, lower rate_limit_qps")
        }
        CollectErrorKind::OutOfMoney { .. } => {
            park("add credit or raise the spending limit of the organization or project")
        }
        CollectErrorKind::Unauthorized => park("the key is wrong, revoked or expired: provide a new one"),
        CollectErrorKind::MissingScope { .. } => park(
            "give the key this permission, or use one that has it (audit logs: an admin key with \"Audit Logs: Read\")",
        ),
        CollectErrorKind::WrongKeyClass(WrongKeyClass::ProjectForAdmin) => {
            park("create an admin key under Organization > Admin keys; only owners can")
        }
        CollectErrorKind::WrongKeyClass(WrongKeyClass::AdminForProject) => {
            park("create a key in the project whose completions you want")
        }
        CollectErrorKind::KeyShape(_) => park(
            "store only the key at the place that `api_key` names: no quotes, no name before it, no \
                  base64",
        ),
        CollectErrorKind::NotAMember => {
            park("check `organization` and `project` of the collector, and to whom the key belongs")
        }
        CollectErrorKind::AddressNotAllowed => {
            park("add this machine's public address to the organization's IP allow-list")
        }
        CollectErrorKind::WrongHost => {
            park("set base_url to the region's host, such as https://eu.api.openai.com/v1")
        }
        CollectErrorKind::UnsupportedCountry => park("run ccfd, or its proxy, where the API is offered"),
        CollectErrorKind::MethodNotAllowed => park(
            "check base_url (a gateway, a region, a missing /v1?); the account may not offer this list yet",
        ),
        CollectErrorKind::Forbidden => {
            park("the key may not read this list: check its permissions and the organization's policies")
        }
        CollectErrorKind::NotFound => park("check base_url: it must end in /v1, without the list's own path"),
        CollectErrorKind::ParameterRefused { .. } => {
            park("check the collector's filters; if it has none, please report this")
        }
        CollectErrorKind::Redirected { .. } => park(
            "check base_url: a gateway or a log-in page redirects elsewhere, and ccfd does not send the key \
             there; set the final address",
        ),
        CollectErrorKind::ProxyAuthentication => park(
            "give `proxy` (or HTTPS_PROXY) a user name and a password, or allow this machine without \
                  them",
        ),
        CollectErrorKind::Intercepted { .. } => park(
            "a proxy, a gateway or a firewall responds instead of the API, which says nothing about the \
             key: check its log, and allow GET requests to base_url",
        ),
        CollectErrorKind::Refused { .. } => {
            park("the request itself is refused; see the API's status page, and the request id")
        }
        CollectErrorKind::CursorExpired => back_off("reading continues from an older place"),
        CollectErrorKind::Malformed(_) => {
            back_off("a proxy may truncate or change responses; the request is repeated")
        }
        CollectErrorKind::RepeatedPage => back_off(
            "a cache or a proxy between ccfd and the API returns the page of an earlier request: exclude \
             base_url from caching, or let ccfd bypass it; the request is repeated",
        ),
        CollectErrorKind::Implausible(_) => {
            back_off("a proxy may change responses or drop query parameters; the request is repeated")
        }
        CollectErrorKind::Unreadable(_) => park(
            "something in this response is not JSON, and where it ends is unclear: inspect it with curl; if \
             no proxy changes responses, please report this",
        ),
        CollectErrorKind::TooLarge { .. } => park("raise body_max of the collector"),
        CollectErrorKind::WindowIgnored => {
            park("the time filter has no effect: a gateway may drop query parameters")
        }
        CollectErrorKind::CursorIgnored => {
            park("the cursor has no effect: a gateway may drop query parameters")
        }
        CollectErrorKind::Unordered => {
            park("without an order ccfd cannot know whether it has every record; please report this")
        }
        CollectErrorKind::Settings(_) => park("correct the setting"),
    }
}

fn sink(error: &SinkError) -> Judgement {
    match error {
        SinkError::DiskFull { .. } => park("free disk space, or set retention or size_max on the sink"),
        SinkError::Busy { .. } => back_off("another process uses the destination"),
        SinkError::Misplaced { .. } => park("check the sink's path and its permissions"),
        SinkError::BrokenRules { .. } => {
            park("correct the rules or actions that the reason names, and test them with `ccfd check`")
        }
        SinkError::Closed { .. } => end(
            "start ccfd again with a reader that stays; it then delivers what was not acknowledged, nothing \
             is lost",
        ),
        SinkError::SizeLimit { .. } => park(SIZE_LIMIT),
        SinkError::Io { source, .. } if lacks_descriptors(source) => back_off(DESCRIPTORS),
        SinkError::Io { .. } => back_off("check the disk; nothing was acknowledged, nothing is lost"),
        SinkError::Remote(error) => remote::judge(error),
    }
}

/// Judges a failure of the checkpoint store, which can occur before there is a route.
pub fn judge_state(error: &StateError) -> Judgement {
    match error {
        StateError::Conflict { .. } => back_off("another writer changed the checkpoint; it is loaded again"),
        StateError::TimedOut { .. } => back_off("the disk of the state directory is slow or stuck"),
        StateError::Io { source, .. } if source.kind() == ErrorKind::FileTooLarge => park(SIZE_LIMIT),
        StateError::Io { source, .. } if lacks_descriptors(source) => back_off(DESCRIPTORS),
        StateError::Io { .. } => back_off("check space and permissions of the state directory"),
        StateError::Damaged(_) => stop("start again: ccfd then recovers what it can, and logs it"),
        StateError::Closed => stop("start again"),
        StateError::Locked { .. } => stop(
            "another ccfd uses this state directory: stop it first, or let commands in with `listen` of [admin]",
        ),
        StateError::NoLocks { .. } => {
            stop("put state.dir on a local disk: without a lock two daemons could write to it")
        }
        StateError::Newer { .. } => stop("use the newer ccfd that wrote it"),
        StateError::Foreign { .. } => {
            stop("move the named directory aside to start over, or use the ccfd that created it")
        }
        StateError::Unrecoverable { .. } => stop(
            "restore the state directory from a backup; or move it aside and start over with a `start` that \
             reaches back far enough",
        ),
        StateError::NotUnderstood { .. } => {
            stop("run `ccfd reset-state` for this route, or use the ccfd that wrote it")
        }
        StateError::TooLarge { .. } | StateError::InvalidName(_) => stop("please report this"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::remote::{RemoteErrorKind, Service};

    #[test]
    fn what_the_server_asks_to_wait_wins_over_our_own_delay() {
        let asked = Duration::from_secs(7);
        let throttled = |retry_after| Failure::Collect(CollectErrorKind::Throttled { retry_after }.into());
        assert_eq!(judge(&throttled(Some(asked))).action, Action::Wait(asked));
        assert_eq!(judge(&throttled(None)).action, Action::BackOff);
    }

    #[test]
    fn of_a_certificate_that_nobody_vouches_for_the_advice_names_ca_file() {
        let why = || "example.com: unknown issuer".to_owned();
        let failures = [Failure::Collect(CollectErrorKind::Untrusted(why()).into())].into_iter().chain(
            [
                Service::LogsIngestion,
                Service::Entra,
                Service::Elasticsearch,
                Service::Kibana,
                Service::KibanaCases,
            ]
            .map(|service| Failure::Sink(RemoteErrorKind::Untrusted(why()).of(service).into())),
        );
        for failure in failures {
            assert!(judge(&failure).advice.contains("`ca_file`"), "{failure}");
        }
    }

    #[test]
    fn being_out_of_money_parks_instead_of_hammering_the_api() {
        let failure =
            Failure::Collect(CollectErrorKind::OutOfMoney { code: "insufficient_quota".into() }.into());
        assert_eq!(judge(&failure).action, Action::Park);
    }
}
