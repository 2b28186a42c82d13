//! How objects are asked for.

use futures::future::join_all;
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;

use super::{Kind, Need, Query};
use crate::cluster::{Attempt, is_unknown_kind, refused};
use crate::error::CliError;
use crate::flag_value::quoted;

/// Where to look, and for which labels.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The namespace; `None` stands for all.
    pub(super) namespace: Option<String>,
    /// A label selector.
    pub(super) labels: Option<String>,
}

/// What came of asking.
pub(super) struct Asked {
    /// The objects, for each query.
    pub(super) found: Vec<Vec<Value>>,
    /// What could not be got.
    pub(super) problems: Vec<CliError>,
    /// Where it was looked for.
    pub(super) place: Place,
}

/// What one query got.
#[derive(Default)]
struct Part {
    objects: Vec<Value>,
    missing: Vec<String>,
}

/// Asks all queries at once.
pub(super) async fn all(client: &Client, queries: &[Query], place: Place) -> Asked {
    let answers = join_all(queries.iter().map(|query| part(client, query, &place))).await;
    let unknown = |answer: &Result<Part, Refused>| {
        answer.as_ref().is_err_and(
            |refused| matches!(&refused.error, kube::Error::Api(status) if is_unknown_kind(status)),
        )
    };
    // Whoever has none of the kinds is told; a cluster may well do without some of them.
    let has_none = answers.iter().all(unknown);
    let mut asked = Asked {
        found: Vec::new(),
        problems: Vec::new(),
        place,
    };
    for (query, answer) in queries.iter().zip(answers) {
        let forgiven = query.need == Need::Any && unknown(&answer) && !has_none;
        let part = match answer {
            Ok(part) => part,
            Err(_) if forgiven => Part::default(),
            Err(refused) => {
                asked.problems.push(refused.told(query));
                Part::default()
            }
        };
        if query.need == Need::Each {
            let missing = part.missing.iter();
            let missing = missing.map(|name| asked.place.missing(&query.kind.resource.kind, name));
            asked.problems.extend(missing.collect::<Vec<_>>());
        }
        asked.found.push(part.objects);
    }
    if let (
        Some(Query {
            need: Need::Any,
            names,
            ..
        }),
        true,
    ) = (queries.first(), asked.problems.is_empty())
    {
        let is_there = |name: &str| {
            let mut found = asked.found.iter().flatten();
            found.any(|object| super::rows::text(object, "/metadata/name") == name)
        };
        let missing = names.iter().filter(|name| !is_there(name));
        let missing = missing.map(|name| asked.place.missing("image", name));
        asked.problems = missing.collect();
    }
    if has_none {
        // One sentence is enough where all kinds are missing.
        asked.problems.truncate(1);
    }
    asked
}

/// An answer of the API server that is no answer to the question.
struct Refused {
    error: kube::Error,
    /// The name that was asked for, if it was one.
    name: Option<String>,
}

impl Refused {
    fn told(&self, query: &Query) -> CliError {
        let resource = &query.kind.resource;
        let (verb, what) = match &self.name {
            Some(name) => ("get", format!("{} {name}", resource.kind)),
            None => ("list", resource.kind.clone()),
        };
        let attempt = Attempt {
            verb,
            what: &what,
            api_version: &resource.api_version,
        };
        refused(&self.error, attempt)
    }
}

async fn part(client: &Client, query: &Query, place: &Place) -> Result<Part, Refused> {
    let api = place.api(client, &query.kind);
    if query.names.is_empty() {
        return Ok(Part {
            objects: list(&api, &place.parameters(None)).await?,
            missing: Vec::new(),
        });
    }
    let mut part = Part::default();
    for name in &query.names {
        let found = if place.namespace.is_some() && place.labels.is_none() {
            get(&api, name).await?
        } else {
            list(&api, &place.parameters(Some(name))).await?
        };
        if found.is_empty() {
            part.missing.push(name.clone());
        }
        part.objects.extend(found);
    }
    Ok(part)
}

async fn list(api: &Api<DynamicObject>, parameters: &ListParams) -> Result<Vec<Value>, Refused> {
    match api.list(parameters).await {
        Ok(list) => Ok(list.items.into_iter().map(value).collect()),
        Err(error) => Err(Refused { error, name: None }),
    }
}

async fn get(api: &Api<DynamicObject>, name: &str) -> Result<Vec<Value>, Refused> {
    match api.get(name).await {
        Ok(object) => Ok(vec![value(object)]),
        Err(kube::Error::Api(status)) if status.code == 404 && !is_unknown_kind(&status) => {
            Ok(Vec::new())
        }
        Err(error) => Err(Refused {
            error,
            name: Some(name.to_owned()),
        }),
    }
}

/// An object as the JSON it came as.
pub(in crate::commands) fn value(object: DynamicObject) -> Value {
    serde_json::to_value(object).expect("what was read from JSON can be written as JSON")
}

impl Place {
    /// The objects of a kind in this place.
    pub(super) fn api(&self, client: &Client, kind: &Kind) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind.resource),
            None => Api::all_with(client.clone(), &kind.resource),
        }
    }

    fn parameters(&self, name: Option<&str>) -> ListParams {
        ListParams {
            label_selector: self.labels.clone(),
            field_selector: name.map(field_of_name),
            ..ListParams::default()
        }
    }

    /// The place in flux's words, which are followed by `namespace`.
    pub(super) fn said(&self) -> String {
        let quoted = self.namespace.as_deref().map(quoted);
        quoted.unwrap_or_else(|| "any".to_owned())
    }

    fn missing(&self, kind: &str, name: &str) -> CliError {
        let place = self.said();
        CliError::failure(format!(
            "{kind} object '{name}' not found in {place} namespace"
        ))
    }
}

/// The field selector for the object of a name.
pub(super) fn field_of_name(name: &str) -> String {
    format!("metadata.name={name}")
}
