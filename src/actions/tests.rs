//! Templates against alerts that were written to get out of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::connectors::{ParamLanguage, connector_type};

/// What an attacker may write into a name.
const ATTACKS: [&str; 9] = [
    "x\",\"admin\":true,\"y\":\"",
    "\\",
    "\"",
    "\n{\"index\":{}}\n",
    "a&admin=true&b=c%26d",
    "</p><script>alert(1)</script><a href='//evil'>",
    "<https://evil.example|Sign in> <!channel> & more",
    "/../../admin?x=1#y@evil.example",
    "{{ id }}{% raw %}\u{202e}\u{7}",
];

fn template(params: Value) -> Result<ParamsTemplate, Vec<TemplateError>> {
    let Value::Object(params) = params else { panic!("no table") };
    ParamsTemplate::new(params)
}

/// The parameters for an alert whose texts are this one, for a connector of this type.
fn rendered_for(type_id: &str, config: Value, params: Value, text: &str) -> Result<Value, TemplateError> {
    let (kind, Value::Object(config)) = (connector_type(type_id).unwrap(), config) else {
        panic!("no table")
    };
    let variables = [("title".to_owned(), Value::from(text)), ("event_count".to_owned(), 3.into())];
    let fields = [("Actor".to_owned(), text.to_owned()), ("A.b.c".to_owned(), "deep".to_owned())];
    let languages = |path: &str| kind.language(&config, path);
    let template = template(params).unwrap();
    template.check_languages(&languages)?;
    template.render(&languages, &variables.into_iter().collect(), &fields.into()).map(Value::Object)
}

fn webhook(content_type: &str, body: &str, text: &str) -> String {
    let config = json!({ "headers": { "content-TYPE": content_type } });
    let done = rendered_for(".webhook", config, json!({ "body": body }), text).unwrap();
    done["body"].as_str().unwrap().to_owned()
}

fn refused(type_id: &str, config: Value, params: Value) -> String {
    rendered_for(type_id, config, params, "a name").unwrap_err().to_string()
}

#[test]
fn values_are_put_into_texts_wherever_they_are() {
    let params = json!({
        "documents": [{ "text": "{{ title }}: {{event_count}} by {{ fields.Actor }}", "list": ["{{ fields.A.b.c }}", 7] }],
        "none": "[{{ fields.Other.member }}]", "kept": { "n": 1.5, "x": null },
    });
    let done = rendered_for(".index", json!({}), params, "<b> & \"quoted\"\n").unwrap();
    let wanted = json!({
        "documents": [{ "text": "<b> & \"quoted\"\n: 3 by <b> & \"quoted\"\n", "list": ["deep", 7] }],
        "none": "[]", "kept": { "n": 1.5, "x": null },
    });
    assert_eq!(done, wanted, "a document is data");
}

#[test]
fn no_value_changes_the_structure_of_json() {
    for attack in ATTACKS {
        let as_text = json!({ "body": r#"{"text":"{{ title }}"}"# });
        let as_value = json!({ "body": r#"{"text":{{ title | json }}}"# });
        let as_table = json!({ "body": { "text": "{{ title }}" } });
        for params in [as_text, as_value, as_table] {
            let is_table = params["body"].is_object();
            for content_type in
                ["application/json", "text/plain", ""].into_iter().take(if is_table { 1 } else { 3 })
            {
                let config = json!({ "headers": { "Content-Type": content_type } });
                let done = rendered_for(".webhook", config, params.clone(), attack).unwrap();
                let body: Value = serde_json::from_str(done["body"].as_str().unwrap()).unwrap();
                assert_eq!(body, json!({ "text": attack }), "{params} {content_type}");
            }
        }
        let details = json!({ "customDetails": r#"{"who":"{{ title }}","n":{{ event_count }}}"# });
        let done = rendered_for(".pagerduty", json!({}), details, attack).unwrap();
        let details: Value = serde_json::from_str(done["customDetails"].as_str().unwrap()).unwrap();
        assert_eq!(details, json!({ "who": attack, "n": 3 }));
    }
    let done = rendered_for(".webhook", json!({}), json!({ "{{ title }}": 1 }), ATTACKS[0]).unwrap();
    assert_eq!(done, json!({ "{{ title }}": 1 }), "names are no templates");
}

#[test]
fn no_value_adds_a_line_of_json() {
    let body = "{\"index\":{}}\n{\"text\":\"{{ title }}\",\"who\":{{ fields.Actor | json }}}\n";
    for attack in ATTACKS {
        for content_type in ["application/x-ndjson", "application/json", ""] {
            let body = webhook(content_type, body, attack);
            let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let wanted = [json!({ "index": {} }), json!({ "text": attack, "who": attack })];
            assert_eq!(lines, wanted, "{content_type}");
        }
    }
}

#[test]
fn no_value_adds_a_member_to_a_form() {
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    for attack in ATTACKS {
        let body = webhook(form, "text={{ title }}&payload={\"text\":{{ title | json }}}&n=3", attack);
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let wanted = [
            ("text".to_owned(), attack.to_owned()),
            ("payload".to_owned(), json!({ "text": attack }).to_string()),
            ("n".to_owned(), "3".to_owned()),
        ];
        assert_eq!(pairs, wanted);
    }
    let params = json!({ "body": "payload={\"text\":\"{{ title }}\"}" });
    let said = refused(".webhook", json!({ "headers": { "Content-Type": form } }), params);
    assert!(said.contains("`body`: has JSON in a form"), "{said}");
}

#[test]
fn no_value_is_markup_for_slack_a_mailbox_or_a_reader_of_xml() {
    for attack in ATTACKS {
        let params = json!({ "message": "<https://ours.example|{{ title }}> {{ fields.Actor }}" });
        let done = rendered_for(".slack", json!({}), params, attack).unwrap();
        let message = done["message"].as_str().unwrap();
        assert_eq!((message.matches('<').count(), message.matches('>').count()), (1, 1), "{message}");
        assert!(message.starts_with("<https://ours.example|") && !message.contains('\n'), "{message}");

        let params = json!({ "subject": "{{ title }}", "message": "{{ title }}\nend", "messageHTML": "<p title='{{ title }}'>{{ title }}</p>" });
        let done = rendered_for(".email", json!({}), params, attack).unwrap();
        let html = done["messageHTML"].as_str().unwrap();
        assert_eq!((html.matches('<').count(), html.matches('\'').count()), (2, 2), "{html}");
        assert_eq!(done["message"].as_str().unwrap().lines().count(), 2, "a value adds no line");
        assert!(!done["subject"].as_str().unwrap().chars().any(char::is_control));

        let xml = webhook("text/xml", "<a b=\"{{ title }}\"/>", attack);
        assert_eq!((xml.matches('<').count(), xml.matches('"').count()), (1, 2), "{xml}");
    }
}

#[test]
fn a_body_without_a_type_is_the_json_as_which_it_is_sent() {
    let body = json!({ "body": "\"{{ fields.Actor }}\"" });
    for attack in ATTACKS {
        let done = rendered_for(".webhook", json!({}), body.clone(), attack).unwrap();
        assert_eq!(serde_json::from_str::<Value>(done["body"].as_str().unwrap()).unwrap(), attack);
    }
    let said = refused(".webhook", json!({}), json!({ "body": "{{ title }}" }));
    assert!(said.starts_with("`body`: does not stay JSON"), "{said}");
}

#[test]
fn a_table_is_no_body_of_another_type_than_json() {
    let table = json!({ "body": { "text": "{{ title }}" } });
    for content_type in ["text/xml", "application/x-www-form-urlencoded", "text/plain"] {
        let config = json!({ "headers": { "Content-Type": content_type } });
        let said = refused(".webhook", config, table.clone());
        assert!(said.starts_with("`body`: is a table, which is sent as JSON"), "{content_type}: {said}");
    }
    assert!(rendered_for(".webhook", json!({}), table, "a").is_ok());
}

#[test]
fn no_value_changes_a_link_or_a_mention_of_slack() {
    for message in [
        "<https://x.example/?u={{ fields.Actor }}|open>",
        "{{ title }} <https://{{ fields.Actor | urlencode }}/|open>",
        "<{{ title }}>",
        "<@{{ title | urlencode }}> look",
    ] {
        let said = refused(".slack", json!({}), json!({ "message": message }));
        assert!(
            said.starts_with("`message`: has a value inside of a link or a mention"),
            "{message}: {said}"
        );
    }
    let message = "<https://x.example/?u={{ fields.Actor | urlencode }}|{{ title }}>{% if user %} <!here>{% endif %} 1 < 2";
    for attack in ATTACKS {
        let done = rendered_for(".slack", json!({}), json!({ "message": message }), attack).unwrap();
        let link = done["message"].as_str().unwrap().split('|').next().unwrap().trim_start_matches('<');
        let link = url::Url::parse(link).unwrap();
        assert_eq!(link.query_pairs().collect::<Vec<_>>(), [("u".into(), attack.into())]);
    }
}

#[test]
fn no_value_is_html_in_notes_of_servicenow() {
    let params = json!({ "subActionParams": {
        "incident": { "short_description": "{{ title }}", "additional_fields": { "work_notes": "{{ title }}" } },
        "comments": [{ "commentId": "1", "comment": "[code]<b>{{ title }}</b>[/code] {{ title }}" }],
    } });
    let done = rendered_for(".servicenow", json!({}), params, "[/CODE]é[code]<script>\n[cod").unwrap();
    let comment = done["subActionParams"]["comments"][0]["comment"].as_str().unwrap();
    let value = "(/CODE]é(code]<script> [cod";
    assert_eq!(comment, format!("[code]<b>{value}</b>[/code] {value}"));
    assert_eq!(done["subActionParams"]["incident"]["short_description"], value);
}

#[test]
fn no_value_leads_a_link_elsewhere() {
    let link = |href: &str| json!({ "links": [{ "href": href, "text": "{{ title }}" }] });
    for attack in ATTACKS {
        let given = link("https://siem.example/find/{{ title }}?q={{ fields.Actor }}");
        let done = rendered_for(".pagerduty", json!({}), given, attack).unwrap();
        let href = url::Url::parse(done["links"][0]["href"].as_str().unwrap()).unwrap();
        assert_eq!((href.host_str(), href.path_segments().unwrap().count()), (Some("siem.example"), 2));
        assert_eq!(href.query_pairs().collect::<Vec<_>>(), [("q".into(), attack.into())]);
        assert_eq!(href.fragment(), None);
    }
    for href in
        ["{{ title }}", "https://{{ title }}/x", "https://siem.example{{ title }}", "javascript:{{ title }}"]
    {
        let said = refused(".pagerduty", json!({}), link(href));
        assert!(said.contains("`links.0.href`: is no address whatever an alert says"), "{href}: {said}");
    }
}

#[test]
fn a_filter_escapes_for_a_language_inside_of_another() {
    for attack in ATTACKS {
        let body = r#"{"url":"https://a.example/?q={{ title | urlencode }}","html":"<b>{{ title | html }}</b>","slack":"{{ title | slack }}"}"#;
        let body: Value = serde_json::from_str(&webhook("application/json", body, attack)).unwrap();
        let url = url::Url::parse(body["url"].as_str().unwrap()).unwrap();
        assert_eq!(url.query_pairs().collect::<Vec<_>>(), [("q".into(), attack.into())]);
        assert_eq!(body["html"].as_str().unwrap().matches('<').count(), 2);
        assert!(!body["slack"].as_str().unwrap().contains('<'));
    }
    let twice = rendered_for(".email", json!({}), json!({ "messageHTML": "{{ title | html | html }}" }), "<")
        .unwrap();
    assert_eq!(twice["messageHTML"], "&amp;lt;", "no filter makes what another wrote harmless for good");
}

#[test]
fn what_an_alert_could_make_no_json_of_is_refused() {
    for body in [
        r#"{"text":{{ title }}}"#,
        r#"{"text":"{{ title }}""#,
        r#"{"text":"{{ title | json }}"}"#,
        r#"{"text":"a"}{% if user %},{% endif %}"#,
        r#"[{"text":{{ fields.Actor }}}]"#,
        "{\"index\":{}}\n{\"text\":{{ title }}}\n",
    ] {
        let errors = template(json!({ "body": body })).unwrap_err();
        assert!(errors[0].to_string().starts_with("`body`: does not stay JSON"), "{body}: {}", errors[0]);
    }
    let explicit = json!({ "headers": { "content-type": "application/json" } });
    let said = refused(".webhook", explicit, json!({ "body": "{{ title }}" }));
    assert!(said.starts_with("`body`: does not stay JSON"), "{said}");
    let said = refused(
        ".servicenow",
        json!({}),
        json!({ "subActionParams": { "incident": { "additional_fields": "{{ title }}" } } }),
    );
    assert!(said.contains("additional_fields`: does not stay JSON"), "{said}");
    for text in ["[high] {{ title }}", "{{ title }}", "{% if user %}{{ user }}{% endif %}", "[{{ level }}] x"]
    {
        assert!(template(json!({ "body": text, "message": text })).is_ok(), "{text}: plain text");
    }
}

#[test]
fn what_cannot_be_rendered_is_an_error_that_names_the_place() {
    for (text, words) in [
        ("{{ tittle }}", "unknown variable `tittle`; did you mean `title`?"),
        ("{{ fields }}", "unknown variable `fields`"),
        ("{{ title.x }}", "unknown variable `title.x`"),
        ("{{ title | nonsense }}", "unknown filter"),
        ("{{ title", "no template in line 1"),
        ("{{#title}}x{{/title}}", "a variable is written as {{ title }}"),
        ("{% include 'x' %}", "line 1"),
        ("{% for a in title %}{% for b in title %}{{ nonsense() }}{% endfor %}{% endfor %}", "nonsense"),
    ] {
        let errors = template(json!({ "body": { "lines": ["fine", text] } })).unwrap_err();
        assert_eq!(errors[0].place, "body.lines.1", "{text}");
        assert!(errors[0].reason.contains(words), "{text}: {}", errors[0].reason);
    }
}

#[test]
fn the_fields_that_texts_show_are_known() {
    let found = template(json!({ "a": ["{{ fields.Actor }} {{ title }}"], "b": "{{ fields.A.b.c }}" }));
    assert_eq!(found.unwrap().fields(), ["A.b.c".to_owned(), "Actor".to_owned()].into());
}

#[test]
fn a_text_that_becomes_too_long_is_refused() {
    let plain = |_: &str| ParamLanguage::Line;
    let of = |text: &str, length: usize| {
        let params = template(json!({ "text": text, "more": [text, text] })).unwrap();
        let variables = [("title".to_owned(), Value::from("x".repeat(length)))].into_iter().collect();
        params.render(&plain, &variables, &BTreeMap::new()).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(of("{{ title }}{{ title }}", 40 << 10), Err("`more.0`: the text becomes too long".to_owned()));
    assert_eq!(of("{{ title }}", 60 << 10), Err("`params`: the parameters become too long".to_owned()));
    assert_eq!(of("{{ title }}", 30 << 10), Ok(()));
}

#[test]
fn an_ordinary_alert_has_every_variable_in_its_usual_form() {
    let params = json!({
        "to": ["{{ user }}"], "subject": "{{ title }}", "message": "{{ fields.Actor }} from {{ address }} at {{ created_at }}",
    });
    let email = connector_type(".email").unwrap();
    let example = template(params).unwrap().example(&|path: &str| email.language(&Default::default(), path));
    let example = example.unwrap();
    assert_eq!(email.check_params(&example), Ok(()));
    assert_eq!(example["message"], "ann@example.com from 203.0.113.7 at 2026-11-28T12:00:00Z");
}
