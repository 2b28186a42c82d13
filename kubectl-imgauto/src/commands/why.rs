//! `why`: the way of an image link by link, the first broken one, and what mends it.

mod chain;
mod document;
mod events;
pub(crate) mod fix;
#[cfg(test)]
mod tests;
mod unmarked;

use std::path::{Path, PathBuf};

use engine::delivery::{Reason, Seen};
use reconciler::resources::ObjectKey;

use crate::cluster::Cluster;
use crate::commands::inputs;
use crate::commands::status::style::Style;
use crate::error::{CliError, ExitStatus};
use crate::format::Format;
use crate::noun::{Noun, Target, targets};
use crate::observe::{self, Breadth, PolicyRow, Report, Unmanaged};
use crate::session::Session;
use chain::Chain;
use document::WhyReport;

/// Flags of `why`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing is broken; 1 something is; 2 it cannot be told, or there is no such object.

Examples:
  kubectl imgauto why deployment/web
  kubectl imgauto why deployment/web --source . --events
  kubectl imgauto why policy/web -n flux-system
  kubectl imgauto why update/apps -n flux-system -o json"
)]
pub(crate) struct Args {
    /// What is asked about: a workload such as deployment/web, policy/NAME or update/NAME
    #[arg(value_name = "NOUN/NAME")]
    words: Vec<String>,
    /// Checkout of the manifests: what its files say counts as committed, and unmarked lines are found in it
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Show what controllers said lately of the objects on the way
    #[arg(long)]
    events: bool,
    /// How to print it: table, json, yaml, jsonpath=TEMPLATE
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: String,
}

/// Explains it.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let format = Format::parse(&args.output, &["table", "json", "yaml", "jsonpath"])?;
    let targets = named(&args.words)?;
    let namespace = session.namespace()?;
    let scope = scope(&targets, &namespace, args.source.as_deref());
    let cluster = Cluster::open(session)?;
    let limit = inputs::timeout(session.globals.timeout);
    let late = || CliError::timed_out("the API server did not answer in time");
    let look = observe::report(&cluster, &scope);
    let report = cluster.run_within(limit, look, late).map_err(untold)?;
    check(&targets, &namespace, &report)?;
    let mut chains = chains(&report);
    if let Some(root) = &args.source {
        mark(&mut chains, root)?;
    }
    if args.events {
        let tell = events::tell(&cluster.client, &mut chains, report.at);
        cluster.run_within(limit, tell, late)?;
    }
    for missing in &report.missing {
        session.warn(&format!("partial: {missing}"));
    }
    let style = Style::of(session);
    let text = match &format {
        Format::Document(form) => {
            let value = serde_json::to_value(WhyReport::new(&report, &chains));
            let value = value
                .map_err(|error| CliError::failure(format!("cannot write the report: {error}")))?;
            form.report(&value)?
        }
        _ => chain::render(&chains, style),
    };
    session.print(&text)?;
    Ok(verdict(&chains))
}

/// What could not be looked at is neither broken nor whole.
fn untold(error: CliError) -> CliError {
    match error.status() {
        ExitStatus::No => error.undecided(),
        _ => error,
    }
}

/// Reads what is asked about; each has to have a name.
fn named(words: &[String]) -> Result<Vec<Target>, CliError> {
    const NOUNS: [Noun; 3] = [Noun::Workload(None), Noun::Policy, Noun::Update];
    let targets = targets(words, "why", &NOUNS)?;
    let example = "kubectl imgauto why deployment/NAME";
    if targets.is_empty() {
        return Err(CliError::usage("why what? a workload, a policy or an update").next(example));
    }
    match targets.iter().find(|target| target.name.is_none()) {
        Some(target) => {
            let word = target.noun.word();
            let error = CliError::usage(format!("why which {word}? its name is missing"));
            Err(error.next(format!("kubectl imgauto why {word}/NAME")))
        }
        None => Ok(targets),
    }
}

fn scope(targets: &[Target], namespace: &str, source: Option<&Path>) -> observe::Scope {
    let keys = |noun: Noun| {
        let named = targets.iter().filter(move |target| target.noun == noun);
        let names = named.filter_map(|target| target.name.clone());
        names.map(|name| ObjectKey::new(namespace, name)).collect()
    };
    let is_workload = |target: &Target| matches!(target.noun, Noun::Workload(_));
    let scope = observe::Scope {
        namespace: Some(namespace.to_owned()),
        policies: keys(Noun::Policy),
        updates: keys(Noun::Update),
        breadth: match targets.iter().any(is_workload) {
            true => Breadth::Workloads,
            false => Breadth::Policies,
        },
        unmanaged: Unmanaged::Shown,
        source: source.map(Path::to_path_buf),
        ..observe::Scope::default()
    };
    scope.with_targets(targets)
}

/// Says what was asked about and is not there.
fn check(targets: &[Target], namespace: &str, report: &Report) -> Result<(), CliError> {
    let absent = targets.iter().filter_map(|target| {
        let name = target.name.as_deref()?;
        let key = ObjectKey::new(namespace, name);
        let word = target.noun.word();
        let is_there = match target.noun {
            Noun::Policy => !report.policies.iter().any(|row| {
                let is_unknown = row.judgement.reason == Some(Reason::MarkerUnknownPolicy);
                row.policy == key && is_unknown
            }),
            Noun::Update => !report
                .updates
                .iter()
                .any(|row| row.update == key && matches!(row.policies, Seen::Absent)),
            Noun::Workload(kind) => {
                report.rows.iter().any(|row| {
                    let workload = &row.workload;
                    workload.name == name && kind.is_none_or(|kind| kind == workload.kind)
                }) || !report.missing.is_empty()
            }
            Noun::Repository | Noun::All => true,
        };
        let list = match target.noun {
            Noun::Workload(_) => "workloads",
            noun => noun.word(),
        };
        (!is_there).then(|| {
            CliError::usage(format!(
                "there is no {word} {name} in namespace {namespace}"
            ))
            .next(format!("kubectl imgauto get {list} -n {namespace}"))
        })
    });
    CliError::all(absent.collect())
}

/// What is asked about, in the order it was seen.
fn chains(report: &Report) -> Vec<Chain<'_>> {
    let rows = report.rows.iter().map(Chain::of_container);
    let policies = report.policies.iter().map(Chain::of_policy);
    let updates = report.updates.iter().flat_map(|update| {
        let policies: &[PolicyRow] = match &update.policies {
            Seen::Present(policies) => policies,
            Seen::Absent | Seen::Hidden(_) => &[],
        };
        let taken = policies
            .iter()
            .map(|policy| Chain::of_update(update, policy));
        let alone = policies.is_empty().then(|| Chain::of_idle_update(update));
        taken.chain(alone)
    });
    rows.chain(policies).chain(updates).collect()
}

/// Finds the lines of a checkout that have to be marked.
fn mark(chains: &mut [Chain<'_>], root: &Path) -> Result<(), CliError> {
    let unmarked = chains
        .iter_mut()
        .filter(|chain| chain.judgement.reason == Some(Reason::MarkerMissing));
    for chain in unmarked {
        let (Some(row), Some(policy)) = (chain.row, &chain.policy) else {
            continue;
        };
        let wanted = unmarked::Wanted::of(row, policy);
        if let Some(command) = unmarked::command(root, &wanted)? {
            chain.fix = Some(command);
        }
    }
    Ok(())
}

/// Broken is no; what cannot be told is neither.
fn verdict(chains: &[Chain<'_>]) -> ExitStatus {
    if chains.iter().any(Chain::is_broken) {
        ExitStatus::No
    } else if chains.iter().any(Chain::is_unknown) {
        ExitStatus::Usage
    } else {
        ExitStatus::Done
    }
}
