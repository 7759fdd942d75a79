//! What is rendered for a destination does there what the tables say.

mod bicep;
mod kql;
mod kusto;
mod node;
mod transforms;
