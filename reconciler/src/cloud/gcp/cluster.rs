//! The GKE cluster the program runs in, as the metadata server tells.

use super::ask_metadata;
use crate::cloud::Means;
use crate::cloud::error::CloudError;

/// What makes a cluster known to Google's STS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    project: String,
    location: String,
    name: String,
}

impl Cluster {
    /// Asks the metadata server. The answers never change while the program runs.
    pub(crate) async fn ask(means: &Means<'_>) -> Result<Self, CloudError> {
        let ask = async |path: &str| -> Result<String, CloudError> {
            let reply = ask_metadata(means, path).await?;
            let text = reply.text().trim();
            if text.is_empty() {
                return Err(reply.garbage("the answer is empty").into());
            }
            Ok(text.to_owned())
        };
        Ok(Self {
            project: ask("project/project-id").await?,
            location: ask("instance/attributes/cluster-location").await?,
            name: ask("instance/attributes/cluster-name").await?,
        })
    }

    /// Whom tokens of `ServiceAccount`s are made for.
    pub(crate) fn pool(&self) -> String {
        format!("{}.svc.id.goog", self.project)
    }

    /// Whom STS is asked as.
    pub(crate) fn audience(&self) -> String {
        let Self {
            project,
            location,
            name,
        } = self;
        let provider = format!(
            "https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"
        );
        format!("identitynamespace:{}:{provider}", self.pool())
    }
}
