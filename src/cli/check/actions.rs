//! Actions: whether their connectors can run, and take the parameters.

use super::CheckFinding;
use crate::{
    config::{ActionDoes, ActionSettings},
    connectors::{ConnectorError, ReadyConnector, gen_ai},
    daemon::assembly::Assembly,
    detect_db::{DEFAULT_SPACE, DetectDb, FILE_NAME},
};

/// What is wrong with each action.
pub(super) async fn all(assembly: &Assembly) -> Vec<CheckFinding> {
    let mut findings = Vec::new();
    let spaces = spaces(assembly);
    for action in &assembly.config.alerts.actions {
        if let Some(spaces) = &spaces
            && !spaces.contains(&action.space)
        {
            let text = format!("there is no space {}; known are {}", action.space, spaces.join(", "));
            let advice = "correct `space` of [[detect.action]]";
            findings.push(CheckFinding::fail(what(action), text, Some(advice)));
            continue;
        }
        let ActionDoes::Run { connector, .. } = &action.does else { continue };
        findings.extend(match assembly.connectors.ready(&action.space, connector).await {
            Ok(ready) => params(action, &ready),
            Err(error) => Some(not_ready(action, connector, &error)),
        });
    }
    findings
}

/// The spaces that there are; `None` if they cannot be read.
pub(super) fn spaces(assembly: &Assembly) -> Option<Vec<String>> {
    let found = match DetectDb::open_existing(&assembly.config.state.dir.join(FILE_NAME)).ok()? {
        Some(db) => db.spaces().ok()?,
        None => return Some(vec![DEFAULT_SPACE.to_owned()]),
    };
    Some(found.into_iter().map(|space| space.id).collect())
}

fn what(action: &ActionSettings) -> String {
    format!("action {}", action.outbox.name)
}

fn not_ready(action: &ActionSettings, connector: &str, error: &ConnectorError) -> CheckFinding {
    let text = format!("connector {connector} in space {}: {error}", action.space);
    let advice = match error {
        ConnectorError::Secrets(_) | ConnectorError::Pair(_) | ConnectorError::SecretStore(_) => {
            "put the secret where the connector reads it, or give it again; until then the action waits"
        }
        ConnectorError::NotFound(_) | ConnectorError::NoSpace(_) => {
            "add [connector.NAME], or correct `connector` and `space` of [[detect.action]]"
        }
        ConnectorError::Config(_)
        | ConnectorError::UnknownType(_)
        | ConnectorError::Disabled(_)
        | ConnectorError::Malformed(_)
        | ConnectorError::Conflict(_)
        | ConnectorError::TakenByPreconfigured(_)
        | ConnectorError::UpdatePreconfigured(_)
        | ConnectorError::DeletePreconfigured(_)
        | ConnectorError::CreateSystem(_)
        | ConnectorError::ReadSystem(_)
        | ConnectorError::UpdateSystem(_)
        | ConnectorError::DeleteSystem(_)
        | ConnectorError::RunSystem
        | ConnectorError::Database(_) => "see docs/connectors.md",
    };
    CheckFinding::fail(what(action), text, Some(advice))
}

/// Whether the type takes what an alert makes of the parameters.
fn params(action: &ActionSettings, ready: &ReadyConnector) -> Option<CheckFinding> {
    let ActionDoes::Run { params, .. } = &action.does else { return None };
    if &*ready.connector.type_id == gen_ai::TYPE_ID {
        return None;
    }
    let languages = |path: &str| ready.language(path);
    let fits = params.check_languages(&languages).and_then(|()| params.example(&languages));
    let advice = "correct `params` of [[detect.action]]; docs/connector-types.md has those of each type";
    let example = match fits {
        Ok(example) => example,
        Err(error) => {
            return Some(CheckFinding::fail(what(action), format!("`params`: {error}"), Some(advice)));
        }
    };
    let refused = ready.check_params(&example).err()?;
    let text = format!("{} does not take `params` of an example alert: {refused}", ready.connector.type_id);
    // What a field says is made up.
    match params.fields().is_empty() {
        true => Some(CheckFinding::fail(what(action), text, Some(advice))),
        false => Some(CheckFinding::warn(what(action), text, advice)),
    }
}
