//! Whether the parameters of an action fit its connector, which may have become one of another type under the same id.

use super::outcome::Attempted;
use crate::{actions::ParamsTemplate, connectors::ReadyConnector};

/// Whether these parameters fit; if not, only other settings help.
pub(super) fn fits(params: &ParamsTemplate, ready: &ReadyConnector) -> Result<(), Attempted> {
    let languages = |path: &str| ready.language(path);
    params.check_languages(&languages).map_err(|error| Attempted::lasting(error.to_string()))?;
    match params.example(&languages).map(|example| ready.check_params(&example)) {
        Ok(Err(refused)) if is_of_all(params, &refused) => {
            let type_id = &ready.connector.type_id;
            Err(Attempted::lasting(format!(
                "{type_id} does not take `params` of an example alert: {refused}"
            )))
        }
        // What an alert makes of them decides.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether the type refuses the parameters of each alert. What a field says in the example is made up, so with fields this is
/// known only if a parameter is missing or too much.
fn is_of_all(params: &ParamsTemplate, refused: &str) -> bool {
    let named = refused.strip_prefix('[').and_then(|rest| rest.split([']', '.']).next());
    params.fields().is_empty()
        || refused.ends_with("definition for this key is missing")
        || named.is_some_and(|name| !params.given().contains_key(name))
}
