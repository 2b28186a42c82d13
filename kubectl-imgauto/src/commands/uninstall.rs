//! `uninstall`: imgauto out of a cluster, and nothing of anybody else.

mod inventory;
mod neighbours;
mod removal;

use std::cell::RefCell;

use kube::Client;

use crate::cluster::Cluster;
use crate::commands::inputs;
use crate::consent::{self, Consent};
use crate::error::{CliError, ExitStatus};
use crate::installation;
use crate::session::Session;
use inventory::{Inventory, NamespaceFate, Scope};

/// Flags of `uninstall`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Definitions and the objects of their kinds stay, unless --crds is given.

Examples:
  kubectl imgauto uninstall --dry-run
  kubectl imgauto uninstall --yes
  kubectl imgauto uninstall --crds"
)]
pub(crate) struct Args {
    /// Remove the definitions too, and with them every object of these kinds
    #[arg(long)]
    crds: bool,
    /// Keep the namespace, also if imgauto made it and nothing else is in it
    #[arg(long)]
    keep_namespace: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// The same as --yes, as flux spells it
    #[arg(short, long)]
    silent: bool,
}

/// Removes imgauto.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let scope = Scope {
        namespace: match session.globals.namespace {
            Some(_) => Some(session.namespace()?),
            None => None,
        },
        definitions: if args.crds {
            inventory::Definitions::Removed
        } else {
            inventory::Definitions::Kept
        },
        keeps_namespace: args.keep_namespace,
    };
    let cluster = Cluster::open(session)?;
    let found = cluster.run(inventory::take(&cluster.client, &scope))?;
    if let Some(gap) = found.controllers.gap() {
        session.warn(&gap);
    }
    for line in &found.kept {
        session.note(line);
    }
    if args.dry_run {
        told(&found, session);
        way_back(&found, session);
        session.done("uninstall finished (dry run)");
        return Ok(ExitStatus::Done);
    }
    if found.is_empty() {
        session.done("nothing of imgauto is there to remove");
        return Ok(ExitStatus::Done);
    }
    for loss in &found.losses {
        session.warn(&format!("{loss} will be lost"));
    }
    let consent = if args.yes || args.silent {
        Consent::Given
    } else {
        Consent::Asked
    };
    let all = if args.crds { " --crds" } else { "" };
    let next = format!(
        "kubectl imgauto uninstall{all} --yes -n {}",
        found.namespace
    );
    let consent = consent.checked("uninstall", &next, session)?;
    if consent == Consent::Asked {
        cluster.run(consent::ask(session, &deed(&found)))?;
    }

    let stage = RefCell::new("the API server".to_owned());
    let limit = inputs::timeout(session.globals.timeout);
    let late = || {
        CliError::timed_out(format!("timed out waiting for {}", stage.borrow()))
            .next("kubectl imgauto uninstall --dry-run")
    };
    cluster.run_within(
        limit,
        remove(&found, session, &cluster.client, &stage),
        late,
    )?;
    way_back(&found, session);
    session.done("uninstall finished");
    Ok(ExitStatus::Done)
}

/// What the user is asked to agree to.
fn deed(found: &Inventory) -> String {
    if found.losses.is_empty() {
        format!("uninstall imgauto from {}", found.namespace)
    } else {
        format!(
            "uninstall imgauto from {} with its definitions and all objects of their kinds",
            found.namespace
        )
    }
}

/// Says what would be removed.
fn told(found: &Inventory, session: &mut Session<'_>) {
    for object in &found.objects {
        let title = format!("{} {}", object.kind(), object.name());
        session.done(&format!("{title} deleted (dry run)"));
    }
    for loss in &found.losses {
        session.warn(&format!("{loss} would be lost"));
    }
    if found.fate == NamespaceFate::Removed {
        session.done(&format!("Namespace {} deleted (dry run)", found.namespace));
    }
}

async fn remove(
    found: &Inventory,
    session: &mut Session<'_>,
    client: &Client,
    stage: &RefCell<String>,
) -> Result<(), CliError> {
    let namespace = &found.namespace;
    session.note(&format!("deleting components in {namespace} namespace"));
    for object in &found.objects {
        let title = format!("{} {}", object.kind(), object.name());
        stage.replace(format!("{title} to be gone"));
        if object.is_definition() {
            removal::release(client, object).await?;
        }
        removal::delete(client, object).await?;
        session.done(&format!("{title} deleted"));
    }
    removal::delete_leases(client, namespace).await?;
    if found.fate == NamespaceFate::Removed {
        stage.replace(format!("Namespace {namespace} to be gone"));
        removal::delete_namespace(client, namespace).await?;
        session.done(&format!("Namespace {namespace} deleted"));
    }
    Ok(())
}

/// Says how Flux's controllers come back that gave way to imgauto.
fn way_back(found: &Inventory, session: &mut Session<'_>) {
    let commands = installation::scale(found.controllers.adopted());
    if !commands.is_empty() {
        session
            .note("Flux's image controllers were scaled down for imgauto; to scale them up again:");
    }
    for command in commands {
        session.note(&format!("  {command}"));
    }
}
