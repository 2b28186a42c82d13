//! What a scenario file says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A scenario, as far as it is known before its servers run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scenario {
    /// What it is about.
    pub what: String,
    /// The labels of a second namespace, if there is one.
    pub second_namespace: Option<BTreeMap<String, String>>,
    /// Whether the scripted server speaks TLS.
    #[serde(default)]
    pub tls: bool,
    /// The flags the controllers run with besides those of all scenarios.
    #[serde(default)]
    pub flags: String,
    /// Whether events are recorded.
    #[serde(default = "recorded")]
    pub events: bool,
    /// What of the record is a weakness of Flux.
    pub quirk: Option<String>,
    /// What is done, one after the other.
    pub steps: Vec<Step>,
}

/// Some actions, and the wait for what they lead to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// A title.
    #[serde(rename = "do")]
    pub title: String,
    /// The actions in their order.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// What must hold at the end, by object.
    #[serde(default)]
    pub until: BTreeMap<String, Until>,
    /// Whether the step waits at all.
    #[serde(default = "waits")]
    pub wait: bool,
}

/// One action. Objects are named `Kind/name` or `Kind/namespace/name`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Applies objects on the server's side, then patches their status in.
    Apply(Vec<Value>),
    /// Merges patches into objects.
    Patch(Map<String, Value>),
    /// Merges patches into the status of objects.
    Status(Map<String, Value>),
    /// Deletes objects.
    Delete(Vec<String>),
    /// Asks for a reconciliation by a token.
    Request(BTreeMap<String, String>),
    /// Pushes and deletes tags.
    Push(Push),
    /// Replaces the answers of the scripted server.
    Script(BTreeMap<String, Responses>),
    /// Creates or changes a Git repository.
    Git(GitSettings),
    /// Commits to a Git repository.
    Commit(Commit),
    /// Creates objects without keeping them, and records the answers.
    DryRun(Vec<Value>),
    /// Waits for some seconds.
    Sleep(f64),
}

/// Tags of one image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Push {
    /// Host and repository.
    pub image: String,
    /// Tags to push.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What tells manifests with the same tag apart.
    #[serde(default)]
    pub content: String,
    /// Tags to delete.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// One answer or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Responses {
    /// Answers one after the other.
    Several(Vec<Response>),
    /// The same answer always.
    One(Response),
}

/// An answer of the scripted server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    /// The status code.
    #[serde(default = "ok")]
    pub status: u16,
    /// Names and values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Text, or what becomes JSON.
    #[serde(default)]
    pub body: Value,
    /// In seconds.
    #[serde(default)]
    pub delay: f64,
}

/// What a Git repository asks for, and what it does with pushes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GitSettings {
    /// The repository's name.
    pub repo: String,
    /// `user:password` that basic authentication wants.
    pub user: Option<String>,
    /// The bearer token that is wanted.
    pub token: Option<String>,
    /// What a hook says when it declines every push.
    pub reject: Option<String>,
    /// Whether the server takes push options.
    #[serde(default)]
    pub push_options: bool,
}

/// A commit of the scenario itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Commit {
    /// The repository's name.
    pub repo: String,
    /// The branch that moves.
    #[serde(default = "main_branch")]
    pub branch: String,
    /// The branch it starts from, if not from itself.
    pub from: Option<String>,
    /// Contents by path; none deletes. Without files there is no commit.
    pub files: Option<BTreeMap<String, Option<String>>>,
    /// The commit's message.
    #[serde(default = "message")]
    pub message: String,
    /// A tag for the commit.
    pub tag: Option<String>,
    /// A branch to delete.
    pub delete_branch: Option<String>,
}

/// What must hold for an object.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Until {
    /// `gone`: it is not there any more.
    Word(Gone),
    /// Conditions by type, `reason` and `message` of Ready, and texts in status fields.
    Holds(BTreeMap<String, Value>),
}

/// The one word an object can be waited for with.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Gone {
    /// The object is deleted.
    Gone,
}

impl Scenario {
    /// Reads a scenario from what its YAML holds.
    ///
    /// # Errors
    ///
    /// If it says something this player does not know.
    pub(crate) fn parse(document: Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(document)
    }
}

impl Responses {
    /// The answers in their order.
    pub(crate) fn into_vec(self) -> Vec<Response> {
        match self {
            Self::Several(several) => several,
            Self::One(one) => vec![one],
        }
    }
}

impl Response {
    /// The body as it is sent.
    pub(crate) fn text(&self) -> String {
        match &self.body {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            json => json.to_string(),
        }
    }
}

fn recorded() -> bool {
    true
}

fn waits() -> bool {
    true
}

fn ok() -> u16 {
    200
}

fn main_branch() -> String {
    "main".to_owned()
}

fn message() -> String {
    "change".to_owned()
}
