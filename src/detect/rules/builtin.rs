//! The rules that ccfd has, and the events on which they are tried.

/// A built-in file of rules.
#[derive(Debug)]
pub(super) struct BuiltinRule {
    /// Its name without the ending.
    pub stem: &'static str,
    pub text: &'static str,
    /// Files of events, by name.
    pub events: &'static [(&'static str, &'static str)],
}

/// A file of rules, and the events beside it that must and must not alert.
macro_rules! builtin {
    ($($stem:literal,)*) => {
        [$(BuiltinRule {
            stem: $stem,
            text: include_str!(concat!("../starter_pack/", $stem, ".yml")),
            events: &[
                (
                    concat!($stem, ".alerts.ndjson"),
                    include_str!(concat!("../starter_pack/", $stem, ".alerts.ndjson")),
                ),
                (
                    concat!($stem, ".quiet.ndjson"),
                    include_str!(concat!("../starter_pack/", $stem, ".quiet.ndjson")),
                ),
            ],
        },)*]
    };
}

/// All built-in files.
pub(super) static BUILTIN: [BuiltinRule; 27] = builtin![
    "admin_key_created_or_changed",
    "api_key_with_wide_scopes",
    "brute_force_that_worked",
    "burst_of_new_credentials",
    "call_logging_reduced",
    "content_filter_burst",
    "custom_role_gains_permissions",
    "dangerous_tool_call",
    "external_encryption_key_removed",
    "ip_allowlist_opened_wide",
    "ip_allowlist_removed",
    "jailbreak_or_injection_wording",
    "limits_lifted",
    "mass_deletion",
    "mtls_certificate_off",
    "one_account_from_many_addresses",
    "one_address_many_accounts",
    "owner_or_admin_role_granted",
    "person_from_outside_invited",
    "scim_switched_off",
    "scripted_client_on_the_control_plane",
    "secret_in_prompt_or_answer",
    "service_account_then_key",
    "single_sign_on_changed",
    "token_spike",
    "two_countries_within_an_hour",
    "workload_identity_trust_added",
];

/// The events of a test of a built-in rule: a file of records, a line each.
pub fn builtin_events(name: &str) -> Option<&'static str> {
    let mut files = BUILTIN.iter().flat_map(|rule| rule.events);
    files.find(|(file, _)| *file == name).map(|(_, events)| *events)
}

/// Every file of the built-in rules, to be written out and edited: its name, and what is in it.
pub fn builtin_files() -> impl Iterator<Item = (String, &'static str)> {
    BUILTIN.iter().flat_map(|rule| {
        let events = rule.events.iter().map(|(name, events)| ((*name).to_owned(), *events));
        std::iter::once((format!("{}.yml", rule.stem), rule.text)).chain(events)
    })
}
