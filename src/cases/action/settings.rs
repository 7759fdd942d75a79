//! The keys of an action.

use std::str::FromStr;

use crate::cases::{CaseOwner, DEFAULT_SPACE, limits};

/// The most groups of one run that get a case each, unless the action says otherwise.
const CASES_MAX: u8 = 5;
/// The largest number that an action can say.
pub const CASES_MAX_MOST: u8 = 20;
/// Fields by which alerts are grouped. Kibana has one.
const FIELDS_MAX: usize = 4;

/// What an action says about cases. [`CasesAction::default`] has Kibana's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CasesAction {
    /// The space of the cases.
    pub space: String,
    /// The fields by which alerts are grouped. Without one, all alerts of a rule are one group.
    pub group_by: Vec<String>,
    /// Whether a closed case is opened again. Otherwise its group gets a new one.
    pub reopen: bool,
    /// How long a group keeps its case.
    pub time_window: TimeWindow,
    /// The most groups of one run, from 1 to [`CASES_MAX_MOST`]. If there are more, those that have a case keep it, and the
    /// others share one.
    pub cases_max: u8,
    /// Who owns the cases.
    pub owner: CaseOwner,
    /// The template of new cases, by its key.
    pub template: Option<String>,
}

impl Default for CasesAction {
    fn default() -> Self {
        Self {
            space: DEFAULT_SPACE.to_owned(),
            group_by: Vec::new(),
            reopen: false,
            time_window: TimeWindow::default(),
            cases_max: CASES_MAX,
            owner: CaseOwner::default(),
            template: None,
        }
    }
}

impl CasesAction {
    /// Fails if an action cannot be like this.
    pub fn check(&self) -> Result<(), String> {
        if self.group_by.len() > FIELDS_MAX {
            return Err(format!("at most {FIELDS_MAX} fields to group by"));
        }
        let is_bad = |field: &&String| limits::text("field", field, limits::TAG_CHARS_MAX).is_err();
        if self.group_by.iter().any(|field| is_bad(&field)) {
            return Err(format!("a field to group by has 1 to {} characters", limits::TAG_CHARS_MAX));
        }
        if !(1..=CASES_MAX_MOST).contains(&self.cases_max) {
            return Err(format!("from 1 to {CASES_MAX_MOST} cases"));
        }
        Ok(())
    }
}

/// How long a group keeps its case, in seconds: `7d`, `2w`, `12h`, `30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeWindow(i64);

impl Default for TimeWindow {
    fn default() -> Self {
        Self(7 * 24 * 60 * 60)
    }
}

impl TimeWindow {
    /// The shortest, in seconds.
    const LEAST: i64 = 5 * 60;

    /// Whether it has passed since the record of a group last changed.
    pub(super) fn has_passed(self, since: i64, now: i64) -> bool {
        since < now.saturating_sub(self.0)
    }
}

impl FromStr for TimeWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "Not a valid time window".to_owned();
        let unit = match text.chars().last() {
            Some('m') => 60,
            Some('h') => 60 * 60,
            Some('d') => 24 * 60 * 60,
            Some('w') => 7 * 24 * 60 * 60,
            Some(_) | None => return Err(invalid()),
        };
        let count = &text[..text.len() - 1];
        if count.starts_with('0') || count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        // A number that is too large never passes.
        let seconds = count.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(unit);
        if seconds < Self::LEAST {
            return Err("Time window should be at least 5 minutes".to_owned());
        }
        Ok(Self(seconds))
    }
}
