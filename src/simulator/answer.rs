//! From a request to its reply: endpoint, key, answer.

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;

use super::{
    chaos, chat, envelope,
    faults::{self, Fault},
    habits::Habit,
    list::{PageRequest, Picked},
    messages,
    query::Ask,
    state::{AnsweredRequest, Simulation, Simulator},
    stored,
    wire::{Reply, Request, SimulatedEndpoint, SimulatedRefusal},
    world::SimulatedList,
};

/// The form of an empty list in some of the API's answers.
const NULL: &[u8] = br#"{"object":"list","data":null,"first_id":null,"last_id":null,"has_more":false}"#;

/// How many of the last requests are kept.
const SEEN_MAX: usize = 10_000;

impl Simulator {
    /// Answers one request. The clock decides what is visible; no time passes.
    pub fn answer(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        let mut state = self.state();
        let state = &mut *state;
        let (endpoint, id) = SimulatedEndpoint::of(&request.path);
        let target = request.target();
        let fault = state.faults.next(&target, endpoint, now, state.habits, &mut state.rng);
        let replied = match asked_model(request, endpoint, id) {
            Some(deployment) => {
                let key = request.bearer.as_deref();
                authorize(key, endpoint).and_then(|()| chat::answer(request, deployment, now))
            }
            None => {
                let body = state.route(request, endpoint, id, fault.as_ref(), now);
                body.map(|body| Reply::json(200, body))
            }
        };
        let mut reply = replied.unwrap_or_else(|refusal| refusal.reply());
        let slow = if let Some(Fault::Slow(time)) = fault { time } else { Duration::ZERO };
        if let Some(fault) = fault {
            faults::apply(fault, &mut reply);
        }
        state.add_headers(&mut reply, now);
        reply.latency += state.options.latency + slow;
        *state.counters.entry((endpoint, reply.status)).or_default() += 1;
        if state.seen.len() == SEEN_MAX {
            state.seen.pop_front();
        }
        state.seen.push_back(AnsweredRequest { target, status: reply.status });
        reply
    }
}

impl Simulation {
    fn route(
        &mut self,
        request: &Request,
        endpoint: SimulatedEndpoint,
        id: &str,
        fault: Option<&Fault>,
        now: i64,
    ) -> Result<Bytes, SimulatedRefusal> {
        authorize(request.bearer.as_deref(), endpoint)?;
        let list = match endpoint {
            SimulatedEndpoint::AuditLogs => SimulatedList::AuditLogs,
            SimulatedEndpoint::Completions => SimulatedList::Completions,
            SimulatedEndpoint::Completion => return stored::answer(self, request, id, now),
            SimulatedEndpoint::Messages if request.method == "GET" => {
                return messages::list(self, id, &request.query, now);
            }
            SimulatedEndpoint::Messages => return Err(stored::not_allowed("GET")),
            SimulatedEndpoint::AzureChat => {
                let message =
                    if request.method == "POST" { "Resource not found" } else { "Method not allowed" };
                return Err(SimulatedRefusal::new(404, Some("404"), message));
            }
            SimulatedEndpoint::Other => {
                let message = format!("Invalid URL ({} {})", request.method, request.path);
                return Err(SimulatedRefusal::new(404, None, message));
            }
        };
        if request.method != "GET" {
            return Err(stored::not_allowed("GET"));
        }
        let mut ask = match fault {
            Some(Fault::Unfiltered) => Ask { limit: 100, ..Ask::read(list, "", self.habits)? },
            Some(_) | None => Ask::read(list, &request.query, self.habits)?,
        };
        let habit = self.habits.has(Habit::Capped).then_some(chaos::CAP);
        let cap = if let Some(Fault::Capped(cap)) = fault { Some(*cap) } else { habit };
        ask.limit = ask.limit.min(cap.unwrap_or(usize::MAX));
        let (page, shows) = self.page(&ask, fault, now)?;
        let before = self.last_answer.insert(endpoint, Some(page.clone()).filter(|_| shows));
        match (fault, before.flatten()) {
            (Some(Fault::Earlier), Some(before)) => Ok(before),
            (Some(_) | None, _) => Ok(page),
        }
    }

    /// A page, and whether it shows a record.
    fn page(
        &mut self,
        ask: &Ask,
        fault: Option<&Fault>,
        now: i64,
    ) -> Result<(Bytes, bool), SimulatedRefusal> {
        if let Some(Fault::SamePage) = fault
            && let Some(page) = self.last_page.get(&ask.scope)
        {
            return Ok((page.clone(), true));
        }
        let page = PageRequest { world: &self.world, ask, habits: self.habits, now };
        let mut picked = page.pick(&mut self.rng)?;
        if self.habits.has(Habit::FullEnds) && picked.numbers.len() >= ask.limit {
            picked.has_more = false;
        }
        if self.habits.has(Habit::Turned) {
            picked.numbers.reverse();
        }
        match fault {
            Some(Fault::EmptyPage) => picked = Picked { numbers: Vec::new(), has_more: true },
            Some(Fault::Twice) => {
                picked.numbers = picked.numbers.iter().flat_map(|number| [*number; 2]).collect();
            }
            Some(Fault::Null) => return Ok((Bytes::from_static(NULL), false)),
            Some(_) | None => {}
        }
        let mut bodies: Vec<_> = picked.numbers.iter().map(|number| self.world.body(*number)).collect();
        let damaged;
        if let Some(Fault::Damaged) = fault
            && !bodies.is_empty()
        {
            let at = self.rng.random_range(0..bodies.len());
            damaged = chaos::damaged(bodies[at], &mut self.rng);
            bodies[at] = &damaged;
        }
        let null_edges = self.habits.has(Habit::NullEdges) || matches!(fault, Some(Fault::Damaged));
        let mut body = if let Some(Fault::Documents(count)) = fault {
            envelope::documents(&bodies, *count, picked.has_more, null_edges)
        } else {
            envelope::document(&bodies, picked.has_more, null_edges)
        };
        if self.habits.has(Habit::Pretty) {
            body = envelope::pretty(&body);
        }
        let (body, shows) = (Bytes::from(body), !bodies.is_empty());
        if shows {
            self.last_page.insert(ask.scope, body.clone());
        }
        Ok((body, shows))
    }

    /// The headers of every reply. A wrong key does not learn the organization.
    fn add_headers(&mut self, reply: &mut Reply, now: i64) {
        let date = faults::http_date(now.saturating_add(self.date_offset));
        let request_id = format!("req_{:032x}", self.rng.random::<u128>());
        reply.headers.extend([("date", date), ("x-request-id", request_id)]);
        if reply.status != 401 {
            reply.headers.extend([
                ("openai-organization", self.options.organization.clone()),
                ("openai-project", self.options.project.clone()),
                ("openai-processing-ms", self.rng.random_range(2..40).to_string()),
                ("openai-version", "2020-10-01".to_owned()),
            ]);
        }
    }
}

/// Whether a request asks a model to answer, and the deployment that a path of Azure names.
fn asked_model<'a>(request: &Request, endpoint: SimulatedEndpoint, id: &'a str) -> Option<Option<&'a str>> {
    if request.method != "POST" {
        return None;
    }
    match endpoint {
        SimulatedEndpoint::Completions => Some(None),
        // Without a version Azure finds nothing.
        SimulatedEndpoint::AzureChat => request.query.contains("api-version=").then_some(Some(id)),
        SimulatedEndpoint::AuditLogs
        | SimulatedEndpoint::Completion
        | SimulatedEndpoint::Messages
        | SimulatedEndpoint::Other => None,
    }
}

/// Only a key's class is checked; any key of the right class is valid.
fn authorize(key: Option<&str>, endpoint: SimulatedEndpoint) -> Result<(), SimulatedRefusal> {
    if endpoint == SimulatedEndpoint::AzureChat {
        // Azure's keys have no form.
        let denied = "Access denied due to invalid subscription key or wrong API endpoint.";
        return match key {
            Some(_) => Ok(()),
            None => Err(SimulatedRefusal::new(401, Some("401"), denied)),
        };
    }
    let after = |prefix: &str| key.and_then(|key| key.strip_prefix(prefix)).filter(|rest| !rest.is_empty());
    let (admin, any) = (after("sk-admin-").is_some(), after("sk-").is_some());
    if !any || key == Some("sk-admin-") {
        let message = match key {
            Some(_) => "Incorrect API key provided.",
            None => "Missing bearer authentication in header.",
        };
        return Err(SimulatedRefusal::new(401, Some("invalid_api_key"), message));
    }
    match endpoint {
        SimulatedEndpoint::AuditLogs if !admin => Err(SimulatedRefusal::missing_scope("api.audit_logs.read")),
        SimulatedEndpoint::Completions | SimulatedEndpoint::Completion | SimulatedEndpoint::Messages
            if admin =>
        {
            Err(SimulatedRefusal::missing_scope("model.request"))
        }
        SimulatedEndpoint::AuditLogs
        | SimulatedEndpoint::Completions
        | SimulatedEndpoint::Completion
        | SimulatedEndpoint::Messages
        | SimulatedEndpoint::AzureChat
        | SimulatedEndpoint::Other => Ok(()),
    }
}
