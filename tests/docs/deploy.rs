use std::{collections::BTreeSet, env, fs, path::Path};

use ccfd::{
    cli::command_line,
    deploy::{DeployFile, elastic, sentinel},
    tables::Tables,
};
use clap_complete::{Shell, generate_to};

use super::{WRITE, path};

fn is_rendered(dir: &str, files: &[DeployFile]) {
    let dir = path(dir);
    if env::var_os(WRITE).is_some() {
        // What is not rendered any more must not stay.
        _ = fs::remove_dir_all(&dir);
        for file in files {
            let place = dir.join(&file.path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, &file.content).unwrap();
        }
        return;
    }
    let wanted: BTreeSet<String> = files.iter().map(|file| file.path.clone()).collect();
    assert_eq!(below(&dir, ""), wanted, "{WRITE}=1 writes the files");
    for file in files {
        let found = fs::read_to_string(dir.join(&file.path)).unwrap();
        assert!(found == file.content, "{} is behind; {WRITE}=1 writes it", file.path);
    }
}

/// The files below a directory, by their path in it.
fn below(dir: &Path, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(below(&entry.path(), &format!("{name}/"))),
            false => _ = found.insert(name),
        }
    }
    found
}

#[test]
fn the_files_for_sentinel_are_those_of_the_tables() {
    is_rendered("deploy/sentinel", &sentinel::files(&Tables::built_in()));
}

#[test]
fn the_files_for_elastic_are_those_of_the_tables() {
    is_rendered("deploy/elastic", &elastic::files(&Tables::built_in(), elastic::Retention::default()));
}

/// What a generator of clap writes into a directory.
fn written(generate: impl FnOnce(&Path)) -> Vec<DeployFile> {
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    let names = below(dir.path(), "").into_iter();
    names
        .map(|path| DeployFile { content: fs::read_to_string(dir.path().join(&path)).unwrap(), path })
        .collect()
}

#[test]
fn the_manual_pages_are_those_of_the_command_line() {
    let pages = written(|dir| clap_mangen::generate_to(command_line(), dir).unwrap());
    assert!(pages.iter().any(|page| page.path == "ccfd-run.1"));
    is_rendered("deploy/man", &pages);
}

#[test]
fn the_completions_are_those_of_the_command_line() {
    let files = written(|dir| {
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            generate_to(shell, &mut command_line(), "ccfd", dir).unwrap();
        }
    });
    is_rendered("deploy/completions", &files);
}
