//! Requests to the API: connections, keys, rates, and the meaning of statuses.

pub(crate) mod budget;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod decoded;
pub(crate) mod key;
pub(crate) mod names;
pub(crate) mod newest_date;
pub(crate) mod observed;
pub(crate) mod proxied;
pub(crate) mod refusal;
pub(crate) mod tls;
pub(crate) mod transport;
pub(crate) mod trust;
