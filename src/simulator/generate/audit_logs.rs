//! Audit events: key order and fields as recorded, people and addresses invented.

use rand::{RngExt, rngs::StdRng};

use super::{base62, pick};
use crate::simulator::world::SimulatedHead;

/// Types with the value under the key that is named like the type; where it is empty there is no such key.
/// `@id`, `@user`, `@mail` stand for drawn ones.
const EVENTS: &[(&str, &str)] = &[
    ("login.succeeded", ""),
    ("logout.succeeded", "{}"),
    ("login.failed", r#"{"error_code":"invalid_credentials","error_message":"Wrong e-mail or password"}"#),
    ("api_key.created", r#"{"id":"key_@id","data":{"scopes":["api.model.read","model.request"]}}"#),
    ("api_key.updated", r#"{"id":"key_@id","changes_requested":{"scopes":["model.request"]}}"#),
    ("api_key.deleted", r#"{"id":"key_@id"}"#),
    ("invite.sent", r#"{"id":"invite-@id","data":{"email":"@mail","role":"reader"}}"#),
    ("invite.accepted", r#"{"id":"invite-@id"}"#),
    ("user.added", r#"{"id":"@user","data":{"role":"member"}}"#),
    ("user.updated", r#"{"id":"@user","changes_requested":{"role":"owner"}}"#),
    ("user.deleted", r#"{"id":"@user"}"#),
    ("service_account.created", r#"{"id":"user-@id","data":{"role":"member"}}"#),
    ("project.created", r#"{"id":"proj_@id","data":{"name":"search","title":"Search"}}"#),
    ("project.archived", r#"{"id":"proj_@id"}"#),
    ("group.created", r#"{"id":"group-@id","data":{"group_name":"Analysts"}}"#),
    (
        "organization.updated",
        r#"{"id":"org-@id","changes_requested":{"api_call_logging":"enabled_for_all_projects"}}"#,
    ),
    ("rate_limit.updated", r#"{"id":"rl-@id","changes_requested":{"max_requests_per_1_minute":5000}}"#),
    (
        "ip_allowlist.updated",
        r#"{"id":"ipal_@id","allowed_ips":["192.0.2.0/24","198.51.100.0/24","2001:db8::/48"]}"#,
    ),
    ("certificates.activated", r#"{"certificates":[{"id":"cert_@id","name":"edge"}]}"#),
    (
        "role.assignment.created",
        r#"{"id":"role-@id","principal_id":"@user","principal_type":"user","resource_id":"proj_@id","resource_type":"api.project"}"#,
    ),
    ("scim.enabled", r#"{"id":"scim-@id"}"#),
    ("tunnel.created", ""),
];

/// Types that are listed with `tenant_only=true` only.
const TENANT_EVENTS: &[(&str, &str)] = &[
    ("tenant.user.invited", r#"{"email":"@mail"}"#),
    ("tenant.policy.attached", r#"{"id":"policy-@id","principal_id":"@user"}"#),
    ("tenant.sso_connection.setup.started", ""),
    ("tenant.admin_api_key.created", r#"{"id":"key_@id"}"#),
    (
        "role.bound_to_resource",
        r#"{"id":"role-@id","role_id":"role-@id","resource_type":"connector","permissions":["read"],"enabled":true,"source":"role_toggle"}"#,
    ),
];

const PEOPLE: &[&str] = &[
    "ada",
    "alan",
    "annie",
    "barbara",
    "claude",
    "dennis",
    "donald",
    "edsger",
    "frances",
    "grace",
    "hedy",
    "jean",
    "john",
    "karen",
    "katherine",
    "ken",
    "leslie",
    "margaret",
    "niklaus",
    "radia",
    "tim",
    "tony",
];

const PROJECTS: &[(&str, &str)] = &[
    ("proj_7QmT2vKc9XwLs4RbYh8NzE1d", "Default project"),
    ("proj_Lk3BpV6tJx0WqMz5GfRc8UaY", "support-assistant"),
    ("proj_d9HnS2eCyT7oPi4KvXl1QbWm", "search"),
];

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.6 Safari/605.1.15",
    "python-requests/2.32.5",
    "Go-http-client/2.0",
];

/// Numbers are JSON strings here, as on the wire.
const PLACES: &[&str] = &[
    r#"{"country":"IN","city":"Mumbai","region":"Maharashtra","region_code":"MH","asn":"55256","latitude":"19.07283","longitude":"72.88261"}"#,
    r#"{"country":"DE","city":"Berlin","region":"Land Berlin","region_code":"BE","asn":"3320","latitude":"52.52437","longitude":"13.41053"}"#,
    r#"{"country":"US","city":"Portland","region":"Oregon","region_code":"OR","asn":"7922","latitude":"45.52345","longitude":"-122.67621"}"#,
];

/// Writes one event. About 550 bytes on average; one in twenty is tenant-scoped.
pub(super) fn write(rng: &mut StdRng, second: i64, out: &mut Vec<u8>) -> SimulatedHead {
    let id = format!("audit_log-{}", base62(rng, 24));
    let events = if rng.random_ratio(1, 20) { TENANT_EVENTS } else { EVENTS };
    let (kind, payload) = if rng.random_ratio(1, 8) { &events[0] } else { pick(rng, events) };
    let head =
        format!(r#"{{"object":"organization.audit_log","id":"{id}","type":"{kind}","effective_at":{second}"#);
    out.extend_from_slice(head.as_bytes());
    if rng.random_ratio(1, 3) {
        let (project, name) = pick(rng, PROJECTS);
        let project = format!(r#","project":{{"id":"{project}","name":"{name}"}}"#);
        out.extend_from_slice(project.as_bytes());
    }
    out.extend_from_slice(br#","actor":"#);
    match rng.random_range(0..20) {
        0 => out.extend_from_slice(b"null"),
        1..=2 => write_key(rng, out),
        _ => write_session(rng, out),
    }
    if !payload.is_empty() {
        let payload = payload.replace("@id", &base62(rng, 20));
        let payload = payload.replace("@user", &user_id(rng)).replace("@mail", &mail(rng));
        out.extend_from_slice(format!(r#","{kind}":{payload}"#).as_bytes());
    }
    out.push(b'}');
    SimulatedHead { id: Some(id), r#type: Some((*kind).to_owned()), ..SimulatedHead::default() }
}

fn write_session(rng: &mut StdRng, out: &mut Vec<u8>) {
    let (user, mail, agent) = (user_id(rng), mail(rng), pick(rng, AGENTS));
    let (network, host) = (pick(rng, &["192.0.2", "198.51.100", "203.0.113"]), rng.random_range(1..255));
    let (ja3, ja4) = (rng.random::<u128>(), rng.random::<u128>());
    let (ja4_b, ja4_c) = ((ja4 >> 80) as u64 & 0xffff_ffff_ffff, ja4 as u64 & 0xffff_ffff_ffff);
    let details = match rng.random_ratio(2, 5) {
        true => format!(r#","ip_address_details":{}"#, pick(rng, PLACES)),
        false => String::new(),
    };
    let session = format!(
        concat!(
            r#"{{"type":"session","session":{{"user":{{"id":"{user}","email":"{mail}"}},"ip_address":"{network}.{host}","#,
            r#""user_agent":"{agent}","ja3":"{ja3:032x}","ja4":"t13d1516h2_{ja4_b:012x}_{ja4_c:012x}"{details}}}}}"#
        ),
        user = user,
        mail = mail,
        network = network,
        host = host,
        agent = agent,
        ja3 = ja3,
        ja4_b = ja4_b,
        ja4_c = ja4_c,
        details = details,
    );
    out.extend_from_slice(session.as_bytes());
}

fn write_key(rng: &mut StdRng, out: &mut Vec<u8>) {
    let (key, user) = (base62(rng, 16), user_id(rng));
    let actor = if rng.random() {
        let mail = mail(rng);
        format!(r#""type":"user","user":{{"id":"{user}","email":"{mail}"}}"#)
    } else {
        format!(r#""type":"service_account","service_account":{{"id":"{user}"}}"#)
    };
    out.extend_from_slice(
        format!(r#"{{"type":"api_key","api_key":{{"id":"key_{key}",{actor}}}}}"#).as_bytes(),
    );
}

fn user_id(rng: &mut StdRng) -> String {
    format!("user-{}", base62(rng, 24))
}

fn mail(rng: &mut StdRng) -> String {
    format!("{}.{}@example.com", pick(rng, PEOPLE), rng.random_range(10..100))
}
