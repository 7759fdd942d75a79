//! Where rules come from: the built-in ones, and directories.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{builtin::BUILTIN, error::Problems, yaml::FILE_BYTES_MAX};
use crate::{files, reasons::with_reasons};

/// Files of a set, and directories inside each other.
const FILES_MAX: usize = 2000;
const DEPTH_MAX: usize = 8;

/// Where rules come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSource {
    /// Those that ccfd has. A file of the same name in a directory replaces one.
    Builtin,
    /// The files of a directory and those below it that end in `.yml` or `.yaml`.
    Directory(PathBuf),
    /// The text of a file.
    Text {
        /// The name of the file.
        name: String,
        /// What is in it.
        text: String,
    },
}

/// A file of rules.
#[derive(Clone, Debug)]
pub(super) struct RuleFile {
    /// As shown in errors.
    pub name: String,
    /// Its name without directories and ending.
    pub stem: String,
    pub text: String,
    pub builtin: bool,
    /// Where the events of its tests are.
    pub directory: Option<PathBuf>,
}

/// Reads the files of all sources, in order.
pub(super) fn gather(sources: &[RuleSource], problems: &mut Problems) -> Vec<RuleFile> {
    let mut found = Vec::new();
    for source in sources {
        match source {
            RuleSource::Builtin => found.extend(BUILTIN.iter().map(|rule| RuleFile {
                name: format!("builtin:{}.yml", rule.stem),
                stem: rule.stem.to_owned(),
                text: rule.text.to_owned(),
                builtin: true,
                directory: None,
            })),
            RuleSource::Directory(path) => {
                let mut paths = Vec::new();
                let listed = list(path, DEPTH_MAX, &mut paths);
                if let Err((path, error)) = listed {
                    problems.enter(&path.display().to_string());
                    problems.error(0, "", with_reasons(&error));
                }
                found.extend(paths.iter().filter_map(|path| read(path, problems)));
            }
            RuleSource::Text { name, text } => found.push(RuleFile {
                name: name.clone(),
                stem: stem(Path::new(name)),
                text: text.clone(),
                builtin: false,
                directory: None,
            }),
        }
    }
    let own: Vec<String> = found.iter().filter(|file| !file.builtin).map(|file| file.stem.clone()).collect();
    found.retain(|file| !file.builtin || !own.contains(&file.stem));
    found
}

/// The rule files of a directory and those below it, by name.
fn list(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let here = |error| (directory.to_owned(), error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(here)? {
        let path = entry.map_err(here)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        paths.extend((!hidden).then_some(path));
    }
    paths.sort();
    for path in paths {
        let is_rule = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("yml") || ending.eq_ignore_ascii_case("yaml"));
        if is_rule {
            found.push(path);
        } else if path.is_dir() {
            if depth == 0 {
                return Err((path, io::Error::other(format!("more than {DEPTH_MAX} directories deep"))));
            }
            list(&path, depth - 1, found)?;
        }
        if found.len() > FILES_MAX {
            return Err(here(io::Error::other(format!("more than {FILES_MAX} rule files"))));
        }
    }
    Ok(())
}

fn read(path: &Path, problems: &mut Problems) -> Option<RuleFile> {
    let name = path.display().to_string();
    problems.enter(&name);
    let too_large = fs::metadata(path).is_ok_and(|found| found.len() > FILE_BYTES_MAX as u64);
    if too_large {
        problems.error(0, "", format!("a rule file has at most {FILE_BYTES_MAX} bytes"));
        return None;
    }
    let text = match files::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            problems.error(0, "", "not UTF-8");
            return None;
        }
        Err(error) => {
            problems.error(0, "", with_reasons(&error));
            return None;
        }
    };
    let directory = path.parent().map(Path::to_owned);
    Some(RuleFile { name, stem: stem(path), text, builtin: false, directory })
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
