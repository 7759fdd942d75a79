//! The configuration file of `ccfd init`.

use super::questions::{Answers, LISTS, Wanted, parts};

const HEAD: &str = "\
# Written by `ccfd init`. `ccfd config show` prints every setting with its default, `ccfd check` says what is wrong.
# The manual of all settings is default.toml in ccfd's documentation (src/config/default.toml in its source).
";

/// The file.
pub(super) fn toml(answers: &Answers) -> String {
    let mut file = HEAD.to_owned();
    file += "\n[state]\n# Checkpoints, rejects and status.json. One daemon per directory.\n";
    file += &format!("dir = {}\n", text(answers.state_dir));
    for (list, place) in &answers.lists {
        file += &format!("\n# It needs {}. The name becomes the column ConnectorName.\n", list.key);
        file += &format!("[collector.{}]\nsource = \"{}\"\n", list.collector, list.source);
        file += &format!(
            "# Where the key is kept; the key itself is never written here.\napi_key = {}\n",
            place_of(place)
        );
        file += "# Where the first run begins: a look-back, \"beginning\", or a time. Later runs continue where the last one stopped.\n";
        file += &format!("start = {}\nsinks = [\"main\"]\n", text(&answers.start));
    }
    for list in
        LISTS.iter().filter(|list| answers.lists.iter().all(|(chosen, _)| chosen.source != list.source))
    {
        let place = if answers.service {
            format!("credential:key_{}", list.credential)
        } else {
            format!("env:{}", list.variable)
        };
        file += &format!("\n# To collect {} as well, with {}:\n", list.source, list.key);
        file += &format!(
            "# [collector.{}]\n# source = \"{}\"\n# api_key = {}\n# sinks = [\"main\"]\n",
            list.collector,
            list.source,
            place_of(&place)
        );
    }
    file += &format!("\n[sink.main]\ntype = \"{}\"\n", answers.sink);
    for (key, (wanted, value)) in &answers.settings {
        let value = match wanted {
            Wanted::Text => text(value),
            Wanted::List => format!("[{}]", parts(value).map(text).collect::<Vec<_>>().join(", ")),
            Wanted::Place => place_of(value),
        };
        file += &format!("{key} = {value}\n");
    }
    file
}

/// `env:NAME` as `{ env = "NAME" }`. Anything else is written as it is, and refused when the file is checked.
fn place_of(place: &str) -> String {
    match place.split_once(':') {
        Some((form @ ("env" | "file" | "credential"), name)) => format!("{{ {form} = {} }}", text(name)),
        _ => text(place),
    }
}

/// A basic string of TOML, whose escapes include those of JSON.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
