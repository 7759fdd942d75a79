//! The types of connectors that ccfd has.

use super::{connector_type::ConnectorType, gen_ai::GenAi};

/// Every type, one line each.
pub const TYPES: &[&dyn ConnectorType] = &[&GenAi];

/// The type with this id.
pub fn connector_type(id: &str) -> Option<&'static dyn ConnectorType> {
    TYPES.iter().copied().find(|known| known.info().id == id)
}
