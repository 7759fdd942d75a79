//! Each step of a run: one transaction, which finds what an earlier run has done.

use std::collections::BTreeSet;

use rusqlite::params;

use super::{
    ActionOutcome, CaseAlert, CaseOutcome, CaseRule, CasesAction,
    grouping::{AlertGroup, groups, overflow},
    ids::{case_id, made_for, oracle_id},
    oracle::Oracle,
    run::ActionStep,
    text::new_case,
};
use crate::cases::{
    AlertToAttach, AttachedRule, CaseChange, CaseError, CasePerson, CaseStamp, CaseStatus, CaseStore,
    TemplateFields,
    error::CaseFault,
    limits::ALERTS_MAX,
    store::{CaseTurn, MadeCase},
};

/// Who creates and changes cases.
const OURSELVES: &str = "ccfd";

/// One attempt.
pub(super) struct Steps<'a> {
    pub(super) store: CaseStore<'a>,
    pub(super) action: &'a CasesAction,
    pub(super) rule: &'a CaseRule,
    pub(super) now: i64,
    pub(super) watch: &'a mut dyn FnMut(ActionStep) -> Result<(), CaseError>,
}

/// A group on its way.
struct Work<'a> {
    group: AlertGroup<'a>,
    oracle: Oracle,
    case: CaseOutcome,
}

impl Steps<'_> {
    pub(super) fn run(mut self, alerts: &[CaseAlert]) -> Result<ActionOutcome, CaseError> {
        let mut outcome = ActionOutcome::default();
        let mut seen = BTreeSet::new();
        let alerts: Vec<&CaseAlert> = alerts.iter().filter(|alert| seen.insert(&alert.id)).collect();
        let known = self.attached(&alerts)?;
        outcome.repeated = known.len() as u64;
        if known.len() == alerts.len() {
            return Ok(outcome);
        }
        // Of all of them, so that a run after a kill finds the same groups.
        let mut groups = groups(self.action, &alerts);
        outcome.overflowed = self.overflow(&mut groups)?;
        for group in &mut groups {
            group.alerts.retain(|alert| !known.contains(alert.id.as_str()));
        }
        groups.retain(|group| !group.alerts.is_empty());
        (self.watch)(ActionStep::Grouped)?;
        let mut works = self.record(groups)?;
        (self.watch)(ActionStep::Recorded)?;
        self.apply_window(&mut works)?;
        (self.watch)(ActionStep::Windowed)?;
        self.create(&mut works)?;
        (self.watch)(ActionStep::Created)?;
        self.settle(&mut works)?;
        (self.watch)(ActionStep::Settled)?;
        for work in &mut works {
            self.attach(work)?;
            (self.watch)(ActionStep::Attached)?;
        }
        outcome.cases = works.into_iter().map(|work| work.case).collect();
        Ok(outcome)
    }

    fn person() -> CasePerson {
        CasePerson::named(OURSELVES)
    }

    /// The alerts that a case of the rule has.
    fn attached<'b>(&mut self, alerts: &[&'b CaseAlert]) -> Result<BTreeSet<&'b str>, CaseError> {
        let of = made_for(self.rule, self.action);
        self.store.look(|turn| {
            let sql = "SELECT 1 FROM case_alert JOIN cases ON cases.id = case_alert.case_id
                       WHERE case_alert.alert = ?1 AND cases.space = ?2 AND cases.made_for = ?3";
            let mut query = turn.begun.prepare_cached(sql)?;
            let mut known = BTreeSet::new();
            for alert in alerts {
                if query.exists(params![alert.id, turn.space, of])? {
                    known.insert(alert.id.as_str());
                }
            }
            Ok(known)
        })
    }

    fn overflow(&mut self, groups: &mut Vec<AlertGroup<'_>>) -> Result<u64, CaseError> {
        let (rule, action) = (self.rule, self.action);
        let known: BTreeSet<String> = self.store.look(|turn| {
            let mut known = BTreeSet::new();
            for group in groups.iter() {
                known.extend(turn.oracle(&oracle_id(rule, action, &group.grouping))?.map(|oracle| oracle.id));
            }
            Ok(known)
        })?;
        let count = overflow(groups, action.cases_max, |group| {
            known.contains(&oracle_id(rule, action, &group.grouping))
        });
        if count > 0 {
            tracing::warn!(
                groups = count,
                cases_max = action.cases_max,
                "too many groups of alerts: the new ones share one case"
            );
        }
        Ok(count)
    }

    /// Each group has a record.
    fn record<'b>(&mut self, groups: Vec<AlertGroup<'b>>) -> Result<Vec<Work<'b>>, CaseError> {
        let (rule, action, now) = (self.rule, self.action, self.now);
        let ids: Vec<String> = groups.iter().map(|group| oracle_id(rule, action, &group.grouping)).collect();
        let known =
            self.store.look(|turn| ids.iter().map(|id| turn.oracle(id)).collect::<Result<Vec<_>, _>>())?;
        let missing = known.iter().any(Option::is_none);
        let oracles: Vec<Oracle> = match missing {
            false => known.into_iter().flatten().collect(),
            true => self.store.turn(|turn| {
                let each = known.into_iter().zip(&ids).zip(&groups);
                each.map(|((known, id), group)| match known {
                    Some(oracle) => Ok(oracle),
                    None => turn.create_oracle(id, rule, &group.grouping, now),
                })
                .collect::<Result<_, _>>()
            })?,
        };
        let each = groups.into_iter().zip(oracles);
        Ok(each.map(|(group, oracle)| Work { group, oracle, case: CaseOutcome::default() }).collect())
    }

    /// Groups whose window has passed get their next number.
    fn apply_window(&mut self, works: &mut [Work<'_>]) -> Result<(), CaseError> {
        let (window, now) = (self.action.time_window, self.now);
        let mut passed: Vec<&mut Work<'_>> =
            works.iter_mut().filter(|work| window.has_passed(work.oracle.since, now)).collect();
        if passed.is_empty() {
            return Ok(());
        }
        self.store.turn(|turn| {
            passed.iter_mut().try_for_each(|work| {
                work.oracle = turn.advance(&work.oracle, now)?;
                Ok(())
            })
        })
    }

    /// Each group has the case of its number.
    fn create(&mut self, works: &mut [Work<'_>]) -> Result<(), CaseError> {
        let (rule, action, now) = (self.rule, self.action, self.now);
        for work in works.iter_mut() {
            work.case.id = case_id(rule, action, &work.group.grouping, work.oracle.counter);
        }
        let mut missing: Vec<&mut Work<'_>> = self.store.look(|turn| {
            let mut missing = Vec::new();
            for work in works.iter_mut() {
                match turn.case_if_any(&work.case.id)? {
                    Some((_, case)) => work.case.number = case.number,
                    None => missing.push(work),
                }
            }
            Ok(missing)
        })?;
        if missing.is_empty() {
            return Ok(());
        }
        let (person, of) = (Self::person(), made_for(rule, action));
        let stamp = CaseStamp { by: &person, now };
        self.store.turn(|turn| {
            let template = template(turn, action)?;
            for work in &mut missing {
                let id = work.case.id.clone();
                if turn.case_if_any(&id)?.is_some() {
                    return Err(CaseError::Conflict("a case was created by someone else".to_owned()).into());
                }
                let mut new =
                    new_case(rule, action, &work.group.grouping, work.oracle.counter, template.clone());
                new.custom_fields = turn.stand_ins(action.owner, &new.custom_fields)?;
                turn.create(&new, Some(MadeCase { id: &id, made_for: &of }), stamp)?;
                work.case.number = turn.case(&id)?.1.number;
                work.case.is_new = true;
            }
            Ok(())
        })
    }

    /// Closed cases are opened again, or their groups get other ones.
    fn settle(&mut self, works: &mut [Work<'_>]) -> Result<(), CaseError> {
        let mut closed: Vec<&mut Work<'_>> = self.store.look(|turn| {
            let mut closed = Vec::new();
            for work in works.iter_mut() {
                let case = turn.case_if_any(&work.case.id)?;
                if case.is_some_and(|(_, case)| case.status == CaseStatus::Closed) {
                    closed.push(work);
                }
            }
            Ok(closed)
        })?;
        if closed.is_empty() {
            return Ok(());
        }
        let (now, person) = (self.now, Self::person());
        let stamp = CaseStamp { by: &person, now };
        if self.action.reopen {
            return self.store.turn(|turn| {
                let open = CaseChange { status: Some(CaseStatus::Open), ..CaseChange::default() };
                for work in &mut closed {
                    work.case.is_reopened = turn.change(&work.case.id, &open, stamp)?;
                }
                Ok(())
            });
        }
        self.store.turn(|turn| {
            closed.iter_mut().try_for_each(|work| {
                work.oracle = turn.advance(&work.oracle, now)?;
                Ok(())
            })
        })?;
        for work in closed {
            // Before the next one, so that a kill leaves no group without the case of its number for longer than until then.
            self.create(std::slice::from_mut(work))?;
        }
        Ok(())
    }

    /// The alerts of a group are attached to its case, if it has room for them.
    fn attach(&mut self, work: &mut Work<'_>) -> Result<(), CaseError> {
        let alerts: Vec<AlertToAttach> = work.group.alerts.iter().map(|alert| alert.to_attach()).collect();
        let name = Some(self.rule.name.clone());
        let rule = AttachedRule { id: Some(self.rule.id.clone()).filter(|id| !id.is_empty()), name };
        let person = Self::person();
        let stamp = CaseStamp { by: &person, now: self.now };
        let case = &mut work.case;
        self.store.turn(|turn| {
            let changed = || CaseError::Conflict("a case was closed or removed by someone else".to_owned());
            let (row, found) = turn.case_if_any(&case.id)?.ok_or_else(changed)?;
            if found.status == CaseStatus::Closed {
                return Err(changed().into());
            }
            let new = turn.not_attached(row, &alerts)?;
            let count = new.len();
            if found.total_alerts + count as i64 > ALERTS_MAX as i64 || turn.is_full(row)? {
                tracing::warn!(
                    case = found.number,
                    alerts = count,
                    "the case is full: alerts are not attached"
                );
                case.skipped = count as u64;
                return Ok(());
            }
            turn.attach_new_alerts(row, &found, &new, &rule, stamp)?;
            case.attached = count as u64;
            Ok(())
        })
    }
}

/// The fields of the action's template.
fn template(turn: &CaseTurn<'_>, action: &CasesAction) -> Result<Option<TemplateFields>, CaseFault> {
    let Some(key) = &action.template else { return Ok(None) };
    let found = turn.configuration(action.owner)?;
    let mut templates = found.into_iter().flat_map(|found| found.templates);
    let template = templates.find(|template| template.key == *key);
    if template.is_none() {
        tracing::warn!(template = key, "the template of an action is not there: cases begin without it");
    }
    Ok(template.and_then(|template| template.case_fields))
}
