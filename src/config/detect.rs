//! `[detect]`: what becomes of the alerts that a sink of type detect raises.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ALERT_ROUTES, ActionSettings, SinkSettings, action::action_list, section::Section, values::texts,
};
use crate::{detect_db::OutboxAction, tables::ALERTS};

/// Where the alerts go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertSettings {
    /// The names of the sinks that get them. Each is configured, stores rows, and is named once.
    pub sinks: Vec<String>,
    /// What they do in other systems.
    pub actions: Vec<ActionSettings>,
}

impl AlertSettings {
    /// The actions, as far as they decide which alerts they are for.
    pub fn for_outbox(&self) -> Arc<[OutboxAction]> {
        self.actions.iter().map(|action| action.outbox.clone()).collect()
    }

    /// The routes that deliver them, each with its destination.
    pub(super) fn routes(&self, sinks: &BTreeMap<String, SinkSettings>) -> Vec<(String, String)> {
        let route =
            |name: &String| Some((format!("{ALERT_ROUTES}/{name}"), sinks.get(name)?.destination(&ALERTS)));
        self.sinks.iter().filter_map(route).collect()
    }

    pub(super) fn read(mut section: Section<'_>) -> Self {
        let sinks = section.optional("alerts", texts).unwrap_or_default();
        let actions = section.optional("action", action_list).unwrap_or_default();
        section.finish();
        Self { sinks, actions }
    }
}
