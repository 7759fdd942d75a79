//! Records for rules to judge.

/// What an organization does all day: one record in a hundred is a login that failed, which parts of three rules match. The
/// others match none: keys act, and sessions from addresses of no known country.
pub fn few_match(number: u64, second: i64) -> String {
    let person = number % 5_000;
    if number.is_multiple_of(100) {
        let details = r#"{"error_code":"invalid","error_message":"denied"}"#;
        return event(number, second, "login.failed", &session(person, number, "null", BROWSER), details);
    }
    let details = r#"{"id":"proj_1","changes_requested":{"title":"A new title of a project"}}"#;
    let actor = match number % 2 {
        0 => session(person, number, "null", BROWSER),
        _ => format!(
            r#"{{"type":"api_key","api_key":{{"type":"user","id":"key_{person}","user":{{"id":"user-{person}","email":"person-{person}@example.com"}}}}}}"#
        ),
    };
    event(number, second, "project.updated", &actor, details)
}

/// People at work: each record is of a session with a country, which a part of `two_countries_within_an_hour` matches.
pub fn sessions(number: u64, second: i64) -> String {
    let person = number % 5_000;
    let details = r#"{"id":"proj_1","changes_requested":{"title":"A new title of a project"}}"#;
    event(number, second, "project.updated", &session(person, person, "\"DE\"", BROWSER), details)
}

/// Kinds that rules look into, of which no event matches only because it is one.
const LOOKED_INTO: [&str; 8] = [
    "api_key.updated",
    "role.assignment.created",
    "role.updated",
    "user.updated",
    "organization.updated",
    "ip_allowlist.updated",
    "service_account.updated",
    "project.updated",
];

/// What is meant to break a judge, see [`hostile_of`], of which one record in a hundred matches and alerts.
pub fn hostile_few(number: u64, second: i64) -> String {
    hostile_of(LOOKED_INTO[(number % 8) as usize], number, second)
}

/// The same with two kinds in ten that match parts of rules by their type.
pub fn hostile(number: u64, second: i64) -> String {
    let kind = match number % 10 {
        0 => "api_key.created",
        1 => "invite.sent",
        other => LOOKED_INTO[(other - 2) as usize],
    };
    hostile_of(kind, number, second)
}

/// Control characters of terminals, HTML, deep nesting, keys with dots, agents of 5 MB. One agent in a hundred is a script.
fn hostile_of(kind: &str, number: u64, second: i64) -> String {
    let agent = match number {
        number if number % 100_000 == 99_999 => "\\u001b[2J".repeat(5 << 17),
        number if number % 100 == 50 => "curl/8.5.0".to_owned(),
        _ => format!("<script>alert({number})</script>\\u001b[31m\\u202e\\u0000 Mozilla/5.0"),
    };
    let deep = format!("{}1{}", "{\"a.b\":[".repeat(12), "]}".repeat(12));
    let details = format!(
        r#"{{"id":"<b>{number}</b>","data.scopes":"all","data":{{"scopes":["\u001b]0;all\u0007"],"role":"<i>mem\u0000ber</i>","email":"kim@example.com"}},"changes_requested":{{"a.b.c":{deep}}},"permissions_added":["../../x"]}}"#
    );
    event(number, second, kind, &session(number % 50_000, number, "\"<b>\"", &agent), &details)
}

/// What an attacker does to keep a judge busy: each record matches several rules, and each second one is of a new person.
pub fn flood(number: u64, second: i64) -> String {
    let kinds = [
        ("login.failed", "{}"),
        ("login.failed", "{}"),
        ("login.failed", "{}"),
        ("login.succeeded", "{}"),
        ("api_key.created", r#"{"id":"key_1","data":{"scopes":["all","api.management.read"]}}"#),
        (
            "role.assignment.created",
            r#"{"id":"role_assignment_role-api-organization-owner__x","principal_id":"user-1"}"#,
        ),
        ("user.deleted", r#"{"id":"user-2"}"#),
        ("invite.sent", r#"{"id":"invite-1","data":{"email":"kim@example.net","role":"owner"}}"#),
    ];
    let (kind, details) = kinds[(number % 8) as usize];
    // Half of all are about one person, from ever new addresses; the others are about ever new people.
    let person = if number.is_multiple_of(2) { 0 } else { number };
    let country = if number.is_multiple_of(3) { "\"DE\"" } else { "\"US\"" };
    event(number, second, kind, &session(person, number, country, "curl/8.5.0"), details)
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn session(person: u64, address: u64, country: &str, agent: &str) -> String {
    format!(
        concat!(
            r#"{{"type":"session","session":{{"user":{{"id":"user-{person}","email":"person-{person}@example.com"}},"#,
            r#""ip_address":"198.51.{high}.{low}","user_agent":"{agent}","#,
            r#""ip_address_details":{{"country":{country},"city":"A city","asn":"64500"}}}}}}"#
        ),
        person = person,
        agent = agent,
        country = country,
        high = address / 256 % 256,
        low = address % 256,
    )
}

fn event(number: u64, second: i64, kind: &str, actor: &str, details: &str) -> String {
    format!(
        concat!(
            r#"{{"object":"organization.audit_log","id":"audit_log-{number:024}","type":"{kind}","effective_at":{second},"#,
            r#""project":null,"actor":{actor},"{kind}":{details}}}"#
        ),
        number = number,
        kind = kind,
        second = second,
        actor = actor,
        details = details
    )
}
