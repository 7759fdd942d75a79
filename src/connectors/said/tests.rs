use std::fmt::Write as _;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use proptest::prelude::*;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::*;

fn hidden(secret: &str) -> Hidden {
    Hidden::of(&ConnectorSecrets([("password".to_owned(), secret.into())].into()))
}

fn json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn json_in_ascii(text: &str) -> String {
    text.encode_utf16().fold(String::new(), |mut text, half| {
        write!(text, "\\u{half:04x}").unwrap();
        text
    })
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    })
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;").replace('\'', "&#x27;")
}

fn form(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// Every form in which a server may repeat a secret.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        json(secret),
        json(&json(secret)),
        json_in_ascii(secret),
        json(secret).replace('/', "\\/"),
        percent(secret),
        percent(secret).to_lowercase(),
        percent(secret).replace('%', "%25"),
        form(secret),
        html(secret),
        html(&html(secret)),
    ];
    for before in ["", "u", "us", "user:", "\0user\0"] {
        for behind in ["", "x", "\0\u{ff}"] {
            let bytes = format!("{before}{secret}{behind}");
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                let base64 = engine.encode(&bytes);
                forms.extend([form(&base64), json(&base64).replace('/', "\\/"), base64]);
            }
        }
    }
    forms
}

/// Any text, and many with characters that are escaped somewhere.
fn any_secret() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(
            proptest::sample::select(vec![
                'a', 'b', '"', '\\', '/', '%', '+', '&', '<', '\'', ' ', '\t', '\n', '=', '2', '5', 'é',
                '😀', 'u', ':'
            ]),
            1..12
        )
        .prop_map(String::from_iter),
    ]
}

proptest! {
    #[test]
    fn a_secret_in_any_form_is_replaced_as_a_whole(secret in any_secret()) {
        let secret = secret.trim_matches(is_blank);
        prop_assume!(!secret.is_empty() && !secret.contains(['⟦', '⟧']));
        let hidden = hidden(secret);
        for form in forms(secret) {
            let said = hidden.said_within(&format!("⟦{form}⟧"), usize::MAX);
            prop_assert!(said == "⟦[secret]⟧" || said == WITHHELD, "{form:?} -> {said:?}");
        }
    }

    #[test]
    fn a_secret_is_in_nothing_that_comes_out(secret in any_secret(), before in any::<String>(), behind in any::<String>()) {
        let shown = one_line(&secret, usize::MAX);
        prop_assume!(!shown.is_empty());
        let hidden = hidden(&secret);
        for form in forms(&secret) {
            let said = hidden.said_within(&format!("{before}{form}{behind}"), usize::MAX);
            let is_shown = said != WITHHELD && said.split(SECRET).any(|piece| piece.contains(&shown));
            prop_assert!(!is_shown, "{form:?} -> {said:?}");
        }
    }
}

#[test]
fn a_secret_that_comes_back_is_not_repeated() {
    let said = |text: &str| hidden("hunter22").said(text);
    assert_eq!(said("bad password hunter22 or aHVudGVyMjI="), "bad password [secret] or [secret]");
    let basic = format!("Authorization: Basic {} is wrong", STANDARD.encode("me:hunter22"));
    assert_eq!(said(&basic), "Authorization: Basic [secret] is wrong");
    assert_eq!(said("the hunter is 22"), "the hunter is 22");
}

#[test]
fn nothing_is_left_of_a_secret_beside_a_longer_one() {
    let hidden = hidden("abcd").and("abcdefgh").and("ghijk").and_as("ana@example.com", "[address]");
    assert_eq!(hidden.said("<abcdefghijk>"), "<[secret]>");
    assert_eq!(hidden.said("<abcdabcd> ana@example.com"), "<[secret][secret]> [address]");
}

#[test]
fn a_text_that_has_a_short_secret_is_not_shown() {
    let hidden = hidden("ab");
    for text in ["about", "bad password ab", "a%62", "Basic dTphYg=="] {
        assert_eq!(hidden.said(text), WITHHELD, "{text}");
    }
    assert_eq!(hidden.said("no such user"), "no such user");
}

#[test]
fn each_text_of_a_secret_that_is_an_object_is_a_secret() {
    let hidden = hidden(r#"{"Authorization":"Token 12345678","X-Key":"abcdef"}"#);
    assert_eq!(hidden.said("got abcdef and Token 12345678"), "got [secret] and [secret]");
}

#[test]
fn a_page_of_control_characters_becomes_one_short_line() {
    let text = format!("<html>\r\n\u{1b}[31m\u{202e}{}", "é ".repeat(10_000));
    let said = hidden("hunter22").said(&text);
    assert!(said.starts_with("<html> [31m é é"), "{said}");
    assert_eq!(said.chars().count(), CHARS_MAX + 1);
    assert!(!said.chars().any(char::is_control));
}

#[test]
fn a_secret_at_the_end_of_what_is_looked_at_is_found_whole() {
    for at in LOOKED_AT - 20..LOOKED_AT + 2 {
        let text = format!("{}{}", "é".repeat(at / 2), percent("hunter22"));
        let said = hidden("hunter22").said_within(&text, usize::MAX);
        assert!(!said.contains("%68"), "{at}: {}", &said[said.len() - 40..]);
        assert!(said.ends_with('…') || said.ends_with(SECRET), "{at}");
    }
}

#[test]
fn an_address_is_hidden_however_it_is_spelled() {
    let hidden = hidden("hunter22").and_as("Ada.King@Example.com", ADDRESS);
    let said = |text: &str| hidden.said(text);
    for address in [
        "Ada.King@Example.com",
        "ada.king@example.com",
        "ada.king+alerts@example.com",
        "ADA.KING%40EXAMPLE.COM",
        "ada%2Eking%2540example%2Ecom",
        "ada.king&#64;example.com",
        "ada.king&commat;example.com",
        r"ada.king\u0040example.com",
        r"ada.king\\u0040example.com",
        "\"ada king\"@example.com",
        "ada.king@xn--bcher-kva.example",
        "adé@büchér.example",
        "ada.king@[192.0.2.7]",
        "ada@mail",
        r"ad\u0061\u002eking\u0040example.com",
        "ada&#46;king&#64;example.com",
        "ada&amp;period;king&amp;commat;example&period;com",
        "ada&eacute;king@example.com",
        "o&#39;brien@example.com",
        r"o\'brien@example.com",
        r#"\"ada king\"@example.com"#,
        r#""ada\"king"@example.com"#,
        "&quot;ada king&quot;@example.com",
        "ada.king＠example.com",
        "ada.king﹫example.com",
        "a\u{308}da@example.com",
        "क्षि@क्षि.in",
        "ada.king@\u{ad}example.com",
        "ada.king @ example.com",
        "ada.king @example.com",
        "ada.king@ example.com",
        "ada.king @ mail",
        "ada.king%20@%20example.com",
        "ada.king&nbsp;@&nbsp;example.com",
        "ada.king(of the office)@example.com",
        "ada.king (of the (old) office) @ example.com",
        "ada.king&#40;office&#41;@example.com",
        "ada.king@(office)example.com",
        "ada.king=40example.com",
        "ada=2Eking=40example=2Ecom",
        "ada.king=3D40example.com",
        "ada.king&#0000064;example.com",
        "ada.king&#00064example.com",
        "ada.king&#x40;example&#46com",
        "ada.king%u0040example.com",
        "ada.king\\100example.com",
        "ada.king&#x00000000000040;example.com",
        "ada&#00000046;king&amp;#0000064;example.com",
        "&#0097;&#0100;&#0097;&#0046;&#0107;&#0105;&#0110;&#0103;&#0064;mail",
    ] {
        for (before, behind) in
            [("<", "> unknown"), ("no mailbox ", ""), ("&lt;", "&gt;"), ("to:", ", later.")]
        {
            let found = said(&format!("{before}{address}{behind}"));
            assert_eq!(found, format!("{before}[address]{behind}"), "{address}");
        }
    }
    assert_eq!(said("unknown: ada@example.com."), "unknown: [address].");
    assert_eq!(said("mail for &lt;ada@a.example&gt;,bob@b.example"), "mail for &lt;[address]&gt;,[address]");
    assert_eq!(said("(smtp;ada@a.example) “bob@b.example”"), "(smtp;[address]) “[address]”");
    for text in [
        "@channel is unknown",
        "wait @ 5",
        "100% @home",
        "user@",
        "user@ is unknown",
        "a%4g",
        "timeout=40ms",
        "size=4096.5 kB",
        "failed (see above) @ 5.30",
        "&#0;&#;&#x;&#99999999;",
    ] {
        assert_eq!(said(text), text);
    }
}

#[test]
fn an_address_at_the_end_of_what_is_looked_at_is_found_whole() {
    for at in LOOKED_AT - 20..LOOKED_AT + 2 {
        let text = format!("{} ada.king@example.com", "é".repeat(at / 2));
        let said = hidden("hunter22").said_within(&text, usize::MAX);
        assert!(!said.contains("ada"), "{at}: {}", &said[said.len() - 40..]);
    }
}

#[test]
fn a_text_with_thousands_of_addresses_is_looked_at_in_time() {
    let begun = std::time::Instant::now();
    for text in [
        "a@".repeat(8_000),
        "%40".repeat(5_000),
        "a".repeat(8_000) + "@" + &"a".repeat(8_000),
        "\\".repeat(16_000),
        "&amp;".repeat(3_000) + "@x",
        "&amp;lt;@x".repeat(1_600),
        "\"@x".repeat(5_000),
        "\\\"@x".repeat(4_000),
        ")".repeat(8_000) + "@x",
        "@(".repeat(8_000),
        ")@".repeat(8_000),
        "@[".repeat(8_000),
        ")@(".repeat(5_000),
        "a)(@ (".repeat(2_500),
        "=40".repeat(5_000),
        "&#".to_owned() + &"0".repeat(16_000),
        "&#000;@".repeat(2_000),
        ";".repeat(8_000) + "@x.y",
    ] {
        hidden("hunter22").said(&text);
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn the_parts_of_an_address_are_hidden_and_what_every_address_has_is_not() {
    let url = "https://h.example/services/a%2Fb+c=d%20e/v1/chat/completions?api-version=2026-01-01&key=x%20y%26zz&token%21%21";
    let hidden = Hidden::one(None).and_address(&Url::parse(url).unwrap());
    let path_and_query = url.strip_prefix("https://h.example").unwrap();
    let said = "no /services/[secret]/v1/chat/completions?api-version=2026-01-01&key=[secret]&[secret]";
    assert_eq!(hidden.said(&format!("no {path_and_query}")), said);
    assert_eq!(hidden.said("a/b+c=d e, x y&zz, token!!"), "[secret], [secret], [secret]");
}

#[test]
fn what_was_sent_is_hidden_where_it_is_repeated() {
    let hidden = Hidden::one(None).and_body(br#"{"title":"Owner role granted","by":"ann"}"#);
    assert_eq!(hidden.said("unknown group: Owner role granted (x)"), "unknown group: [body] (x)");
    let with_address = hidden.clone().and_body(b"Owner role granted to ann@example.com and others");
    assert_eq!(with_address.said("granted to ann@example.com and so"), "[address] so");
    assert_eq!(hidden.said(r#"bad: {"title":"Owner role granted","by":"ann"}"#), r#"bad: {"[body]"}"#);
}
