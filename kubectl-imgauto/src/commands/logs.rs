//! `logs`: what the controllers log about resources, on lines as flux prints them.

mod entry;
mod stream;

use futures::stream::{StreamExt as _, select_all};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, ResourceExt as _};

use super::events::subject;
use crate::cluster::{Attempt, Cluster, refused};
use crate::error::{CliError, ExitStatus};
use crate::flag_value;
use crate::noun::nearest;
use crate::session::{Reader, Session, printable};
use engine::duration::GoDuration;

use entry::{Entry, Filter, Scope};
use stream::Source;

/// The namespace our manifests install into.
const OWN_NAMESPACE: &str = "imgauto-system";

/// The pods whose logs are about images: ours, and those of Flux.
const SELECTORS: [&str; 2] = [
    "app.kubernetes.io/name in (imgauto-reconciler,imgauto-webhook)",
    "app in (image-reflector-controller,image-automation-controller)",
];

/// The annotation that names the container one means if one names none.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The container of Flux's controllers, where a pod has several.
const FLUX_CONTAINER: &str = "manager";

/// The levels of lines.
const LEVELS: &[&str] = &["trace", "debug", "info", "warn", "error"];

/// Flags of `logs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl imgauto logs -A --since=10m
  kubectl imgauto logs --kind=policy --name=podinfo --level=error
  kubectl imgauto logs -A --follow --tail=0")]
pub(crate) struct Args {
    /// Only lines of this level: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Only lines about objects of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only lines about objects of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Go on and print what is logged next
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines of each log to read; -1 is all
    #[arg(long, value_name = "LINES", default_value_t = -1)]
    tail: i64,
    /// Only lines of this last time, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = flag_value::duration)]
    since: Option<GoDuration>,
    /// Only lines after this time, in RFC 3339
    #[arg(long, value_name = "TIME")]
    since_time: Option<String>,
    /// Namespace the controllers run in, if it is neither flux-system nor imgauto-system
    #[arg(long, value_name = "NAMESPACE")]
    flux_namespace: Option<String>,
    /// Print lines about objects in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

/// Prints the logs of the controllers, and goes on if asked to.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let parameters = parameters(args)?;
    let filter = Filter {
        level: args.level.clone(),
        kinds: args.kind.as_deref().map_or(Ok(Vec::new()), kinds)?,
        name: args.name.clone().filter(|name| !name.is_empty()),
        scope: match args.all_namespaces {
            true => Scope::Cluster,
            false => Scope::Namespace(session.namespace_to_look_in()?),
        },
    };
    let namespaces = namespaces(args, session);
    let cluster = Cluster::open(session)?;
    cluster.run(async {
        let client = &cluster.client;
        let pods = pods(client, &namespaces).await?;
        let sources = pods.iter().map(|pod| source(client, pod, &parameters));
        print(sources.collect(), args, &filter, session).await
    })
}

/// Reads the flags that the API server gets.
fn parameters(args: &Args) -> Result<LogParams, CliError> {
    if let Some(level) = &args.level
        && !LEVELS.contains(&level.as_str())
    {
        let levels = LEVELS.join(", ");
        let error = CliError::usage(format!(
            "unsupported log level '{level}', must be one of: {levels}"
        ));
        return Err(match nearest(level, LEVELS.iter().copied()) {
            Some(near) => error.at([format!("did you mean {near}?")]),
            None => error,
        });
    }
    let since = args.since.map(std::time::Duration::try_from);
    let since = since
        .transpose()
        .map_err(|_| CliError::usage("--since is below zero"))?;
    let since = since.filter(|since| !since.is_zero());
    let since_time = args.since_time.as_deref().filter(|time| !time.is_empty());
    if since.is_some() && since_time.is_some() {
        return Err(CliError::usage(
            "at most one of --since and --since-time may be specified",
        ));
    }
    let since_time = since_time.map(|time| {
        let parsed = time.parse::<Timestamp>();
        parsed.map_err(|_| {
            CliError::usage(format!("{time} is not a valid (RFC3339) time"))
                .next("--since-time=2026-01-31T12:00:00Z")
        })
    });
    Ok(LogParams {
        follow: args.follow,
        tail_lines: Some(args.tail).filter(|lines| *lines >= 0),
        // Less than half a second would be no limit.
        since_seconds: since
            .map(|since| i64::try_from(since.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)),
        since_time: since_time.transpose()?,
        ..LogParams::default()
    })
}

fn kinds(word: &str) -> Result<Vec<String>, CliError> {
    let kinds = match word {
        "" => return Ok(Vec::new()),
        word => subject::kinds(word),
    };
    if kinds.is_empty() {
        return Err(subject::no_kind(word).next("kubectl imgauto logs --kind=policy"));
    }
    Ok(kinds)
}

/// Where controllers are looked for.
fn namespaces(args: &Args, session: &Session<'_>) -> Vec<String> {
    if let Some(named) = args.flux_namespace.as_ref().filter(|name| !name.is_empty()) {
        return vec![named.clone()];
    }
    let flux = session.environment.variable("FLUX_SYSTEM_NAMESPACE");
    let flux = flux.map_or(api::keys::DEFAULT_NAMESPACE.into(), |name| {
        name.to_string_lossy()
    });
    vec![flux.into_owned(), OWN_NAMESPACE.to_owned()]
}

/// The pods of controllers that have begun to run.
async fn pods(client: &Client, namespaces: &[String]) -> Result<Vec<Pod>, CliError> {
    let mut pods = Vec::new();
    let mut refusals = Vec::new();
    for namespace in namespaces {
        let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
        for selector in SELECTORS {
            match api.list(&ListParams::default().labels(selector)).await {
                Ok(list) => pods.extend(list.items),
                Err(error) => refusals.push(refused(
                    &error,
                    Attempt {
                        verb: "list",
                        what: "Pod",
                        api_version: "v1",
                    },
                )),
            }
        }
    }
    pods.retain(|pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        phase != Some("Pending")
    });
    if !pods.is_empty() {
        return Ok(pods);
    }
    Err(refusals.into_iter().next().unwrap_or_else(|| {
        let places: Vec<_> = namespaces.iter().map(|name| format!("{name:?}")).collect();
        CliError::failure(format!(
            "no running pods of imgauto or of Flux's image controllers found in namespace {}",
            places.join(" or ")
        ))
        .next("kubectl imgauto logs --flux-namespace=NAMESPACE")
        .next("kubectl imgauto install")
    }))
}

fn source(client: &Client, pod: &Pod, parameters: &LogParams) -> Source {
    let named = pod.annotations().get(DEFAULT_CONTAINER).cloned();
    let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
    let container = named.or_else(|| (containers.len() > 1).then(|| FLUX_CONTAINER.to_owned()));
    Source {
        api: Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default()),
        pod: pod.name_any(),
        parameters: LogParams {
            container,
            ..parameters.clone()
        },
    }
}

/// Prints one log after the other, or all at once as they grow. A log that cannot be read does not keep the others back.
async fn print(
    sources: Vec<Source>,
    args: &Args,
    filter: &Filter,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let logs = sources.into_iter().map(Source::lines);
    let mut lines = if args.follow {
        select_all(logs).boxed()
    } else {
        futures::stream::iter(logs).flatten().boxed()
    };
    let mut problems = Vec::new();
    while let Some(line) = lines.next().await {
        let line = match line {
            Ok(line) => line,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let entry = Entry::parse(&line).filter(|entry| filter.takes(entry));
        if let Some(entry) = entry
            && session.stream(&printable(&entry.line()))? == Reader::Gone
        {
            break;
        }
    }
    CliError::all(problems)?;
    Ok(ExitStatus::Done)
}
