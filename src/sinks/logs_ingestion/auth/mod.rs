//! Tokens of Entra ID: for which identity, over which transport, and how long one is used.

mod authority;
mod azure_cli;
mod credential;
mod token;

pub(super) use credential::{Credential, Token};
pub(super) use token::Tokens;
