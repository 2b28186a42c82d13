//! One object into the cluster: applied on the server, and not at all where nothing would change.

use kube::Client;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

use crate::cluster::{Attempt, FIELD_MANAGER, refused};
use crate::error::CliError;
use crate::installation;
use crate::manifests::Object;

/// How far an object gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into the cluster.
    ForGood,
    /// Into the API server, which forgets it.
    OnlyTry,
    /// Nowhere: it is only looked whether it is there.
    OnlyLook,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// It is new.
    Created,
    /// It was there in another form.
    Configured,
    /// It was there in the same form, and nothing was written.
    Unchanged,
    /// The namespace it belongs to is not there, so that the server cannot try it.
    Untried,
}

/// Kind and name of an object, as messages have them.
pub(super) fn title(object: &Object) -> String {
    format!("{} {}", object.kind(), object.name())
}

/// Applies an object.
///
/// Whether an apply would change anything is asked of the server, by a dry run: only it knows its defaults, and who
/// owns which field.
pub(super) async fn apply(client: &Client, object: &Object, way: Way) -> Result<Applied, CliError> {
    let api = installation::objects_like(client, object);
    let fail = |verb: &str, error: &kube::Error| {
        let what = match object.namespace() {
            Some(namespace) => format!("{} {namespace}/{}", object.kind(), object.name()),
            None => title(object),
        };
        let attempt = Attempt {
            verb,
            what: &what,
            api_version: object.api_version(),
        };
        refused(error, attempt)
    };
    let live = api.get_opt(object.name()).await;
    let live = live.map_err(|error| fail("get", &error))?;
    if way == Way::OnlyLook {
        return Ok(live.map_or(Applied::Created, |_| Applied::Configured));
    }
    let patch = Patch::Apply(&object.value);
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    if live.is_some() || way == Way::OnlyTry {
        let try_only = parameters.clone().dry_run();
        let tried = match api.patch(object.name(), &try_only, &patch).await {
            Ok(tried) => tried,
            Err(error) if way == Way::OnlyTry && lacks_namespace(&error, object) => {
                return Ok(Applied::Untried);
            }
            Err(error) => return Err(fail("apply", &error)),
        };
        match &live {
            None => return Ok(Applied::Created),
            Some(live) if is_same(live, &tried) => return Ok(Applied::Unchanged),
            Some(_) if way == Way::OnlyTry => return Ok(Applied::Configured),
            Some(_) => {}
        }
    }
    let written = api.patch(object.name(), &parameters, &patch).await;
    written.map_err(|error| fail("apply", &error))?;
    Ok(live.map_or(Applied::Created, |_| Applied::Configured))
}

/// Whether the server refuses an object because of the namespace it belongs to.
fn lacks_namespace(error: &kube::Error, object: &Object) -> bool {
    let kube::Error::Api(status) = error else {
        return false;
    };
    let about = status
        .details
        .as_ref()
        .map(|details| (&*details.kind, &*details.name));
    status.code == 404
        && about
            == object
                .namespace()
                .map(|namespace| ("namespaces", namespace))
}

/// Whether an apply leaves an object as it is: its fields, and those that are ours.
fn is_same(live: &DynamicObject, tried: &DynamicObject) -> bool {
    fields(live) == fields(tried) && owned(live) == owned(tried)
}

/// What users write of an object.
fn fields(object: &DynamicObject) -> (Value, Value) {
    let mut data = object.data.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.remove("status");
    }
    let metadata = &object.metadata;
    let metadata = serde_json::json!([metadata.labels, metadata.annotations]);
    (data, metadata)
}

/// The fields that are ours.
fn owned(object: &DynamicObject) -> Vec<Value> {
    let entries = object.metadata.managed_fields.iter().flatten();
    let ours = entries.filter(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
    });
    ours.map(|entry| serde_json::json!(entry.fields_v1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(fields: Value) -> DynamicObject {
        let mut whole = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "a", "labels": {"a": "b"}, "managedFields": [
                {"manager": FIELD_MANAGER, "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}},
            ]},
            "spec": {"a": 1},
        });
        for (key, field) in fields.as_object().unwrap() {
            *whole.pointer_mut(key).unwrap() = field.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn only_what_users_write_makes_a_difference() {
        let live = object(json!({}));
        let mut later = live.clone();
        later.metadata.resource_version = Some("2".to_owned());
        later.metadata.managed_fields.as_mut().unwrap()[0].time = None;
        later.data["status"] = json!({"a": 1});
        assert!(is_same(&live, &later));
        for change in [
            json!({"/spec/a": 2}),
            json!({"/metadata/labels": {}}),
            json!({"/metadata/managedFields/0/fieldsV1": {"f:spec": {"f:a": {}}}}),
            json!({"/metadata/managedFields/0/manager": "kubectl"}),
        ] {
            assert!(!is_same(&live, &object(change.clone())), "{change}");
        }
    }
}
