//! `reconcile`: has objects looked at now, and reports what came of it.

mod once;
mod sources;

use api::{GitRepository, ImagePolicy, ImageRepository, ImageUpdateAutomation};
use kube::api::ListParams;
use kube::{Client, ResourceExt as _};

use super::objects::Objects;
use super::reconciliation::{self, Awaited, Limit, Reconciled};
use super::subjects::{self, Kind, Subject, Subjects, Words};
use super::suspension::SWITCHER;
use crate::cluster::Cluster;
use crate::error::{CliError, ExitStatus};
use crate::flag_value;
use crate::image_kind::ImageKind;
use crate::session::Session;

use sources::{Place, Source};

/// Flags of `reconcile`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto reconcile repository podinfo\n  kubectl imgauto reconcile update flux-system --with-source\n  kubectl imgauto reconcile policy --all"
)]
pub(crate) struct Args {
    #[command(flatten)]
    words: Words,
    /// First reconcile what they depend on: the GitRepository and the repositories and policies of an
    /// update, the repository of a policy
    #[arg(long)]
    with_source: bool,
    /// Reconcile a suspended object too
    ///
    /// It is resumed, reconciled and suspended again, also when the wait is stopped or runs out of
    /// time. Only kill -9 and the loss of the cluster come in between.
    #[arg(long)]
    once: bool,
    /// Wait for the result
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", value_parser = flag_value::switch, action = clap::ArgAction::Set)]
    wait: bool,
}

/// Has the objects reconciled.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let missing = |kind: Kind| format!("{} name is required", kind.name());
    let subjects = args.words.read("reconcile", missing)?;
    if args.once && !args.wait {
        return Err(CliError::usage(
            "--once suspends again what was reconciled, so it has to wait",
        )
        .next("leave --wait=false out, or use kubectl imgauto resume"));
    }
    let namespace = session.namespace_to_look_in()?;
    let cluster = Cluster::open(session)?;
    let mut work = Work {
        args,
        cluster: &cluster,
        namespace: &namespace,
        limit: Limit::of(session.globals),
        finished: Vec::new(),
    };
    let subjects = match subjects {
        Subjects::Named(subjects) => subjects,
        Subjects::All(kind) => work.all(kind)?,
    };
    subjects::each(session, &subjects, |session, subject| match subject.kind {
        Kind::Repository => work.reconcile::<ImageRepository>(session, subject),
        Kind::Policy => work.reconcile::<ImagePolicy>(session, subject),
        Kind::Update => work.reconcile::<ImageUpdateAutomation>(session, subject),
    })
}

/// What a command works with.
struct Work<'a> {
    args: &'a Args,
    cluster: &'a Cluster,
    namespace: &'a str,
    limit: Limit,
    /// What others depended on and need not be reconciled again.
    finished: Vec<Source>,
}

impl Work<'_> {
    /// Finds all objects of a kind; that there are none is an error.
    fn all(&self, kind: Kind) -> Result<Vec<Subject>, CliError> {
        let names = match kind {
            Kind::Repository => self.names::<ImageRepository>(),
            Kind::Policy => self.names::<ImagePolicy>(),
            Kind::Update => self.names::<ImageUpdateAutomation>(),
        }?;
        if names.is_empty() {
            return Err(CliError::failure(format!(
                "no {} objects found in {} namespace",
                kind.name(),
                self.namespace
            )));
        }
        let subject = |name| Subject { kind, name };
        Ok(names.into_iter().map(subject).collect())
    }

    fn names<K: ImageKind>(&self) -> Result<Vec<String>, CliError> {
        let objects = Objects::<K>::new(&self.cluster.client, self.namespace);
        let listed = self
            .cluster
            .run(self.limit.bound(objects.list(&ListParams::default())))?;
        Ok(listed.iter().map(|object| object.name_any()).collect())
    }

    fn reconcile<K: ImageKind>(
        &mut self,
        session: &mut Session<'_>,
        subject: &Subject,
    ) -> Result<(), CliError> {
        let objects = Objects::<K>::new(&self.cluster.client, self.namespace);
        let (client, namespace, limit) = (&self.cluster.client, self.namespace, self.limit);
        let object = self.cluster.run(limit.bound(objects.get(&subject.name)))?;
        if object.is_suspended() && !self.args.once {
            return Err(CliError::failure("resource is suspended"));
        }
        if self.args.with_source {
            let found = self
                .cluster
                .run(limit.bound(sources::of(client, namespace, subject)))?;
            for source in found {
                if !self.finished.contains(&source) {
                    self.reconcile_source(session, &source)?;
                    self.finished.push(source);
                }
            }
        }
        if object.is_suspended() {
            return once::reconcile(self.cluster, session, &objects, &object, limit);
        }
        let asked = ask(session, &objects, &object);
        let before = self.cluster.run(limit.bound(asked))?;
        if !self.args.wait {
            return Ok(());
        }
        let told = answered(session, &objects, &subject.name, before.as_deref(), limit);
        self.cluster.run(told)
    }

    /// Reconciles what others depend on, unless it is suspended.
    fn reconcile_source(&self, session: &mut Session<'_>, source: &Source) -> Result<(), CliError> {
        let (client, limit) = (&self.cluster.client, self.limit);
        match source {
            Source::Git(place) => {
                let work = reconcile_git(client, session, place, self.args, limit);
                self.cluster.run(work)
            }
            Source::Repository(place) => {
                let work = dependency::<ImageRepository>(client, session, place, self.args, limit);
                self.cluster.run(work)
            }
            Source::Policy(place) => {
                let work = dependency::<ImagePolicy>(client, session, place, self.args, limit);
                self.cluster.run(work)
            }
        }
    }
}

/// Asks for a reconcile of an object, and returns the last request that was answered before.
async fn ask<K: ImageKind>(
    session: &mut Session<'_>,
    objects: &Objects<K>,
    object: &K,
) -> Result<Option<String>, CliError> {
    annotate(session, objects, &object.name_any()).await?;
    Ok(object.answered_request().map(str::to_owned))
}

/// Puts the annotation on an object that asks for its reconcile, with flux's lines.
async fn annotate<K: Reconciled>(
    session: &mut Session<'_>,
    objects: &Objects<K>,
    name: &str,
) -> Result<(), CliError> {
    let (kind, namespace) = (K::kind(&()), &objects.namespace);
    session.note(&format!(
        "annotating {kind} {name} in {namespace} namespace"
    ));
    let request = reconciliation::request();
    objects.change(name, SWITCHER, &request).await?;
    session.done(&format!("{kind} annotated"));
    Ok(())
}

/// Waits for the answer to a request, with flux's lines.
async fn answered<K: ImageKind>(
    session: &mut Session<'_>,
    objects: &Objects<K>,
    name: &str,
    before: Option<&str>,
    limit: Limit,
) -> Result<(), CliError> {
    session.waiting(&format!("waiting for {} reconciliation", K::KIND));
    let awaited = Awaited::Answer { before };
    let waited = reconciliation::wait(objects, name, awaited, limit).await;
    let object = waited.map_err(|failure| failure.into_error(K::KIND, limit))?;
    session.done(&object.result());
    Ok(())
}

/// Reconciles an object that others depend on, unless it is suspended.
async fn dependency<K: ImageKind>(
    client: &Client,
    session: &mut Session<'_>,
    place: &Place,
    args: &Args,
    limit: Limit,
) -> Result<(), CliError> {
    let objects = Objects::<K>::new(client, &place.namespace);
    let object = limit.bound(objects.get(&place.name)).await?;
    if object.is_suspended() {
        session.note(&format!("{} {place} is suspended and left alone", K::KIND));
        return Ok(());
    }
    let before = limit.bound(ask(session, &objects, &object)).await?;
    if args.wait {
        answered(session, &objects, &place.name, before.as_deref(), limit).await?;
    }
    Ok(())
}

/// Has Flux fetch a source, unless it is suspended or nobody has ever looked at it.
async fn reconcile_git(
    client: &Client,
    session: &mut Session<'_>,
    place: &Place,
    args: &Args,
    limit: Limit,
) -> Result<(), CliError> {
    const KIND: &str = "GitRepository";
    let objects = Objects::<GitRepository>::new(client, &place.namespace);
    let source = limit.bound(objects.get(&place.name)).await?;
    if source.spec.suspend {
        session.note(&format!("{KIND} {place} is suspended and left alone"));
        return Ok(());
    }
    let status = source.status.as_ref();
    if status.is_none_or(|status| status.conditions.is_empty()) {
        // Where Flux's source controller is not installed, automations fetch all the same.
        session.note(&format!(
            "{KIND} {place} is left alone: no source controller has looked at it"
        ));
        return Ok(());
    }
    let before = status.and_then(|status| status.last_handled_reconcile_at.clone());
    limit
        .bound(annotate(session, &objects, &place.name))
        .await?;
    if !args.wait {
        return Ok(());
    }
    session.waiting(&format!("waiting for {KIND} reconciliation"));
    let awaited = Awaited::Answer {
        before: before.as_deref(),
    };
    let waited = reconciliation::wait(&objects, &place.name, awaited, limit).await;
    let source = waited.map_err(|failure| failure.into_error(KIND, limit))?;
    let artifact = source.status.and_then(|status| status.artifact);
    let revision = artifact
        .map(|artifact| artifact.revision)
        .unwrap_or_default();
    session.done(&format!("fetched revision {revision}"));
    Ok(())
}
