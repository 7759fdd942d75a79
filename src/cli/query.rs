//! `ccfd query`.

use clap::Args;

use super::{Context, exit::Exit};

#[derive(Debug, Args)]
pub struct Arguments {}

pub fn run(_context: &Context, _arguments: &Arguments) -> anyhow::Result<Exit> {
    anyhow::bail!("not here yet")
}
