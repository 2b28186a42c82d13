//! `install`: imgauto into a cluster, from the manifests built into the program.

mod adopt;
mod apply;
mod facts;
mod hooks;
mod plan;
mod rollout;

use std::cell::RefCell;
use std::collections::BTreeSet;

use clap::{ArgAction, ValueEnum};
use engine::image::Repository;
use reconciler::chain::Chain;

use crate::cluster::Cluster;
use crate::commands::inputs;
use crate::error::{CliError, ExitStatus};
use crate::export;
use crate::flag_value::{self, quoted};
use crate::installation::Role;
use crate::manifests::{self, Component, Object, Settings};
use crate::session::Session;
use apply::{Applied, Way};
use hooks::Patience;
use plan::{Competition, Step, Wishes};

pub(crate) use rollout::trouble;

/// Flags of `install`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without -n, imgauto goes where it already is, else where Flux's controllers are, else to the \
namespace imgauto-system.

Examples:
  kubectl imgauto install --registry=registry.example.com/tools
  kubectl imgauto install --components=reconciler,webhook
  kubectl imgauto install --dry-run=server
  kubectl imgauto install --adopt
  kubectl imgauto install --export > imgauto.yaml"
)]
pub(crate) struct Args {
    /// Print the manifests, ask no cluster
    #[arg(long)]
    export: bool,
    /// Parts to install: reconciler, webhook
    #[arg(
        long,
        value_name = "COMPONENT",
        value_delimiter = ',',
        default_value = "reconciler"
    )]
    components: Vec<String>,
    /// More parts to install; takes the names of Flux's image controllers, whose work the reconciler does
    #[arg(long, value_name = "COMPONENT", value_delimiter = ',')]
    components_extra: Vec<String>,
    /// Registry, and path in it, that your copy of the image `imgauto` lies at
    #[arg(long, value_name = "REGISTRY", value_parser = registry)]
    registry: Option<String>,
    /// Secret with the credentials for that registry, repeatable
    #[arg(long, value_name = "SECRET", value_delimiter = ',')]
    image_pull_secret: Vec<String>,
    /// Scale Flux's image controllers down first, as two writers would undo each other's work
    #[arg(long)]
    adopt: bool,
    /// Install although another tool looks after an installation that is there
    #[arg(long)]
    force: bool,
    /// Change nothing: `client` asks only what is there, `server` lets the API server try each object
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "client", default_value = "none")]
    dry_run: DryRun,
    /// With --dry-run=client: print the manifests that this cluster would get
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
    /// Wait until all is ready
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = flag_value::switch)]
    wait: bool,
    /// How much is logged
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = ["debug", "info", "error"])]
    log_level: String,
    /// Watch all namespaces, not only the reconciler's own
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = flag_value::switch)]
    watch_all_namespaces: bool,
    /// Keys of taints the pods may stand, repeatable
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    toleration_keys: Vec<String>,
}

/// How much of it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// All
    None,
    /// Nothing: the cluster is only looked at
    Client,
    /// Nothing, but the API server tries each object
    Server,
}

/// How manifests are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// As YAML
    Yaml,
}

/// The names of parts: ours, and those of Flux's controllers that the reconciler stands for.
const COMPONENT_NAMES: [(&str, Component); 6] = [
    ("reconciler", Component::Reconciler),
    (manifests::RECONCILER, Component::Reconciler),
    ("image-reflector-controller", Component::Reconciler),
    ("image-automation-controller", Component::Reconciler),
    ("webhook", Component::Webhook),
    (manifests::WEBHOOK, Component::Webhook),
];

/// Installs, or prints what would be installed.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    if args.output.is_some() && args.dry_run != DryRun::Client {
        let message = "-o prints what would be installed, so it needs --dry-run=client";
        return Err(
            CliError::usage(message).next("kubectl imgauto install --dry-run=client -o yaml")
        );
    }
    let wishes = wishes(args, session)?;
    if args.export {
        return session.print(&exported(&wishes)?);
    }
    let cluster = Cluster::open(session)?;
    let stage = RefCell::new("the API server".to_owned());
    let limit = inputs::timeout(session.globals.timeout);
    let late = || {
        CliError::timed_out(format!("timed out waiting for {}", stage.borrow()))
            .next("kubectl imgauto check")
    };
    cluster.run_within(
        limit,
        install(args, wishes, session, &cluster, &stage),
        late,
    )?;
    Ok(ExitStatus::Done)
}

/// The parts that are named; what is no part of imgauto is refused.
fn components(names: impl IntoIterator<Item = String>) -> Result<BTreeSet<Component>, CliError> {
    let named = names.into_iter().filter(|name| !name.is_empty());
    let known = named.map(|name| {
        let mut known = COMPONENT_NAMES.iter();
        let found = known.find(|(word, _)| *word == name);
        found.map(|(_, component)| *component).ok_or_else(|| {
            CliError::usage(format!("unknown component {}", quoted(&name)))
                .at(["imgauto has two: reconciler and webhook".to_owned()])
                .next("kubectl imgauto install --components=reconciler,webhook")
        })
    });
    known.collect()
}

/// Reads the place of the image: what stands in front of `/imgauto:TAG`.
fn registry(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    match Repository::parse(&format!("{text}/imgauto")) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        Ok(_) => Err("must not be empty".to_owned()),
        Err(error) => Err(Chain(&error).to_string()),
    }
}

/// What the user asked for.
fn wishes(args: &Args, session: &mut Session<'_>) -> Result<Wishes, CliError> {
    let names = args.components.iter().chain(&args.components_extra);
    let components = components(names.cloned())?;
    let mut webhook_args = Vec::new();
    if args.log_level != "info" {
        webhook_args.push(format!("--log-level={}", args.log_level));
    }
    let mut reconciler_args = webhook_args.clone();
    if !args.watch_all_namespaces {
        reconciler_args.push("--watch-all-namespaces=false".to_owned());
    }
    // Only the flag counts: the namespace users work in is not the one programs live in.
    let namespace = match session.globals.namespace {
        Some(_) => Some(session.namespace()?),
        None => None,
    };
    Ok(Wishes {
        components,
        namespace,
        registry: args.registry.clone(),
        pull_secrets: args.image_pull_secret.clone(),
        args: reconciler_args,
        webhook_args,
        toleration_keys: args.toleration_keys.clone(),
        competition: if args.adopt {
            Competition::ScaledDown
        } else {
            Competition::Refused
        },
        takes_over: args.force,
    })
}

/// The manifests for a cluster nothing is known of.
fn exported(wishes: &Wishes) -> Result<String, CliError> {
    let settings = Settings {
        components: wishes.components.clone(),
        namespace: wishes
            .namespace
            .clone()
            .unwrap_or_else(|| manifests::NAMESPACE.to_owned()),
        registry: wishes.registry.clone(),
        pull_secrets: wishes.pull_secrets.clone(),
        args: wishes.args.clone(),
        webhook_args: wishes.webhook_args.clone(),
        toleration_keys: wishes.toleration_keys.clone(),
        ..Settings::default()
    };
    documents(&manifests::objects(&settings))
}

/// Objects as a stream of YAML documents.
fn documents<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Result<String, CliError> {
    let documents = objects
        .into_iter()
        .map(|object| export::document(&object.value));
    documents
        .collect::<Result<String, _>>()
        .map_err(|error| CliError::failure(Chain(&error).to_string()))
}

/// Looks at the cluster, decides, and does it.
async fn install(
    args: &Args,
    wishes: Wishes,
    session: &mut Session<'_>,
    cluster: &Cluster,
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    session.generating("generating manifests");
    let facts = facts::gather(&cluster.client, wishes.namespace.as_deref()).await?;
    if let Some(gap) = facts.controllers.gap() {
        session.warn(&gap);
    }
    let plan = plan::plan(&wishes, &facts)?;
    session.done("manifests build completed");
    for warning in &plan.warnings {
        session.warn(warning);
    }
    for note in &plan.notes {
        session.note(note);
    }
    if args.output.is_some() {
        let steps = plan.steps.iter();
        let applied = steps.filter_map(|step| match step {
            Step::Apply(object) => Some(object),
            Step::Leave { .. } => None,
        });
        let text = documents(applied)?;
        return session.print(&text).map(|_| ());
    }
    let way = match args.dry_run {
        DryRun::None => Way::ForGood,
        DryRun::Client => Way::OnlyLook,
        DryRun::Server => Way::OnlyTry,
    };
    if !plan.adopted.is_empty() {
        adopt::scale_down(&plan.adopted, way, session, cluster, stage).await?;
    }
    let namespace = &plan.settings.namespace;
    session.note(&format!("installing components in {namespace} namespace"));
    let (hooks, rest): (Vec<_>, Vec<_>) = plan.steps.iter().partition(|step| step.is_hooks());
    carry_out(&rest, way, session, cluster, stage).await?;
    if way == Way::ForGood && args.wait {
        session.waiting("verifying installation");
        rollout::served(&cluster.client, &plan.definitions(), stage).await?;
        for component in &plan.settings.components {
            let role = match component {
                Component::Reconciler => Role::Reconciler,
                Component::Webhook => Role::Webhook,
            };
            rollout::wait(&cluster.client, namespace, role, stage).await?;
            session.done(&format!("{}: deployment ready", role.name()));
        }
    }
    // Nobody is called who does not answer yet.
    let patience = if args.wait {
        Patience::Waits
    } else {
        Patience::GoesOn
    };
    let hooks = hooks.into_iter().filter_map(|step| match step {
        Step::Apply(object) => Some(object),
        Step::Leave { .. } => None,
    });
    let hooks: Vec<_> = hooks.collect();
    hooks::apply(&hooks, way, patience, session, cluster, stage).await?;
    if way == Way::ForGood {
        for line in adopt::way_back(&plan) {
            session.note(&line);
        }
    }
    session.done(match args.dry_run {
        DryRun::None => "install finished",
        DryRun::Client => "install finished (dry run)",
        DryRun::Server => "install finished (server dry run)",
    });
    Ok(())
}

/// Applies what the plan says, one after the other.
async fn carry_out(
    steps: &[&Step],
    way: Way,
    session: &mut Session<'_>,
    cluster: &Cluster,
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    let mut defined = Vec::new();
    for step in steps {
        let object = match step {
            Step::Apply(object) => object,
            Step::Leave { object, owner } => {
                session.done(&format!("{} left to {owner}", apply::title(object)));
                continue;
            }
        };
        let title = apply::title(object);
        if object.is_definition() {
            defined.push(object.name().to_owned());
        } else if way == Way::ForGood {
            let names = std::mem::take(&mut defined);
            rollout::established(&cluster.client, &names, stage).await?;
        }
        stage.replace(title.clone());
        match apply::apply(&cluster.client, object, way).await? {
            Applied::Untried => {
                session.note(&format!(
                    "{title} not tried: its namespace is not there yet"
                ));
            }
            applied => session.done(&format!("{title} {}", said(applied, way))),
        }
    }
    Ok(())
}

/// What became of an object, as kubectl says it.
fn said(applied: Applied, way: Way) -> String {
    let outcome = match applied {
        Applied::Created => "created",
        Applied::Configured => "configured",
        Applied::Unchanged => "unchanged",
        Applied::Untried => "not tried",
    };
    match way {
        Way::ForGood => outcome.to_owned(),
        Way::OnlyLook => format!("{outcome} (dry run)"),
        Way::OnlyTry => format!("{outcome} (server dry run)"),
    }
}
