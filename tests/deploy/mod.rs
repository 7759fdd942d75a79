//! Files rendered for a destination have the effect there that the tables describe.

mod bicep;
mod kql;
mod kusto;
mod node;
mod transforms;
