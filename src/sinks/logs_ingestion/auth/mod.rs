//! The tokens of Entra ID: who asks for them, on which way, and how long one is used.

mod authority;
mod azure_cli;
mod credential;
mod token;

pub(super) use credential::{Credential, Token};
pub(super) use token::Tokens;
