use secrecy::ExposeSecret;

use super::*;

fn base_url(url: &str) -> Result<String, Vec<String>> {
    let text = with_keys(&format!("base_url = \"{url}\""));
    load(&text)
        .map(|config| config.collectors["acme-audit"].base_url.to_string())
        .map_err(|_| problems(&text))
}

#[test]
fn http_goes_to_this_machine_only() {
    for url in
        ["http://127.0.0.1:8080/v1", "http://127.9.9.9/v1", "http://[::1]:1/v1", "http://localhost:99/v1"]
    {
        assert_eq!(base_url(url).as_deref(), Ok(url));
    }
    for url in [
        "http://api.openai.com/v1",
        "http://localhost.example.com/v1",
        "http://128.0.0.1/v1",
        "http://[::2]/v1",
    ] {
        assert_eq!(
            base_url(url).unwrap_err(),
            [
                "`collector.acme-audit.base_url` in ccfd.toml: http is only allowed to this machine (localhost, \
              127.0.0.0/8, ::1); use https"
            ]
        );
    }
}

#[test]
fn a_slash_at_the_end_of_the_base_url_makes_no_difference() {
    assert_eq!(base_url("https://eu.api.openai.com/v1/"), base_url("https://eu.api.openai.com/v1"));
}

#[test]
fn a_base_url_with_more_than_a_path_is_refused_without_being_shown() {
    let path = "`collector.acme-audit.base_url` in ccfd.toml";
    for url in ["https://user:pass@api.openai.com/v1", "https://sk-1@api.openai.com/v1"] {
        assert_eq!(
            base_url(url).unwrap_err(),
            [format!("{path}: a base URL contains no user name or password; secrets have their own keys")]
        );
    }
    for url in ["https://api.openai.com/v1?key=secret", "https://api.openai.com/v1#x"] {
        assert_eq!(
            base_url(url).unwrap_err(),
            [format!("{path}: a base URL ends with its path, without `?` or `#`")]
        );
    }
}

#[test]
fn something_that_is_no_web_address_is_refused() {
    for url in ["api.openai.com/v1", "ftp://api.openai.com", "https://", "mailto:x"] {
        assert_eq!(
            base_url(url).unwrap_err(),
            [format!(
                "`collector.acme-audit.base_url` in ccfd.toml: expected an https URL such as \
                 \"https://api.openai.com/v1\", found {url:?}"
            )]
        );
    }
}

#[test]
fn the_debug_form_of_the_settings_shows_no_password_and_no_address() {
    let keys = "proxy = \"http://bob@proxy.example.com:3128\"\nactor_emails = [\"eve@example.com\"]";
    let config = load(&with_keys(keys)).unwrap();
    let shown = format!("{config:?}");
    for private in ["bob", "eve@example.com"] {
        assert!(!shown.contains(private), "{shown}");
    }
    assert!(shown.contains("Proxy(http://proxy.example.com:3128)"), "{shown}");
}

#[test]
fn the_password_of_a_proxy_comes_from_where_secrets_are_kept() {
    let config = load(&with_keys("proxy = { env = \"PROXY\" }")).unwrap();
    let proxy = config.collectors["acme-audit"].connection.proxy.as_ref().unwrap();
    let url = "http://bob:hunter2@proxy.example.com:3128/";
    let resolved = proxy.url(&environment(&[("PROXY", url)])).unwrap();
    assert_eq!(resolved.expose_secret(), url);
    assert!(!format!("{config:?}").contains("hunter2"));
    let error = proxy.url(&environment(&[("PROXY", "bob:hunter2@proxy.example.com:3128")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "environment variable PROXY contains no proxy URL such as http://user:password@proxy.example.com:3128"
    );
}

#[test]
fn a_password_of_a_proxy_that_is_written_down_is_refused_and_not_repeated() {
    assert_eq!(
        problems(&with_keys("proxy = \"http://bob:hunter2@proxy.example.com:3128\"")),
        [
            "`collector.acme-audit.proxy` in ccfd.toml: a password must not be in the settings: keep the whole URL elsewhere \
             and give its place, as with a key: { env = \"NAME\" }, { file = \"/path\" } or { credential = \"name\" }"
        ]
    );
}

#[test]
fn a_faulty_proxy_is_refused_without_its_password() {
    assert_eq!(
        problems(&with_keys("proxy = \"socks5://bob:hunter2@proxy:1080\"")),
        [
            "`collector.acme-audit.proxy` in ccfd.toml: expected a proxy URL such as \"http://proxy.example.com:3128\", \
          found text (not shown)"
        ]
    );
}
