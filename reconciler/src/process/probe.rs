//! Waits until the API server has what the controllers need.

use std::time::Duration;

use api::keys::{IMAGE_API_VERSION, IMAGE_GROUP};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client};
use thiserror::Error;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::connect::Refusal;
use crate::cluster::Options;

#[cfg(test)]
mod tests;

/// The first wait after something was missing; each one is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long one question may take, with what the client repeats by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// What must be there: kind and plural.
const KINDS: [(&str, &str); 3] = [
    ("ImageRepository", "imagerepositories"),
    ("ImagePolicy", "imagepolicies"),
    ("ImageUpdateAutomation", "imageupdateautomations"),
];

/// The API server will never do what the flags say.
#[derive(Debug, Error)]
#[error("the API server refuses --watch-label-selector={selector}: {message}")]
pub struct SelectorError {
    selector: String,
    message: String,
}

/// What came of one question.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// The kind is there and may be read.
    Present,
    /// Not now, and why.
    Missing(String),
    /// Never with this label selector, and why.
    Refused(String),
}

/// Returns once all kinds are there and may be read; until then each try is logged.
///
/// # Errors
///
/// When the label selector is not one.
pub(super) async fn wait_for_kinds(
    client: &Client,
    options: &Options,
) -> Result<(), SelectorError> {
    for (kind, plural) in KINDS {
        let mut wait = FIRST_WAIT;
        loop {
            match find(client, options, kind, plural).await {
                Finding::Present => break,
                Finding::Missing(reason) => {
                    let retry = format!("{wait:?}");
                    warn!(kind, error = reason, retry, "cannot work yet");
                }
                Finding::Refused(message) => {
                    let selector = options.label_selector.clone().unwrap_or_default();
                    return Err(SelectorError { selector, message });
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
    info!("the API server has all kinds");
    Ok(())
}

/// Asks for one object of a kind.
async fn find(client: &Client, options: &Options, kind: &str, plural: &str) -> Finding {
    let resource = ApiResource {
        group: IMAGE_GROUP.to_owned(),
        version: "v1".to_owned(),
        api_version: IMAGE_API_VERSION.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let client = client.clone();
    let api: Api<DynamicObject> = match &options.watch_namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let mut params = ListParams::default().limit(1);
    params.label_selector.clone_from(&options.label_selector);
    match timeout(PATIENCE, api.list(&params)).await {
        Ok(Ok(_)) => Finding::Present,
        Ok(Err(error)) => judge(&error, options.label_selector.is_some(), plural),
        Err(_) => Finding::Missing(format!("no answer within {PATIENCE:?}")),
    }
}

fn judge(error: &kube::Error, is_selective: bool, plural: &str) -> Finding {
    match error {
        kube::Error::Api(status) if status.code == 404 => Finding::Missing(format!(
            "{plural}.{IMAGE_GROUP} is not installed: apply its CustomResourceDefinition"
        )),
        kube::Error::Api(status) if status.code == 400 && is_selective => {
            Finding::Refused(status.message.clone())
        }
        error => Finding::Missing(Refusal(error).to_string()),
    }
}
