//! `ccfd api-keys revoke`

use clap::Args;
use collectors::Clock;

use super::refused;
use crate::{
    cli::{
        Context,
        exit::Exit,
        person::person,
        text::{say, tame},
    },
    config::Config,
    detect_db::{ApiKeyError, DetectDb, FILE_NAME},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Their names or ids, as shown by `list`
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
}

pub fn run(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let by = person(&context.environment);
    let mut db = DetectDb::open_existing(&config.state.dir.join(FILE_NAME))?;
    for wanted in &arguments.keys {
        let revoked = match &mut db {
            Some(db) => db.revoke_api_key(wanted, &by, Clock::system().now()),
            None => Err(ApiKeyError::Unknown(wanted.clone())),
        };
        let key = revoked.map_err(refused)?;
        say(format_args!("revoked {} ({})", tame(&key.name), tame(&key.id)));
    }
    Ok(Exit::Done)
}
