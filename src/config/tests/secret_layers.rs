//! Where a secret is kept is one value, in every layer and for every setting that takes one.

use super::{
    super::{ConfigFile, layers, report::ConfigReport},
    *,
};
use crate::tables::Tables;

/// A setting, and how its value names the place of its secret.
struct Secret {
    path: String,
    around: fn(&str) -> String,
}

impl Secret {
    fn in_file(&self, place: &str) -> String {
        let (section, key) = self.path.rsplit_once('.').unwrap();
        format!("[{section}]\n{key} = {}\n{MINIMAL}", (self.around)(place))
    }

    fn variable(&self, place: &str) -> (String, String) {
        (format!("CCFD__{}", self.path.to_uppercase().replace('.', "__")), (self.around)(place))
    }
}

fn bare(place: &str) -> String {
    place.to_owned()
}

fn as_api_key(place: &str) -> String {
    format!("{{ api_key = {place} }}")
}

fn as_password(place: &str) -> String {
    format!("{{ basic = {{ user = \"ccfd\", password = {place} }} }}")
}

/// All settings that take a secret, found by trying it with every key there is.
fn secrets() -> Vec<Secret> {
    let mut report = ConfigReport::default();
    let (_directory, file) = file(MINIMAL);
    let root =
        layers::merge(Some(&ConfigFile::named(file)), &Environment::default(), &[], &mut report).unwrap();
    Config::read(&root, &Tables::built_in(), &mut report);
    let of_defaults = |section: &&String| !section.starts_with("collector.") && !section.starts_with("sink.");
    let sections: Vec<_> = report.keys.iter().filter(|(section, _)| of_defaults(section)).collect();
    let mut secrets = Vec::new();
    for (section, keys) in sections {
        for key in keys {
            for around in [bare, as_api_key, as_password] {
                let secret = Secret { path: format!("{section}.{key}"), around };
                let takes = |place: &str| load(&secret.in_file(place)).is_ok();
                // Metadata takes any table of texts.
                if takes("{ env = \"A\" }") && !takes("{ other = \"A\" }") {
                    secrets.push(secret);
                }
            }
        }
    }
    secrets
}

#[test]
fn a_place_in_a_later_layer_puts_out_the_one_before_whatever_the_setting() {
    let secrets = secrets();
    let places = ["{ env = \"A\" }", "{ file = \"/a\" }", "{ credential = \"a\" }"];
    for secret in &secrets {
        for below in places {
            for above in places {
                let (_directory, file) = file(&secret.in_file(below));
                let (variable, value) = secret.variable(above);
                let flag = (secret.path.clone(), (secret.around)(above));
                for (variables, flags) in [(vec![(variable, value)], vec![]), (vec![], vec![flag])] {
                    let variables = variables.into_iter().collect();
                    let loaded = Config::load(Some(&file), &variables, &flags);
                    assert!(loaded.is_ok(), "{}: {above} over {below}: {}", secret.path, loaded.unwrap_err());
                }
            }
        }
    }
    let found: Vec<&str> = secrets.iter().map(|secret| secret.path.as_str()).collect();
    assert_eq!(
        found,
        [
            "admin.metrics_token",
            "admin.token",
            "connectors.proxy",
            "connectors.proxy_headers",
            "default.collector.api_key",
            "default.collector.hash_key",
            "default.collector.proxy",
            "default.sink.elasticsearch.auth",
            "default.sink.elasticsearch.auth",
            "default.sink.elasticsearch.proxy",
            "default.sink.kibana_index.auth",
            "default.sink.kibana_index.auth",
            "default.sink.kibana_index.proxy",
            "default.sink.logs_ingestion.proxy",
            "default.sink.logs_ingestion.auth.client_secret",
            "state.secrets_key",
        ]
    );
}

#[test]
fn a_place_that_is_wrong_is_named_with_the_layer_that_gives_it() {
    for secret in &secrets() {
        for below in ["{ env = \"A\" }", "{ file = \"/a\" }"] {
            let (variable, value) = secret.variable("{ file = \"\" }");
            let problems = problems_with(&secret.in_file(below), &[(&variable, &value)], &[]);
            assert!(problems.len() == 1 && problems[0].contains(&variable), "{below}: {problems:?}");
            let both = format!("in ccfd.toml and in the environment variable {variable}");
            assert!(
                !problems[0].contains("ccfd.toml") || problems[0].contains(&both),
                "{below}: {problems:?}"
            );
        }
    }
    let variable = ("CCFD__COLLECTOR__ACME_AUDIT__API_KEY__FILE", "");
    let problems = problems_with(MINIMAL, &[variable], &[]);
    assert!(problems[0].contains("in the environment variable CCFD__COLLECTOR"), "{problems:?}");
    assert!(!problems[0].contains("in ccfd.toml"), "{problems:?}");
}

#[test]
fn one_way_to_say_who_sends_puts_out_the_other() {
    let sink = "[sink.es]\ntype = \"elasticsearch\"\nurls = [\"https://es.example.com\"]\nauth = ";
    let (key, password) = (as_api_key("{ env = \"A\" }"), as_password("{ env = \"B\" }"));
    for (below, above) in [(&key, &password), (&password, &key)] {
        load_with(&format!("{MINIMAL}{sink}{below}\n"), &[("CCFD__SINK__ES__AUTH", above)], &[]).unwrap();
    }
    let only_the_password = ("CCFD__SINK__ES__AUTH__BASIC__PASSWORD__FILE", "/p");
    load_with(&format!("{MINIMAL}{sink}{password}\n"), &[only_the_password], &[]).unwrap();
}

#[test]
fn a_name_that_reads_like_a_place_is_still_a_name() {
    let named = |name: &str| format!("[sink.{name}]\ntype = \"sqlite\"\npath = \"{name}.db\"\n");
    let text = format!("{MINIMAL}{}{}", named("file"), named("basic"));
    let variables = [
        ("CCFD__SINK__ENV__TYPE", "ndjson"),
        ("CCFD__SINK__ENV__DIR", "env"),
        ("CCFD__SINK__API_KEY__TYPE", "ndjson"),
        ("CCFD__SINK__API_KEY__DIR", "api"),
    ];
    let config = load_with(&text, &variables, &[]).unwrap();
    let names: Vec<&String> = config.sinks.keys().collect();
    assert_eq!(names, ["api-key", "basic", "env", "file", "local"]);
}

#[test]
fn two_places_in_one_layer_are_refused() {
    let variables = [
        ("CCFD__COLLECTOR__ACME_AUDIT__API_KEY__FILE", "/a"),
        ("CCFD__COLLECTOR__ACME_AUDIT__API_KEY__ENV", "A"),
    ];
    let problems = problems_with(MINIMAL, &variables, &[]);
    assert!(problems.len() == 1 && problems[0].contains("give the place of the key"), "{problems:?}");
}
