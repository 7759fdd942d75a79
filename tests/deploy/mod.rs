//! What is rendered for a destination does there what the tables say.

mod kql;
mod transforms;
