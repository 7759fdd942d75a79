mod classify;
mod encode;
