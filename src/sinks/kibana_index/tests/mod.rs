mod classify;
mod encode;
mod run_fault;
