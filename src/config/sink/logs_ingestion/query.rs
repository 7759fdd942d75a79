//! How the rows of a sink are read back, through the query API of Log Analytics.

use config::Value;
use url::Url;

use super::Cloud;
use crate::config::{
    section::Section,
    urls::address,
    values::{ValueProblem, as_text, wanted},
};

const GUID: [usize; 5] = [8, 4, 4, 4, 12];
const RESOURCE_PREFIX: &str = "/subscriptions/";
const RESOURCE_TYPE: &str = "/providers/microsoft.operationalinsights/workspaces/";

/// The workspace with the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuerySettings {
    /// Which workspace.
    pub workspace: Workspace,
    /// Replaces the cloud's host; without a slash at its end.
    pub endpoint: Option<String>,
}

/// How a workspace is named, which decides who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workspace {
    /// By its own id: the query API itself.
    Id(String),
    /// By its path as a resource: Azure Resource Manager.
    Resource(String),
}

impl QuerySettings {
    /// `None` without a workspace.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Option<Self>> {
        let workspace = section.required("workspace_id", workspace);
        let endpoint = section.required("query_endpoint", endpoint);
        let (workspace, endpoint) = (workspace?, endpoint?);
        if workspace.is_none() && endpoint.is_some() {
            section.problem("query_endpoint", "requires `workspace_id`");
        }
        Some(workspace.map(|workspace| Self { workspace, endpoint }))
    }

    /// Where queries are sent to.
    pub fn url(&self, cloud: Cloud) -> String {
        let host = self.endpoint.as_deref();
        match &self.workspace {
            Workspace::Id(id) => {
                let of_cloud = match cloud {
                    Cloud::Public => "https://api.loganalytics.azure.com",
                    Cloud::UsGov => "https://api.loganalytics.us",
                    Cloud::China => "https://api.loganalytics.azure.cn",
                };
                format!("{}/v1/workspaces/{id}/query", host.unwrap_or(of_cloud))
            }
            Workspace::Resource(path) => {
                format!("{}{path}/query?api-version=2017-10-01", host.unwrap_or(Self::manager(cloud)))
            }
        }
    }

    /// What the tokens are for.
    pub fn scope(&self, cloud: Cloud) -> String {
        match &self.workspace {
            Workspace::Id(_) => match cloud {
                Cloud::Public => "https://api.loganalytics.io/.default",
                Cloud::UsGov => "https://api.loganalytics.us/.default",
                Cloud::China => "https://api.loganalytics.azure.cn/.default",
            }
            .to_owned(),
            Workspace::Resource(_) => format!("{}/.default", Self::manager(cloud)),
        }
    }

    fn manager(cloud: Cloud) -> &'static str {
        match cloud {
            Cloud::Public => "https://management.azure.com",
            Cloud::UsGov => "https://management.usgovcloudapi.net",
            Cloud::China => "https://management.chinacloudapi.cn",
        }
    }
}

/// Empty means none.
fn workspace(value: &Value) -> Result<Option<Workspace>, ValueProblem> {
    let text = as_text(value).map(str::trim);
    if text == Some("") {
        return Ok(None);
    }
    let is_id = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.iter().map(|part| part.len()).eq(GUID)
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let is_resource = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.()".contains(&byte);
        text.starts_with(RESOURCE_PREFIX)
            && text.to_ascii_lowercase().contains(RESOURCE_TYPE)
            && !text.contains("..")
            && text.bytes().all(allowed)
    };
    match text {
        Some(text) if is_id(text) => Ok(Some(Workspace::Id(text.to_owned()))),
        Some(text) if is_resource(text.trim_end_matches('/')) => {
            Ok(Some(Workspace::Resource(text.trim_end_matches('/').to_owned())))
        }
        Some(_) | None => Err(wanted(
            "the workspace's id such as \"11111111-2222-3333-4444-555555555555\", its path \
             \"/subscriptions/…/providers/Microsoft.OperationalInsights/workspaces/NAME\", or \"\"",
        )),
    }
}

/// Empty means the cloud's own.
fn endpoint(value: &Value) -> Result<Option<String>, ValueProblem> {
    if as_text(value).map(str::trim) == Some("") {
        return Ok(None);
    }
    let url: Url = address(value, "an https URL such as \"https://api.loganalytics.azure.com\", or \"\"")?;
    if url.path() != "/" {
        return Err(ValueProblem::Because(
            "the endpoint of queries is a host without a path: ccfd adds the rest".to_owned(),
        ));
    }
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}
