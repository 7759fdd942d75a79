//! What follows from a failure of a sink's service.

use std::time::Duration;

use super::{Judgement, UNTRUSTED, back_off, park, secrets, wait};
use crate::sinks::remote::{RemoteError, RemoteErrorKind, Service};

/// A full disk is not emptied within seconds; frequent retries only add load.
const STORAGE_FULL_WAIT: Duration = Duration::from_secs(60);

/// Advice for the failures of a service, by kind. One per service.
struct Advice {
    unreachable: &'static str,
    not_understood: &'static str,
    unauthorized: &'static str,
    forbidden: &'static str,
    not_found: &'static str,
    place_at_fault: &'static str,
    refused: &'static str,
}

const NOT_UNDERSTOOD: &str = "is it the right URL? a proxy or a log-in page may be responding instead";
const KEY_REFUSED: &str = "check `auth`: the API key may have expired or been invalidated";

const LOGS_INGESTION: Advice = Advice {
    unreachable: "check network, DNS, proxy, firewall and certificates to the endpoint (*.ingest.monitor.azure.com)",
    not_understood: NOT_UNDERSTOOD,
    unauthorized: "the token is not accepted: do `cloud`, `scope` and `tenant_id` belong to the endpoint's cloud and tenant?",
    forbidden: "give the identity the role Monitoring Metrics Publisher on the data collection rule; a new assignment takes \
                up to 30 minutes to apply",
    not_found: "check endpoint, dcr_immutable_id and streams, and that the endpoint and the data collection rule belong together",
    place_at_fault: "check the data collection rule",
    refused: "check DCRLogErrors of the data collection rule, and give the request id to support",
};

const ENTRA: Advice = Advice {
    unreachable: "check network, DNS, proxy, firewall and certificates to the authority (login.microsoftonline.com)",
    not_understood: NOT_UNDERSTOOD,
    unauthorized: "check tenant_id, client_id and the secret: it may have expired",
    forbidden: "the tenant's policies refuse this identity a token: see conditional access",
    not_found: "check tenant_id and authority_host; for a managed identity, that the machine has one",
    place_at_fault: "check the data collection rule",
    refused: "look up the code at https://login.microsoftonline.com/error",
};

const ELASTICSEARCH: Advice = Advice {
    unreachable: "check network, DNS, proxy, firewall and certificates to `urls`",
    not_understood: "is it the right URL? a proxy or a log-in page may be responding instead; documents carry their ids, so a \
                     retry duplicates nothing",
    unauthorized: KEY_REFUSED,
    forbidden: "give the key the privileges create_doc and auto_configure on the index; on that of alerts index, auto_configure \
                and read",
    not_found: "check `urls` and `index`, or create the index (see `ccfd check --install`)",
    place_at_fault: "open the index, lift its block, or correct its name; nothing was rejected, the route resumes by itself",
    refused: "check the log of the cluster, or of the proxy in front of it",
};

const KIBANA: Advice = Advice {
    unreachable: "check network, DNS, proxy, firewall and certificates to `url`",
    not_understood: NOT_UNDERSTOOD,
    unauthorized: KEY_REFUSED,
    forbidden: "give the key the Kibana privilege \"Actions and Connectors: All\" in the space; if it is the type of \
                connector that is refused, enable .index in xpack.actions.enabledActionTypes",
    not_found: "check `url` and `space`",
    place_at_fault: "enable what is named, or check the connector and its index in Kibana; the route resumes by itself",
    refused: "check the log of Kibana, or of the proxy in front of it",
};

const KIBANA_CASES: Advice = Advice {
    unreachable: KIBANA.unreachable,
    not_understood: NOT_UNDERSTOOD,
    unauthorized: KEY_REFUSED,
    forbidden: "give the key the Kibana privilege \"Cases: All\" in the space, for each owner of cases that ccfd has (Stack \
                Management, Observability, Security)",
    not_found: KIBANA.not_found,
    place_at_fault: "check the cases of the space in Kibana; what waits is sent by itself",
    refused: KIBANA.refused,
};

fn advice(service: Service) -> &'static Advice {
    match service {
        Service::LogsIngestion => &LOGS_INGESTION,
        // Only verifications ask it; their reports have advice of their own.
        Service::LogAnalytics => &LOGS_INGESTION,
        Service::Entra => &ENTRA,
        Service::Elasticsearch => &ELASTICSEARCH,
        Service::Kibana => &KIBANA,
        Service::KibanaCases => &KIBANA_CASES,
    }
}

pub(super) fn judge(error: &RemoteError) -> Judgement {
    let advice = advice(error.service);
    match &error.kind {
        RemoteErrorKind::Unreachable(_) => back_off(advice.unreachable),
        RemoteErrorKind::Untrusted(_) => back_off(UNTRUSTED),
        RemoteErrorKind::Throttled { retry_after } => {
            wait(*retry_after, "the service accepts no more for now; nothing is lost")
        }
        RemoteErrorKind::Overloaded { retry_after, .. } => {
            wait(*retry_after, "the service recovers by itself; nothing is lost")
        }
        RemoteErrorKind::StorageFull { .. } => {
            wait(Some(STORAGE_FULL_WAIT), "free disk space on the nodes, or delete old indices")
        }
        RemoteErrorKind::Unauthorized { .. } => park(advice.unauthorized),
        RemoteErrorKind::Forbidden { .. } => park(advice.forbidden),
        RemoteErrorKind::PolicyDenied { .. } => park(
            "ccfd does not sign requests for AWS: let the access policy of the domain admit this machine, and set \
             `auth = { basic = … }` to a user of fine-grained access control whose role may write to the index; or \
             send through a proxy that signs (SigV4)",
        ),
        RemoteErrorKind::NotFound { .. } => park(advice.not_found),
        RemoteErrorKind::PlaceAtFault { .. } => park(advice.place_at_fault),
        RemoteErrorKind::RunFailed { .. } => back_off(
            "the system behind the service may be down or busy; nothing is lost, see the service's log",
        ),
        RemoteErrorKind::Refused { .. } => park(advice.refused),
        RemoteErrorKind::Intercepted { .. } => park(
            "a proxy or firewall responds instead: check its log for the rule or the access policy that \
             refuses; nothing was rejected, the route resumes by itself",
        ),
        RemoteErrorKind::NotUnderstood(_) => back_off(advice.not_understood),
        RemoteErrorKind::Unconfirmed { .. } => park(
            "a proxy changes the responses to writes: make it pass them unchanged; each retry may write the \
             same rows again, so retries are rare until then",
        ),
        RemoteErrorKind::Secret(none) => secrets::of_sink(none),
        RemoteErrorKind::Settings(_) => park("correct the setting"),
    }
}
