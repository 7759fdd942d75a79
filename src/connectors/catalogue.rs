//! The types of connectors that ccfd has.

use super::connector_type::ConnectorType;

/// Every type, one line each.
pub const TYPES: &[&dyn ConnectorType] = &[];

/// The type with this id.
pub fn connector_type(id: &str) -> Option<&'static dyn ConnectorType> {
    TYPES.iter().copied().find(|known| known.info().id == id)
}
