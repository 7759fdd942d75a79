//! Other actions in the settings. One that stays as it was notices nothing; what runs of another one ends as it began.

use super::{shown::ShownAction, worker::ActionWorker};
use crate::{config::ACTION_ROUTES, pipeline::names::route_name, sinks::SinkError};

impl ActionWorker {
    /// Takes up the actions of the settings of now.
    pub(super) fn take_up(&mut self) {
        let wanted = self.settings.borrow_and_update().clone();
        self.attempter.database.act(wanted.iter().map(|action| action.outbox.clone()).collect());
        let mut before = std::mem::take(&mut self.actions);
        for settings in &wanted {
            let name = &settings.outbox.name;
            let same = before.iter().position(|action| action.settings.outbox.name == *name);
            let same = same.map(|place| before.swap_remove(place)).filter(|one| *one.settings == *settings);
            self.actions.push(same.unwrap_or_else(|| ShownAction::new(settings, &self.registry)));
        }
        for gone in before {
            self.registry.remove(&route_name(ACTION_ROUTES, &gone.settings.outbox.name));
        }
        (self.changed, self.has_left, self.looked, self.followed) = (true, true, None, None);
    }

    /// Ends what waits of actions that are no longer in the settings.
    pub(super) async fn end_left(&mut self) -> Result<(), SinkError> {
        let names = self.actions.iter().map(|action| action.settings.outbox.name.to_string()).collect();
        let now = self.attempter.clock.now();
        let left = self.attempter.database.run(move |db| db.end_actions(&names, now)).await?;
        for (action, actions) in left {
            let advice =
                "add the action again and use `ccfd alerts actions retry`, or `ccfd alerts actions drop`";
            tracing::warn!(
                action,
                actions,
                advice,
                "the settings have no action of this name: what it left has failed"
            );
        }
        self.has_left = false;
        Ok(())
    }
}
