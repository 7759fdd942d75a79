//! The lines behind the behaviour tests: how many were left out because a program that judges ccfd is not there.
//!
//! Not a test: each of those tests passed without having proved anything, and the harness shows no output of a test that passes.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::{collections::BTreeMap, fs};

#[path = "support/judge.rs"]
#[allow(dead_code)]
mod judge;

fn main() {
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    for entry in fs::read_dir(judge::not_run_dir()).into_iter().flatten().flatten() {
        let lines = fs::read_to_string(entry.path()).unwrap_or_default();
        for line in lines.lines() {
            *missing.entry(line.to_owned()).or_default() += 1;
        }
        // The next run counts its own.
        _ = fs::remove_file(entry.path());
    }
    let total: usize = missing.values().sum();
    for (reason, count) in &missing {
        println!("NOT RUN: {count} tests: {reason}");
    }
    println!("tests that were not run because other software is missing: {total}\n");
}
