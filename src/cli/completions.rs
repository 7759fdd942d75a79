//! `ccfd completions`: what a shell needs to complete ccfd's commands and flags.

use clap::Args;
use clap_complete::{Shell, generate};

use super::{command_line, exit::Exit, text::print};

#[derive(Debug, Args)]
#[command(
    after_help = "For this user: ccfd completions bash > ~/.local/share/bash-completion/completions/ccfd"
)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut command_line(), "ccfd", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
