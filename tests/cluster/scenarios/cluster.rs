//! What scenarios do to the API server.

use axum::http;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client, Error, Resource as _};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::objects::{ObjectName, resource};

/// The field manager of scenarios.
const MANAGER: &str = "scenario";

/// An API server, used from threads of its own: every call waits for its answer.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub client: Client,
    pub runtime: Handle,
}

impl Cluster {
    /// Applies an object on the server's side, then patches its status in, if it has one; returns the object.
    pub(crate) fn apply(&self, name: &ObjectName, document: &Value) -> Value {
        let mut object = document.clone();
        object["apiVersion"] = name.resource().api_version.into();
        object["metadata"]["namespace"] = name.namespace.clone().into();
        let status = object
            .as_object_mut()
            .and_then(|fields| fields.remove("status"));
        let params = PatchParams::apply(MANAGER).force();
        let api = self.api(name);
        let patch = Patch::Apply(&object);
        let applied = api.patch(&name.name, &params, &patch);
        let applied = answer(name, self.runtime.block_on(applied));
        match status {
            Some(status) => self.patch_status(name, &status),
            None => applied,
        }
    }

    /// Merges a patch into an object and returns the object.
    pub(crate) fn patch(&self, name: &ObjectName, patch: &Value) -> Value {
        let api = self.api(name);
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        let patched = api.patch(&name.name, &params, &patch);
        answer(name, self.runtime.block_on(patched))
    }

    /// Merges a patch into an object's status and returns the object.
    pub(crate) fn patch_status(&self, name: &ObjectName, status: &Value) -> Value {
        let api = self.api(name);
        let (params, patch) = (
            PatchParams::default(),
            Patch::Merge(json!({"status": status})),
        );
        let patched = api.patch_status(&name.name, &params, &patch);
        answer(name, self.runtime.block_on(patched))
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, name: &ObjectName) {
        let api = self.api(name);
        let deleted = self
            .runtime
            .block_on(api.delete(&name.name, &DeleteParams::default()));
        deleted.unwrap_or_else(|error| panic!("cannot delete {name}: {error}"));
    }

    /// Deletes all objects of a kind in a namespace.
    pub(crate) fn clear(&self, kind: &str, namespace: &str) {
        let client = self.client.clone();
        let api = Api::<DynamicObject>::namespaced_with(client, namespace, &resource(kind));
        let (params, all) = (DeleteParams::default(), ListParams::default());
        let cleared = api.delete_collection(&params, &all);
        let cleared = self.runtime.block_on(cleared);
        cleared.unwrap_or_else(|error| panic!("cannot delete all {kind} in {namespace}: {error}"));
    }

    /// What the API server answers to the creation of an object, which it does not keep.
    pub(crate) fn dry_run(&self, name: &ObjectName, document: &Value) -> Value {
        let mut object = document.clone();
        object["apiVersion"] = name.resource().api_version.into();
        object["metadata"]["namespace"] = name.namespace.clone().into();
        let path = DynamicObject::url_path(&name.resource(), name.namespace.as_deref());
        let request = http::Request::post(format!("{path}?dryRun=All&fieldValidation=Strict"))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .expect("the address is sound");
        match self.runtime.block_on(self.client.request::<Value>(request)) {
            Ok(created) => json!({"spec": created["spec"]}),
            Err(Error::Api(refusal)) => json!({
                "code": refusal.code,
                "reason": refusal.reason,
                "message": refusal.message,
            }),
            Err(error) => panic!("cannot ask for {name}: {error}"),
        }
    }

    fn api(&self, name: &ObjectName) -> Api<DynamicObject> {
        let client = self.client.clone();
        match &name.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &name.resource()),
            None => Api::all_with(client, &name.resource()),
        }
    }
}

fn answer(name: &ObjectName, answer: kube::Result<DynamicObject>) -> Value {
    let object = answer.unwrap_or_else(|error| panic!("cannot change {name}: {error}"));
    serde_json::to_value(object).expect("an object is JSON")
}
