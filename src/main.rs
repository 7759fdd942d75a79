//! The command `ccfd`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ccfd::cli::main()
}
