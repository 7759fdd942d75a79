//! Keys, paths, parameters and filters.

use super::*;

fn error(reply: &Reply) -> (u16, String, String) {
    let body = json(reply);
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    (reply.status, text("code"), text("param"))
}

fn small() -> Simulator {
    simulator(SimulatorOptions { audit_logs: 400, completions: 100, ..options("") })
}

#[test]
fn a_key_of_the_wrong_class_lacks_a_scope_and_is_never_echoed() {
    let simulator = small();
    for (target, key, code) in [
        (AUDIT, "sk-proj-secret", "missing_scope"),
        (CHAT, "sk-admin-secret", "missing_scope"),
        (AUDIT, "secret", "invalid_api_key"),
        (CHAT, "sk-", "invalid_api_key"),
        (AUDIT, "sk-admin-", "invalid_api_key"),
    ] {
        let reply = simulator.answer(&Request::get(target, key));
        assert_eq!(error(&reply), (401, code.to_owned(), String::new()), "{target} {code}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
        assert_eq!(reply.header("openai-organization"), None);
    }
    let no_key = Request { bearer: None, ..Request::get(AUDIT, "") };
    assert_eq!(error(&simulator.answer(&no_key)).1, "invalid_api_key");
}

#[test]
fn unknown_paths_are_404_and_other_methods_405() {
    let simulator = small();
    for path in ["/v1/models", "/v1/chat/completions/", "/v1/chat/completions/x/y", "/chat/completions", "/"]
    {
        assert_eq!(get(&simulator, path).status, 404, "{path}");
    }
    let put = Request { method: "PUT".to_owned(), ..Request::get(CHAT, PROJECT) };
    assert_eq!(error(&simulator.answer(&put)), (405, "method_not_supported".to_owned(), String::new()));
}

#[test]
fn every_reply_says_when_and_for_whom() {
    let simulator = small();
    simulator.date_offset(-60);
    let reply = get(&simulator, AUDIT);
    assert_eq!(reply.header("date"), Some("Mon, 02 Feb 2026 02:39:00 GMT"));
    assert_eq!(reply.header("openai-organization"), Some("org-simulated"));
    assert_ne!(reply.header("x-request-id"), get(&simulator, AUDIT).header("x-request-id"));
}

#[test]
fn a_parameter_that_makes_no_sense_is_a_400_that_names_it() {
    let simulator = small();
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("effective_at[gte]=soon", "effective_at[gte]"),
        ("effective_at=5", "effective_at"),
        ("tenant_only=maybe", "tenant_only"),
        ("tenant_only=true&event_types[]=tenant.user.invited&event_types[]=login.succeeded", "event_types"),
    ] {
        assert_eq!(
            error(&get(&simulator, &format!("{AUDIT}?{query}"))),
            (400, String::new(), param.to_owned())
        );
    }
    assert_eq!(error(&get(&simulator, &format!("{CHAT}?order=up"))).2, "order");
}

#[test]
fn the_window_is_cut_at_both_ends_with_raw_or_encoded_brackets() {
    let simulator = small();
    let mut all: Vec<_> =
        simulator.issued(SimulatedList::AuditLogs).into_iter().map(|(_, second)| second).collect();
    all.sort();
    let (low, high) = (all[100], all[130]);
    for (query, first, last) in [
        (format!("effective_at[gte]={low}&effective_at[lte]={high}"), low, high),
        (format!("effective_at%5Bgt%5D={low}&effective_at%5Blt%5D={high}"), low + 1, high - 1),
    ] {
        let seconds = seconds(&page(&simulator, &format!("{AUDIT}?limit=100&{query}")), "effective_at");
        assert!(!seconds.is_empty() && seconds.iter().all(|second| (first..=last).contains(second)));
    }
    simulator.set_habits("lte-ignored".parse().unwrap());
    let page = page(&simulator, &format!("{AUDIT}?limit=1&effective_at[lte]={low}"));
    assert!(seconds(&page, "effective_at")[0] > high);
}

#[test]
fn tenant_events_are_listed_apart_unless_the_parameter_is_unknown() {
    let is_tenant = |id: &String| !id.is_empty();
    let walk = |habits: &str, query: &str| {
        let simulator = simulator(SimulatorOptions { audit_logs: 400, ..options(habits) });
        walk_by_last_id(&simulator, &format!("{AUDIT}?limit=100&{query}"))
    };
    let (plain, tenant) = (walk("", "tenant_only=false"), walk("", "tenant_only=true"));
    assert!(tenant.iter().any(is_tenant) && plain.len() + tenant.len() == 400);
    assert!(tenant.iter().all(|id| !plain.contains(id)));
    assert_eq!(walk("tenant-ignore", "tenant_only=true").len(), 400);
    assert_eq!(walk("tenant-refuse", "").len(), 400);
    let refusing = simulator(options("tenant-refuse"));
    assert_eq!(error(&get(&refusing, &format!("{AUDIT}?tenant_only=true"))).2, "tenant_only");
}

#[test]
fn filters_keep_what_has_one_of_the_values() {
    let simulator = small();
    let kinds =
        page(&simulator, &format!("{AUDIT}?limit=100&event_types[]=user.added&event_types[]=user.deleted"));
    let kinds: BTreeSet<_> =
        kinds["data"].as_array().unwrap().iter().map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, BTreeSet::from([Some("user.added"), Some("user.deleted")]));

    let events = page(&simulator, &format!("{AUDIT}?limit=100"));
    let event = |with: &str| {
        let events = events["data"].as_array().unwrap();
        events.iter().find(|event| event.pointer(with).is_some_and(Value::is_string)).unwrap().clone()
    };
    for (name, pointer) in [
        ("actor_ids[]", "/actor/session/user/id"),
        ("actor_ids[]", "/actor/api_key/id"),
        ("actor_emails[]", "/actor/session/user/email"),
        ("project_ids[]", "/project/id"),
        ("resource_ids[]", "/user.added/id"),
    ] {
        let event = event(pointer);
        let value = event.pointer(pointer).unwrap().as_str().unwrap();
        let found = page(&simulator, &format!("{AUDIT}?limit=100&{name}={value}"));
        assert!(ids(&found).contains(&event["id"].as_str().unwrap().to_owned()), "{name}");
        assert!(ids(&found).len() < 400);
    }
    let team = page(&simulator, &format!("{CHAT}?metadata[team]=search&model=gpt-4.1-2025-04-14"));
    assert!(!ids(&team).is_empty());
    let fits = |one: &Value| one["metadata"]["team"] == "search" && one["model"] == "gpt-4.1-2025-04-14";
    assert!(team["data"].as_array().unwrap().iter().all(fits));
}

#[test]
fn requests_are_counted_and_remembered() {
    let simulator = small();
    get(&simulator, &format!("{AUDIT}?limit=3"));
    get(&simulator, &format!("{CHAT}?limit=0"));
    let counters = simulator.requests();
    assert_eq!(
        (counters[&(SimulatedEndpoint::AuditLogs, 200)], counters[&(SimulatedEndpoint::Completions, 400)]),
        (1, 1)
    );
    let seen = simulator.take_requests();
    assert_eq!((seen.len(), seen[0].target.as_str()), (2, "/v1/organization/audit_logs?limit=3"));
    assert!(simulator.take_requests().is_empty());
}
