//! The tables.
/// A table.
#[derive(Debug)]
pub struct Table;
