//! An error and its causes in one line: the one way of `collectors`, and the proof that every error type here fits it.

pub use collectors::with_reasons;

#[cfg(test)]
mod tests {
    use std::{fs, io, path::Path};

    use rustix::io::Errno;
    use state::StateError;

    use super::*;
    use crate::{
        config::{ConfigError, SecretError, SecretSource},
        daemon::{backfill::PlanError, export::ImportError, verification::VerifyError},
        pipeline::{policy::Failure, rejects::RejectsError},
        request_trace::TraceError,
        sinks::{SinkError, sqlite::query::QueryError},
    };

    const REASON: &str = "File too large (os error 27)";

    fn reason() -> io::Error {
        io::Error::from(Errno::FBIG)
    }

    fn state() -> StateError {
        StateError::Io { what: "checkpoints.json".to_owned(), source: reason() }
    }

    fn sink() -> SinkError {
        SinkError::Io { path: "tables.db".to_owned(), source: reason() }
    }

    fn rejects() -> RejectsError {
        RejectsError::Io { path: "a.ndjson".into(), source: reason() }
    }

    fn secret() -> SecretError {
        SecretError::Unreadable { place: SecretSource::File("key".into()), source: reason() }
    }

    /// One of each type that carries another error.
    fn with_sources() -> Vec<anyhow::Error> {
        vec![
            state().into(),
            sink().into(),
            rejects().into(),
            secret().into(),
            SecretError::of("api_key")(secret()).into(),
            ConfigError::Unreadable { path: "ccfd.toml".into(), source: reason() }.into(),
            ConfigError::Layers(config::ConfigError::Message(REASON.to_owned())).into(),
            TraceError::Io { path: "trace".into(), source: reason() }.into(),
            VerifyError::State(state()).into(),
            VerifyError::Io { path: "verify".to_owned(), source: reason() }.into(),
            QueryError::Output(reason()).into(),
            QueryError::Copy { path: "copy.db".into(), source: reason() }.into(),
            QueryError::Sql(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
                Some(REASON.to_owned()),
            ))
            .into(),
            PlanError::State(state()).into(),
            ImportError::State(state()).into(),
            Failure::State(state()).into(),
            Failure::Sink(sink()).into(),
            Failure::Rejects(rejects()).into(),
        ]
    }

    #[test]
    fn a_reason_is_printed_once_by_whatever_way_an_error_is_printed() {
        for error in with_sources() {
            for printed in [format!("{error:#}"), with_reasons(error.as_ref())] {
                assert_eq!(printed.matches(REASON).count(), 1, "{error:?}: {printed}");
                assert!(!printed.contains("Error code"), "{printed}");
            }
        }
    }

    #[test]
    fn the_text_of_a_failure_is_whole_for_it_goes_into_lines_and_files_as_it_is() {
        for failure in [Failure::State(state()), Failure::Sink(sink()), Failure::Rejects(rejects())] {
            assert!(failure.to_string().ends_with(&format!(": {REASON}")), "{failure}");
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{what}: {inner}")]
    struct Repeats {
        what: &'static str,
        #[source]
        inner: io::Error,
    }

    #[test]
    fn a_reason_that_another_library_repeats_is_printed_once() {
        let error = Repeats { what: "cannot read key", inner: reason() };
        assert_eq!(with_reasons(&error), format!("cannot read key: {REASON}"));
    }

    /// Covers types that the tests above do not know.
    #[test]
    fn no_error_type_writes_its_source_into_its_own_text() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut looked_at = 0;
        let mut dirs = ["src", "collectors/src", "state/src"].map(|dir| root.join(dir)).to_vec();
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    looked_at += look_at(&path);
                }
            }
        }
        assert!(looked_at > 100, "{looked_at}");
    }

    fn look_at(path: &Path) -> usize {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let attributes: Vec<usize> =
            (0..lines.len()).filter(|line| lines[*line].starts_with("#[error(")).collect();
        for &line in &attributes {
            let end = (line..).find(|line| lines[*line].ends_with(")]")).unwrap();
            let (attribute, variant) = (lines[line..=end].concat(), lines[end + 1]);
            let is_source = variant.contains("#[from]") || variant.contains("#[source]");
            let repeats = attribute.contains("{source}") || (attribute.contains("{0}") && is_source);
            assert!(!repeats, "{}: {attribute}", path.display());
        }
        attributes.len()
    }
}
