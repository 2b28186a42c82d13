//! Whoever sends requests to the API server, and what is answered, warnings included.

use axum::http::{HeaderMap, Request, header};
use harness::{Namespace, wait};
use kube::Client;
use kube::client::Body;
use serde_json::Value;

/// What gives all rights in a test cluster.
pub(crate) const MASTERS: &str = "system:masters";

/// The field manager of what is sent here.
const MANAGER: &str = "sender";

/// The media type of objects.
const JSON: &str = "application/json";

/// Somebody who sends requests about the objects of a namespace.
#[derive(Clone)]
pub(crate) struct Sender {
    client: Client,
    namespace: String,
    user: Option<(String, Vec<String>)>,
}

/// What the API server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    pub(crate) warnings: Vec<String>,
}

impl Sender {
    /// The administrator.
    pub(crate) fn new(namespace: &Namespace<'_>) -> Self {
        Self {
            client: namespace.plane().client(),
            namespace: namespace.name().to_owned(),
            user: None,
        }
    }

    /// Another user, who is in these groups.
    pub(crate) fn named(&self, user: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Self {
            user: Some((user.to_owned(), groups)),
            ..self.clone()
        }
    }

    /// Creates an object; `kind` is such as `v1/pods` or `apps/v1/deployments`.
    pub(crate) fn create(&self, kind: &str, object: &Value) -> Answer {
        self.send("POST", kind, JSON, &object.to_string())
    }

    /// Asks what would become of an object that is created.
    pub(crate) fn would_create(&self, kind: &str, object: &Value) -> Answer {
        self.send(
            "POST",
            &format!("{kind}?dryRun=All"),
            JSON,
            &object.to_string(),
        )
    }

    /// Creates an object from a text.
    pub(crate) fn create_text(&self, kind: &str, text: &str) -> Answer {
        self.send("POST", kind, JSON, text)
    }

    /// Overwrites an object, or a part of one; `place` is such as `apps/v1/deployments/web/status`.
    pub(crate) fn replace(&self, place: &str, object: &Value) -> Answer {
        self.send("PUT", place, JSON, &object.to_string())
    }

    /// Merges a patch into an object, or a part of one.
    pub(crate) fn merge(&self, place: &str, patch: &Value) -> Answer {
        let text = patch.to_string();
        self.send("PATCH", place, "application/merge-patch+json", &text)
    }

    /// Merges a patch into an object by the keys of its lists, as kubectl does.
    pub(crate) fn strategic(&self, place: &str, patch: &Value) -> Answer {
        let text = patch.to_string();
        self.send(
            "PATCH",
            place,
            "application/strategic-merge-patch+json",
            &text,
        )
    }

    /// Applies an object as the server does it, as a manager of fields.
    pub(crate) fn apply(&self, place: &str, manager: &str, object: &Value) -> Answer {
        let mark = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{mark}fieldManager={manager}");
        let text = object.to_string();
        self.send("PATCH", &place, "application/apply-patch+yaml", &text)
    }

    /// Reads an object.
    pub(crate) fn get(&self, place: &str) -> Value {
        let answer = self.send("GET", place, JSON, "");
        assert_eq!(answer.code, 200, "{answer:?}");
        answer.body
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, place: &str) -> Answer {
        self.send("DELETE", place, JSON, "")
    }

    fn send(&self, method: &str, place: &str, content_type: &str, body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(self.path(place))
            .header(header::CONTENT_TYPE, content_type);
        if let Some((user, groups)) = &self.user {
            request = request.header("Impersonate-User", user);
            for group in groups {
                request = request.header("Impersonate-Group", group);
            }
        }
        let request = request.body(Body::from(body.as_bytes().to_vec())).unwrap();
        let client = self.client.clone();
        wait(async move {
            let response = client.send(request).await.expect("the API server answers");
            let (head, body) = response.into_parts();
            let bytes = body.collect_bytes().await.expect("the answer is whole");
            Answer {
                code: head.status.as_u16(),
                body: serde_json::from_slice(&bytes).expect("the API server answers with JSON"),
                warnings: warnings(&head.headers),
            }
        })
    }

    /// The path of a request about `[group/]version/resource[/name[/part]][?query]`.
    fn path(&self, place: &str) -> String {
        let (steps, query) = place.split_once('?').unwrap_or((place, ""));
        let (root, steps) = match steps.strip_prefix("v1/") {
            Some(rest) => ("api/v1".to_owned(), rest),
            None => {
                let mut steps = steps.splitn(3, '/');
                let mut next = || steps.next().expect("group, version and resource are given");
                (format!("apis/{}/{}", next(), next()), next())
            }
        };
        let manager = match query.contains("fieldManager=") {
            true => String::new(),
            false => format!("&fieldManager={MANAGER}"),
        };
        let namespace = &self.namespace;
        format!("/{root}/namespaces/{namespace}/{steps}?{query}{manager}")
    }
}

impl Answer {
    /// Expects that the API server took it, and returns the object.
    #[track_caller]
    pub(crate) fn taken(self) -> Value {
        assert!(matches!(self.code, 200..=202), "{self:#?}");
        self.body
    }

    /// Expects that the webhook refused it, and returns what it says.
    #[track_caller]
    pub(crate) fn refused(&self) -> &str {
        let message = self.body["message"].as_str().unwrap_or_default();
        let ours = message
            .strip_prefix("admission webhook \"")
            .and_then(|rest| rest.split_once(".imgauto.dev\" denied the request: "));
        let refused = ours.filter(|_| matches!(self.code, 403 | 422));
        refused.map_or_else(
            || panic!("it is not refused by us: {self:#?}"),
            |(_, said)| said,
        )
    }

    /// The drift label of the object.
    pub(crate) fn drift(&self) -> Option<&str> {
        drift(&self.body)
    }
}

/// The drift label of an object.
pub(crate) fn drift(object: &Value) -> Option<&str> {
    object["metadata"]["labels"]["imgauto.dev/drift"].as_str()
}

/// The texts of the warnings: `299 - "text"`.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::WARNING).iter();
    let texts = values.map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let quoted = text.split_once(" - ").expect("it is a warning").1;
        serde_json::from_str(quoted).expect("its text stands in quotes")
    });
    texts.collect()
}
