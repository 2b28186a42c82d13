//! A mutating webhook of somebody else, which adds a container to every Deployment, as service meshes do.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::serve::{Listening, wait};
use crate::tls::{Authority, ClientCertificates, Tls};
use crate::webhook::LABEL;

/// The container that is added.
const SIDECAR: &str = "sidecar";

/// A webhook that adds a container until this is dropped.
pub struct Injector<'a> {
    plane: &'a ControlPlane,
    name: String,
    _listening: Listening,
}

impl<'a> Injector<'a> {
    /// Adds a container `sidecar` of an image, and a label, to what lies in namespaces whose [`LABEL`] is `webhook`.
    ///
    /// The API server calls webhooks in the order of the names of their configurations.
    ///
    /// # Panics
    ///
    /// If the API server refuses the configuration.
    pub fn start(plane: &'a ControlPlane, name: &str, webhook: &str, image: &str) -> Self {
        let authority = Authority::new();
        let tls = Tls {
            authority: &authority,
            clients: ClientCertificates::Ignored,
        };
        let router = Router::new()
            .route("/", post(answer))
            .with_state(Arc::new(image.to_owned()));
        let listening = Listening::http(router, Some(tls.config()));
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": { "name": name },
            "webhooks": [{
                "name": "inject.webhook.test",
                "clientConfig": {
                    "url": format!("https://{}/", listening.address()),
                    "caBundle": STANDARD.encode(authority.pem()),
                },
                "rules": [{ "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"],
                            "operations": ["CREATE", "UPDATE"], "scope": "Namespaced" }],
                "namespaceSelector": { "matchLabels": { LABEL: webhook } },
                "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "reinvocationPolicy": "IfNeeded",
            }],
        });
        let configuration: MutatingWebhookConfiguration =
            serde_json::from_value(configuration).expect("it is a configuration");
        let api = Api::all(plane.client());
        let made = wait(async move { api.create(&PostParams::default(), &configuration).await });
        made.expect("an administrator may configure webhooks");
        Self {
            plane,
            name: name.to_owned(),
            _listening: listening,
        }
    }
}

impl Drop for Injector<'_> {
    fn drop(&mut self) {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.plane.client());
        let name = self.name.clone();
        wait(async move { api.delete(&name, &DeleteParams::default()).await.map(drop) }).ok();
    }
}

async fn answer(State(image): State<Arc<String>>, body: String) -> impl IntoResponse {
    let review: Value = serde_json::from_str(&body).expect("the API server sends JSON");
    let request = &review["request"];
    let containers = request["object"]["spec"]["template"]["spec"]["containers"].as_array();
    let mut containers = containers.into_iter().flatten();
    let is_there = containers.any(|container| container["name"] == SIDECAR);
    let mut response = json!({ "uid": request["uid"], "allowed": true });
    if !is_there {
        let sidecar = json!({ "name": SIDECAR, "image": *image });
        let mut patch = vec![
            json!({ "op": "add", "path": "/spec/template/spec/containers/-", "value": sidecar }),
        ];
        if request["object"]["metadata"]["labels"].is_null() {
            patch.push(json!({ "op": "add", "path": "/metadata/labels", "value": {} }));
        }
        patch.push(json!({ "op": "add", "path": "/metadata/labels/injected", "value": "true" }));
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(STANDARD.encode(json!(patch).to_string()));
    }
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
    });
    ([(CONTENT_TYPE, "application/json")], review.to_string())
}
