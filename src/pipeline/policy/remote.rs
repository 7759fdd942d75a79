//! What follows from a failure of a service that a sink speaks to.

use std::time::Duration;

use super::{Judgement, UNTRUSTED, back_off, park, wait};
use crate::sinks::remote::{RemoteError, RemoteErrorKind, Service};

/// A full disk is not emptied within seconds; asking often only adds to the load.
const STORAGE_FULL_WAIT: Duration = Duration::from_secs(60);

pub(super) fn judge(error: &RemoteError) -> Judgement {
    match &error.kind {
        RemoteErrorKind::Unreachable(_) => unreachable(error.service),
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
        RemoteErrorKind::Unauthorized { .. } => unauthorized(error.service),
        RemoteErrorKind::Forbidden { .. } => forbidden(error.service),
        RemoteErrorKind::NotFound { .. } => not_found(error.service),
        RemoteErrorKind::PlaceAtFault { .. } => place_at_fault(error.service),
        RemoteErrorKind::RunFailed { .. } => back_off(
            "the system behind the service may be down or busy; nothing is lost, see the service's log",
        ),
        RemoteErrorKind::Refused { .. } => refused(error.service),
        RemoteErrorKind::Intercepted { .. } => park(
            "a proxy or firewall responds instead: check its log for the rule or the access policy that \
             refuses; nothing was rejected, the route resumes by itself",
        ),
        RemoteErrorKind::NotUnderstood(_) => not_understood(error.service),
        RemoteErrorKind::Unconfirmed { .. } => park(
            "a proxy changes the responses to writes: make it pass them unchanged; each retry may write the \
             same rows again, so retries are rare until then",
        ),
        RemoteErrorKind::Secret(_) => park(
            "provide the secret at the place that the sink's settings name; it is read again at the \
                  next retry",
        ),
        RemoteErrorKind::Settings(_) => park("correct the setting"),
    }
}

fn unreachable(service: Service) -> Judgement {
    match service {
        Service::LogsIngestion => back_off(
            "check network, DNS, proxy, firewall and certificates to the endpoint (*.ingest.monitor.azure.com)",
        ),
        Service::Entra => back_off(
            "check network, DNS, proxy, firewall and certificates to the authority (login.microsoftonline.com)",
        ),
        Service::Elasticsearch => back_off("check network, DNS, proxy, firewall and certificates to `urls`"),
        Service::Kibana => back_off("check network, DNS, proxy, firewall and certificates to `url`"),
    }
}

fn not_understood(service: Service) -> Judgement {
    match service {
        Service::LogsIngestion | Service::Entra | Service::Kibana => {
            back_off("is it the right URL? a proxy or a log-in page may be responding instead")
        }
        Service::Elasticsearch => back_off(
            "is it the right URL? a proxy or a log-in page may be responding instead; documents carry their \
             ids, so a retry duplicates nothing",
        ),
    }
}

fn unauthorized(service: Service) -> Judgement {
    match service {
        Service::LogsIngestion => park(
            "the token is not accepted: do `cloud`, `scope` and `tenant_id` belong to the endpoint's cloud and tenant?",
        ),
        Service::Entra => park("check tenant_id, client_id and the secret: it may have expired"),
        Service::Elasticsearch | Service::Kibana => {
            park("check `auth`: the API key may have expired or been invalidated")
        }
    }
}

fn forbidden(service: Service) -> Judgement {
    match service {
        Service::LogsIngestion => park(
            "give the identity the role Monitoring Metrics Publisher on the data collection rule; a new \
             assignment takes up to 30 minutes to apply",
        ),
        Service::Entra => park("the tenant's policies refuse this identity a token: see conditional access"),
        Service::Elasticsearch => {
            park("give the key the privileges create_doc and auto_configure on the index")
        }
        Service::Kibana => park(
            "give the key the Kibana privilege \"Actions and Connectors: All\" in the space; if it is the type of \
                 connector that is refused, enable .index in xpack.actions.enabledActionTypes",
        ),
    }
}

fn not_found(service: Service) -> Judgement {
    match service {
        Service::LogsIngestion => park(
            "check endpoint, dcr_immutable_id and streams, and that the endpoint and the data collection rule belong together",
        ),
        Service::Entra => {
            park("check tenant_id and authority_host; for a managed identity, that the machine has one")
        }
        Service::Elasticsearch => {
            park("check `urls` and `index`, or create the index (see `ccfd check --install`)")
        }
        Service::Kibana => park("check `url` and `space`"),
    }
}

fn place_at_fault(service: Service) -> Judgement {
    match service {
        Service::LogsIngestion | Service::Entra => park("check the data collection rule"),
        Service::Elasticsearch => park(
            "open the index, lift its block, or correct its name; nothing was rejected, the route resumes \
             by itself",
        ),
        Service::Kibana => park(
            "enable what is named, or check the connector and its index in Kibana; the route resumes by \
             itself",
        ),
    }
}

fn refused(service: Service) -> Judgement {
    match service {
        Service::LogsIngestion => {
            park("check DCRLogErrors of the data collection rule, and give the request id to support")
        }
        Service::Entra => park("look up the code at https://login.microsoftonline.com/error"),
        Service::Elasticsearch => park("check the log of the cluster, or of the proxy in front of it"),
        Service::Kibana => park("check the log of Kibana, or of the proxy in front of it"),
    }
}
