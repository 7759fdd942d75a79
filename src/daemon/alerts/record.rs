//! An alert as a record, in the form that a sink wants.

use bytes::Bytes;
use collectors::{IdHash, Record};

use super::{columns::AlertFields, ecs, facts::AlertFacts, ocsf};
use crate::{
    config::{AlertShape, SinkSettings},
    detect_db::DueAlert,
};

/// What a record of an alert holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlertForm {
    /// The fields of the columns of `CcfdAlerts_CL`.
    Columns,
    /// The members of a document of the Elastic Common Schema.
    Document,
    /// The members of a finding of OCSF.
    Finding,
}

impl AlertForm {
    /// What a sink with these settings wants. No alert goes to a sink of type detect.
    pub(super) fn of(settings: &SinkSettings) -> Self {
        match settings {
            SinkSettings::Elasticsearch(_) | SinkSettings::KibanaIndex(_) => Self::Document,
            SinkSettings::Ndjson(settings) => match settings.alerts_shape {
                AlertShape::Table => Self::Columns,
                AlertShape::Ocsf => Self::Finding,
            },
            SinkSettings::Sqlite(_) | SinkSettings::LogsIngestion(_) | SinkSettings::Detect(_) => {
                Self::Columns
            }
        }
    }
}

/// The record of an alert, dated when it was raised; an error if JSON cannot express it, for which no case is known.
pub(super) fn record(due: &DueAlert, form: AlertForm, now: i64) -> serde_json::Result<Record> {
    let facts = AlertFacts::of(&due.alert, due.first_delivered, now);
    let raw = Bytes::from(match form {
        AlertForm::Columns => serde_json::to_vec(&AlertFields::of(&facts))?,
        AlertForm::Document => serde_json::to_vec(&ecs::document(&facts))?,
        AlertForm::Finding => serde_json::to_vec(&ocsf::finding(&facts))?,
    });
    Ok(Record::new(raw, facts.at, IdHash::of(&due.alert.id), None))
}
