use super::{
    super::{ConfigFile, Readable},
    *,
};

fn readable(text: &str) -> Result<Readable, ConfigError> {
    let (_directory, path) = file(text);
    Config::load_readable(Some(&ConfigFile::named(path)), &Environment::default())
}

#[test]
fn what_is_wrong_elsewhere_hides_neither_state_nor_sinks() {
    for fault in [
        "[log]\nlevel = \"loud\"",
        "[pipeline]\nbatch_wait = 5",
        "[collector.other]\nsource = \"nothing\"",
        "[collector.\n",
        "[unknown]\nkey = 1",
        "this is not TOML",
    ] {
        let found = readable(&format!("[state]\ndir = \"here\"\n{MINIMAL}\n{fault}\n")).expect(fault);
        assert!(found.config.state.dir.ends_with("here"), "{fault}: {:?}", found.config.state);
        assert!(found.config.sinks.contains_key("local"), "{fault}");
        assert!(!found.is_whole && found.error.is_some(), "{fault}");
    }
    let found = readable(MINIMAL).unwrap();
    assert!(found.is_whole && found.error.is_none());
}

#[test]
fn a_state_directory_that_cannot_be_read_is_never_guessed() {
    for fault in ["[state]\ndir = ./here", "[state]\ndir = 5", "[state\ndir = \"here\""] {
        assert!(readable(&format!("{fault}\n{MINIMAL}")).is_err(), "{fault}");
    }
}
