//! `events`: what controllers said of resources, the newest last.

mod age;
mod rows;
pub(in crate::commands) mod subject;

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, TypeMeta};
use kube::runtime::watcher;
use kube::{Api, Client};
use serde_json::Value;

use super::get::feed::{Change, Feed, Watched};
use super::inputs;
use crate::cluster::{Attempt, Cluster, refused};
use crate::error::{CliError, ExitStatus};
use crate::format::{self, Format, Width, for_reader, lay_out};
use crate::session::{Reader, Session};
use crate::table::Headings;

use rows::{Namespaces, Shown};
use subject::Subject;

pub(in crate::commands) use age::age;

/// What `-o` takes.
const FORMATS: &[&str] = &["wide", "json", "yaml", "jsonpath"];

/// Flags of `events`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl imgauto events
  kubectl imgauto events --for policy/podinfo
  kubectl imgauto events --for ImageUpdateAutomation --types=Warning -A
  kubectl imgauto events --for deployment/podinfo --watch")]
pub(crate) struct Args {
    /// Only events of these objects: KIND or KIND/NAME; with a policy come those of its repository
    #[arg(long = "for", value_name = "KIND[/NAME]")]
    subject: Option<String>,
    /// Only events of these types: Normal, Warning
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Print no headings
    #[arg(long, alias = "no-header")]
    no_headers: bool,
    /// Go on and show what comes
    #[arg(short, long)]
    watch: bool,
    /// How to print: wide, json, yaml or jsonpath=TEMPLATE
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<String>,
}

/// Events of one namespace or all, of one object or many.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Query {
    namespace: Option<String>,
    fields: Option<String>,
}

/// What is shown, and how.
struct View {
    format: Format,
    headings: Headings,
    width: Width,
    shown: Shown,
}

/// Prints events, and goes on to print those that come if asked to.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let format = match &args.output {
        Some(text) => Format::parse(text, FORMATS)?,
        None => Format::Table,
    };
    let subject = args.subject.as_deref().filter(|text| !text.is_empty());
    let subject = subject.map(Subject::parse).transpose()?;
    let mut view = View {
        width: Width::of(&format, session.environment),
        format,
        headings: match args.no_headers {
            true => Headings::Hidden,
            false => Headings::Shown,
        },
        shown: Shown::read(&args.types, subject.as_ref())?,
    };
    let namespace = session.namespace_to_look_in()?;
    let cluster = Cluster::open(session)?;
    let limit = session.globals.timeout;
    let queries = cluster.run_within(
        inputs::timeout(limit),
        queries(&cluster.client, args, subject.as_ref(), &namespace),
        || late(limit),
    )?;
    let own = (!args.all_namespaces).then_some(&namespace);
    let is_elsewhere = |query: &Query| query.namespace.as_ref() != own;
    if args.all_namespaces || queries.iter().any(is_elsewhere) {
        view.shown.namespaces = Namespaces::Shown;
    }
    if args.watch {
        return cluster.run(watch(&cluster.client, &queries, view, session));
    }
    let events = cluster.run_within(
        inputs::timeout(limit),
        list(&cluster.client, &queries),
        || late(limit),
    )?;
    show(events, args, &namespace, &view, session)
}

fn late(limit: engine::duration::GoDuration) -> CliError {
    CliError::timed_out(format!("no answer from the API server within {limit}"))
}

fn show(
    mut events: Vec<Value>,
    args: &Args,
    namespace: &str,
    view: &View,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    events.retain(|event| view.shown.takes(event));
    events.sort_by_key(rows::time);
    if let Format::Document(document) = &view.format {
        let text = document.objects(format::list(events))?;
        return session.print(&for_reader(&text, session.environment));
    }
    if events.is_empty() {
        session.fail(&match args.all_namespaces {
            true => "No events found.".to_owned(),
            false => format!("No events found in {namespace} namespace."),
        });
        return Ok(ExitStatus::Done);
    }
    let table = rows::table(&events, view.shown.namespaces, Timestamp::now());
    session.print(&lay_out(&table, view.headings, view.width))
}

/// Prints events as they come. Those that the API server forgets are no news.
async fn watch(
    client: &Client,
    queries: &[Query],
    mut view: View,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let watched = queries.iter().map(|query| Watched {
        api: query.api(client),
        config: watcher::Config {
            field_selector: query.fields.clone(),
            ..watcher::Config::default()
        },
        kind: "Event".to_owned(),
        api_version: "v1".to_owned(),
    });
    let mut feed = Feed::open(watched.collect());
    let mut separator = "";
    while let Some(changes) = feed.next(session).await? {
        let events = changes.into_iter().filter_map(|change| match change {
            Change::Applied(event) => Some(event).filter(|event| view.shown.takes(event)),
            Change::Gone(_) => None,
        });
        for event in events.collect::<Vec<_>>() {
            let text = match &view.format {
                Format::Document(document) => {
                    let text = format!("{separator}{}", document.objects(event)?);
                    separator = document.separator();
                    for_reader(&text, session.environment)
                }
                _ => {
                    let table = rows::table(&[event], view.shown.namespaces, Timestamp::now());
                    lay_out(&table, view.headings, view.width)
                }
            };
            view.headings = Headings::Hidden;
            if session.stream(&text)? == Reader::Gone {
                return Ok(ExitStatus::Done);
            }
        }
    }
    Ok(ExitStatus::Done)
}

/// The questions that answer the flags: about the objects themselves, and about what they refer to.
async fn queries(
    client: &Client,
    args: &Args,
    subject: Option<&Subject>,
    namespace: &str,
) -> Result<Vec<Query>, CliError> {
    let own = (!args.all_namespaces).then(|| namespace.to_owned());
    let Some(subject) = subject else {
        return Ok(vec![Query {
            namespace: own,
            fields: None,
        }]);
    };
    let kinds = subject.kinds.iter();
    let mut queries: Vec<_> = kinds
        .map(|kind| Query::about(own.clone(), kind, subject.name.as_deref()))
        .collect();
    let references = subject.references(client, namespace).await?;
    let about = references
        .into_iter()
        .map(|found| Query::about(Some(found.namespace), &found.kind, Some(&found.name)));
    queries.extend(about);
    Ok(queries)
}

async fn list(client: &Client, queries: &[Query]) -> Result<Vec<Value>, CliError> {
    let answers = queries.iter().map(|query| async move {
        let parameters = ListParams {
            field_selector: query.fields.clone(),
            ..ListParams::default()
        };
        let list = query.api(client).list(&parameters).await;
        let list = list.map_err(|error| {
            let attempt = Attempt {
                verb: "list",
                what: "Event",
                api_version: "v1",
            };
            refused(&error, attempt)
        })?;
        Ok::<_, CliError>(list.items.into_iter().map(with_kind).collect::<Vec<_>>())
    });
    Ok(try_join_all(answers).await?.concat())
}

/// Says what an event is, which the API server leaves out in lists.
fn with_kind(mut event: DynamicObject) -> Value {
    event.types.get_or_insert_with(TypeMeta::resource::<Event>);
    super::get::feed::value(event)
}

impl Query {
    fn about(namespace: Option<String>, kind: &str, name: Option<&str>) -> Self {
        let mut fields = format!("involvedObject.kind={kind}");
        if let Some(name) = name {
            fields += &format!(",involvedObject.name={name}");
        }
        Self {
            namespace,
            fields: Some(fields),
        }
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<Event>(&());
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    }
}
