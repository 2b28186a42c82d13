//! Whom the API server trusts when it asks: `caBundle` of the webhook configurations.

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::info;

/// The manager of what is written here.
pub(super) const MANAGER: &str = "imgauto-certificates";

/// A webhook configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// What kind it is of.
    pub hooks: Hooks,
    /// Its name.
    pub name: String,
}

/// What the webhooks of a configuration do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// They change objects.
    Mutating,
    /// They let them in or not.
    Validating,
}

/// What became of the trust of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// There is no such configuration.
    Absent,
    /// It was as it should be.
    Current,
    /// It was another one, and is as it should be now.
    Written,
}

/// The trust of a configuration could not be written.
#[derive(Debug, thiserror::Error)]
#[error("webhook configuration cannot be read or written")]
pub struct InjectError(#[from] kube::Error);

/// Has the API server trust the authorities of a bundle, in PEM, when it asks the webhooks of a configuration.
///
/// Nothing else is written, so whoever applies the configuration keeps the rest; nothing at all if it says so already.
/// A configuration that is not there is nobody's.
///
/// # Errors
///
/// When the API server does not answer or does not allow it.
pub async fn inject(
    client: &Client,
    configuration: &Configuration,
    bundle: &str,
) -> Result<Injected, InjectError> {
    let name = &configuration.name;
    let entry = |name: &str, client: &WebhookClientConfig| {
        let bundle = client.ca_bundle.clone();
        (name.to_owned(), bundle.map(|bytes| bytes.0))
    };
    match configuration.hooks {
        Hooks::Mutating => {
            inject_into::<MutatingWebhookConfiguration>(client, name, bundle, |found| {
                let hooks = found.webhooks.iter().flatten();
                hooks
                    .map(|hook| entry(&hook.name, &hook.client_config))
                    .collect()
            })
            .await
        }
        Hooks::Validating => {
            inject_into::<ValidatingWebhookConfiguration>(client, name, bundle, |found| {
                let hooks = found.webhooks.iter().flatten();
                hooks
                    .map(|hook| entry(&hook.name, &hook.client_config))
                    .collect()
            })
            .await
        }
    }
}

/// A webhook of a configuration, and whom it trusts.
type Trusting = (String, Option<Vec<u8>>);

async fn inject_into<K>(
    client: &Client,
    name: &str,
    bundle: &str,
    hooks: impl FnOnce(&K) -> Vec<Trusting>,
) -> Result<Injected, InjectError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    let Some(found) = api.get_opt(name).await? else {
        return Ok(Injected::Absent);
    };
    let hooks = hooks(&found);
    let kind = (K::api_version(&()), K::kind(&()));
    let Some(patch) = patch((&kind.0, &kind.1), &hooks, bundle) else {
        return Ok(Injected::Current);
    };
    let params = PatchParams::apply(MANAGER).force();
    api.patch(name, &params, &Patch::Apply(patch)).await?;
    info!(
        configuration = name,
        "the API server trusts other certificates now"
    );
    Ok(Injected::Written)
}

/// What is to be applied; `None` if the webhooks trust the bundle already.
fn patch((version, kind): (&str, &str), hooks: &[Trusting], bundle: &str) -> Option<Value> {
    let is_current = |(_, known): &Trusting| known.as_deref() == Some(bundle.as_bytes());
    if hooks.iter().all(is_current) {
        return None;
    }
    let bundle = STANDARD.encode(bundle);
    let hooks = hooks
        .iter()
        .map(|(name, _)| json!({ "name": name, "clientConfig": { "caBundle": bundle } }));
    Some(json!({
        "apiVersion": version,
        "kind": kind,
        "webhooks": hooks.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trust_is_written_and_only_if_it_is_another() {
        let hook = |name: &str, known: Option<&str>| {
            (name.to_owned(), known.map(|text| text.as_bytes().to_vec()))
        };
        let kind = ("v1", "Hooks");
        assert_eq!(patch(kind, &[], "a"), None);
        assert_eq!(patch(kind, &[hook("x", Some("a"))], "a"), None);
        let hooks = [hook("x", Some("a")), hook("y", None)];
        let trusts = |name: &str| json!({ "name": name, "clientConfig": { "caBundle": "YQ==" } });
        assert_eq!(
            patch(kind, &hooks, "a"),
            Some(
                json!({ "apiVersion": "v1", "kind": "Hooks", "webhooks": [trusts("x"), trusts("y")] })
            )
        );
        assert!(patch(kind, &hooks[..1], "b").is_some());
    }
}
