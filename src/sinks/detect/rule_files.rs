//! The rules in use, and the files that they come from.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::look_back::looks_too_far;
use crate::{
    actions,
    config::{DetectSettings, RulesPlace},
    detect::rules::{Placeholders, RuleError, RuleSet, RuleSource},
    tables::Tables,
};

/// Seconds between two looks at the files.
const LOOK_EVERY: i64 = 5;
/// Directories inside each other, and files, that are looked at.
const DEPTH_MAX: usize = 8;
const FILES_MAX: usize = 10_000;
/// Errors that one log line or refusal shows.
const SHOWN_MAX: usize = 10;

/// Seconds after which rules that could not be loaded are loaded again, though nothing about their files has changed.
const AGAIN_AFTER: i64 = 60;

/// Which file it is, how long, and when it and its permissions were changed; nothing if that cannot be read.
#[derive(Debug, Default, PartialEq, Eq)]
struct RuleStamp {
    inode: u64,
    bytes: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl RuleStamp {
    fn of(about: &Metadata) -> Self {
        Self {
            inode: about.ino(),
            bytes: about.len(),
            written: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

/// A load that failed beside good rules.
#[derive(Debug)]
struct FailedLoad {
    at: i64,
    errors: String,
}

/// The rules in use.
#[derive(Debug, Default)]
pub(super) struct RuleFiles {
    set: Option<Arc<RuleSet>>,
    stamps: BTreeMap<PathBuf, RuleStamp>,
    look_at: i64,
    failed: Option<FailedLoad>,
}

/// What became of the rules since the last look.
#[derive(Debug)]
pub(super) enum RulesInUse {
    /// They are the same.
    Same(Arc<RuleSet>),
    /// They were read.
    New(Arc<RuleSet>),
}

impl RuleFiles {
    /// The rules to judge by. Changed files are read; if they are broken, the last good rules remain.
    ///
    /// # Errors
    ///
    /// What is wrong, if there are no last good ones.
    pub(super) fn current(&mut self, settings: &DetectSettings, now: i64) -> Result<RulesInUse, String> {
        if let Some(set) = &self.set {
            // A clock that jumped back must not delay the next look.
            if now < self.look_at && self.look_at - now <= LOOK_EVERY {
                return Ok(RulesInUse::Same(set.clone()));
            }
        }
        self.look_at = now + LOOK_EVERY;
        let stamps = stamps(settings);
        // The file may be readable again, or a setting may have changed on which it depends.
        let is_tried_again =
            self.failed.as_ref().is_some_and(|failed| !(0..AGAIN_AFTER).contains(&(now - failed.at)));
        if let Some(set) = self.set.as_ref().filter(|_| stamps == self.stamps && !is_tried_again) {
            return Ok(RulesInUse::Same(set.clone()));
        }
        let had = std::mem::replace(&mut self.stamps, stamps);
        let failed = self.failed.take();
        match (load_rules(settings), &self.set) {
            (Ok(set), before) => {
                let rules = set.rules.len();
                for warning in looks_too_far(&set, settings.retention) {
                    tracing::warn!(%warning, "a rule looks back further than matches are kept");
                }
                if before.is_some() {
                    tracing::info!(rules, "changed rules are in use");
                }
                Ok(RulesInUse::New(self.set.insert(Arc::new(set)).clone()))
            }
            (Err(errors), Some(set)) => {
                if failed.is_none_or(|failed| failed.errors != errors) {
                    tracing::error!(
                        errors,
                        "changed rules are broken: ccfd continues with those that it has; test them with `ccfd check`"
                    );
                }
                self.failed = Some(FailedLoad { at: now, errors });
                Ok(RulesInUse::Same(set.clone()))
            }
            (Err(errors), None) => {
                self.stamps = had;
                self.look_at = now;
                Err(errors)
            }
        }
    }
}

/// Loads the rules that settings name.
///
/// # Errors
///
/// What is wrong in their files, or in the actions of their alerts, a line each.
pub fn load_rules(settings: &DetectSettings) -> Result<RuleSet, String> {
    loaded_by(RuleSet::load, settings)
}

/// Loads them to try each, also one that is off.
///
/// # Errors
///
/// As of `load_rules`.
pub fn load_rules_to_try(settings: &DetectSettings) -> Result<RuleSet, String> {
    loaded_by(RuleSet::load_to_try, settings)
}

type Load = fn(&[RuleSource], &Tables, &Placeholders) -> Result<RuleSet, Vec<RuleError>>;

fn loaded_by(load: Load, settings: &DetectSettings) -> Result<RuleSet, String> {
    let source = |place: &RulesPlace| match place {
        RulesPlace::Builtin => RuleSource::Builtin,
        RulesPlace::Directory(path) => RuleSource::Directory(path.clone()),
    };
    let sources: Vec<RuleSource> = settings.rules.iter().map(source).collect();
    let set = load(&sources, &settings.tables, &settings.placeholders);
    let mut set = set.map_err(|errors| shown(&errors))?;
    set.warnings.extend(looks_too_far(&set, settings.retention));
    // More likely a directory whose files are being replaced than the wish to judge nothing.
    if set.rules.is_empty() && set.unusable.is_empty() {
        let places: Vec<String> = settings.directories().map(|path| path.display().to_string()).collect();
        return Err(format!("{}: no rule in any file that ends in .yml or .yaml", places.join(", ")));
    }
    let problems = actions::problems(&settings.actions, &set);
    if problems.is_empty() { Ok(set) } else { Err(problems.join("\n")) }
}

fn shown(errors: &[RuleError]) -> String {
    let mut lines: Vec<String> = errors.iter().take(SHOWN_MAX).map(RuleError::to_string).collect();
    if errors.len() > SHOWN_MAX {
        lines.push(format!("and {} more", errors.len() - SHOWN_MAX));
    }
    lines.join("\n")
}

/// Every file below the directories, with what distinguishes it from an earlier one.
fn stamps(settings: &DetectSettings) -> BTreeMap<PathBuf, RuleStamp> {
    let mut found = BTreeMap::new();
    for directory in settings.directories() {
        add_stamps(directory, DEPTH_MAX, &mut found);
    }
    found
}

fn add_stamps(directory: &Path, depth: usize, found: &mut BTreeMap<PathBuf, RuleStamp>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if found.len() >= FILES_MAX {
            return;
        }
        let path = entry.path();
        match path.metadata() {
            Ok(about) if about.is_dir() && depth > 0 => add_stamps(&path, depth - 1, found),
            about => _ = found.insert(path, about.as_ref().map(RuleStamp::of).unwrap_or_default()),
        }
    }
}
