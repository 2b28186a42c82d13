//! `resume`: starts the work on suspended objects again.

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use futures::future::join_all;
use kube::ResourceExt as _;
use kube::api::ListParams;

use super::objects::Objects;
use super::reconciliation::{self, Awaited, Failure, Limit};
use super::subjects::{self, Kind, Subject, Subjects, Words};
use super::suspension::Switch;
use crate::cluster::Cluster;
use crate::error::{CliError, ExitStatus};
use crate::flag_value;
use crate::image_kind::ImageKind;
use crate::session::Session;

/// Flags of `resume`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto resume update flux-system\n  kubectl imgauto resume policy podinfo frontend --wait\n  kubectl imgauto resume repository --all"
)]
pub(crate) struct Args {
    #[command(flatten)]
    words: Words,
    /// Wait until they are reconciled; the default for a single name
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = flag_value::switch, action = clap::ArgAction::Set)]
    wait: Option<bool>,
    /// Change nothing; print the manifests that resume them, to be committed
    #[arg(long)]
    export: bool,
}

/// Resumes the objects.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let missing = |kind: Kind| format!("{} name is required", kind.human());
    let subjects = args.words.read("resume", missing)?;
    let namespace = session.namespace_to_look_in()?;
    let cluster = Cluster::open(session)?;
    let single = matches!(&subjects, Subjects::Named(names) if names.len() == 1);
    let work = Work {
        export: args.export,
        waits: args.wait.unwrap_or(single),
        cluster: &cluster,
        namespace: &namespace,
        limit: Limit::of(session.globals),
    };
    let mut status = ExitStatus::Done;
    for kind in [Kind::Repository, Kind::Policy, Kind::Update] {
        let Some(wanted) = Wanted::of(&subjects, kind) else {
            continue;
        };
        let ended = match kind {
            Kind::Repository => work.resume::<ImageRepository>(session, &wanted),
            Kind::Policy => work.resume::<ImagePolicy>(session, &wanted),
            Kind::Update => work.resume::<ImageUpdateAutomation>(session, &wanted),
        }?;
        if status == ExitStatus::Done {
            status = ended;
        }
    }
    Ok(status)
}

/// The objects of one kind that are meant.
enum Wanted<'a> {
    Named(Vec<&'a str>),
    All,
}

impl<'a> Wanted<'a> {
    fn of(subjects: &'a Subjects, kind: Kind) -> Option<Self> {
        match subjects {
            Subjects::All(all) => (*all == kind).then_some(Self::All),
            Subjects::Named(subjects) => {
                let of_kind = |subject: &&Subject| subject.kind == kind;
                let names = subjects.iter().filter(of_kind);
                let names: Vec<_> = names.map(|subject| subject.name.as_str()).collect();
                (!names.is_empty()).then_some(Self::Named(names))
            }
        }
    }
}

/// What a command works with.
struct Work<'a> {
    export: bool,
    waits: bool,
    cluster: &'a Cluster,
    namespace: &'a str,
    limit: Limit,
}

impl Work<'_> {
    fn resume<K: ImageKind>(
        &self,
        session: &mut Session<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<ExitStatus, CliError> {
        let objects = Objects::<K>::new(&self.cluster.client, self.namespace);
        let limit = self.limit;
        let mut status = ExitStatus::Done;
        let work = async {
            let (found, complete) = self.find(session, &objects, wanted).await?;
            if !complete {
                status = ExitStatus::No;
            }
            for object in &found {
                if self.export {
                    session.stream(&Switch::Resume.manifest(object)?)?;
                } else {
                    Switch::Resume.apply(session, &objects, object).await?;
                }
            }
            Ok(found)
        };
        let resumed = self.cluster.run(limit.bound(work))?;
        if !self.waits || self.export || resumed.is_empty() {
            return Ok(status);
        }
        self.cluster.run(wait(session, &objects, &resumed, limit))?;
        Ok(status)
    }

    /// Returns the objects that are there, and tells of those that are not.
    async fn find<K: ImageKind>(
        &self,
        session: &mut Session<'_>,
        objects: &Objects<K>,
        wanted: &Wanted<'_>,
    ) -> Result<(Vec<K>, bool), CliError> {
        let (kind, namespace) = (K::KIND, self.namespace);
        let names = match wanted {
            Wanted::Named(names) => names,
            Wanted::All => {
                let found = objects.list(&ListParams::default()).await?;
                if found.is_empty() {
                    session.fail(&format!("no {kind} objects found in {namespace} namespace"));
                }
                let complete = !found.is_empty();
                return Ok((found, complete));
            }
        };
        let mut found = Vec::new();
        for name in names {
            match objects.find(name).await? {
                Some(object) => found.push(object),
                None => session.fail(&format!(
                    "{kind} object '{name}' not found in {namespace} namespace"
                )),
            }
        }
        let complete = found.len() == names.len();
        Ok((found, complete))
    }
}

/// Waits until all of them are reconciled, and tells of each in the order of their names.
async fn wait<K: ImageKind>(
    session: &mut Session<'_>,
    objects: &Objects<K>,
    resumed: &[K],
    limit: Limit,
) -> Result<(), CliError> {
    let kind = K::KIND;
    for _ in resumed {
        session.waiting(&format!("waiting for {kind} reconciliation"));
    }
    let mut names: Vec<_> = resumed.iter().map(|object| object.name_any()).collect();
    names.sort();
    let waits = names
        .iter()
        .map(|name| reconciliation::wait(objects, name, Awaited::Ready, limit));
    let ends = join_all(waits).await;
    let (mut failed, mut late) = (0, false);
    for (name, end) in names.iter().zip(ends) {
        let why = match end {
            Ok(object) => {
                session.done(&format!("{kind} {name} reconciliation completed"));
                session.done(&object.result());
                continue;
            }
            Err(Failure::Ended(message) | Failure::Failing(message)) => message,
            Err(Failure::Late { last }) => {
                late = true;
                let last = last.map(|last| format!(": {last}")).unwrap_or_default();
                format!("no end within {}{last}", limit.length)
            }
            Err(Failure::Unseen(error)) => {
                subjects::tell(session, &error);
                "it cannot be looked at".to_owned()
            }
        };
        failed += 1;
        session.fail(&format!("{kind} {name} reconciliation failed: {why}"));
    }
    let message = format!("reconciliation failed for {failed} {kind}(s)");
    match (failed, late) {
        (0, _) => Ok(()),
        (_, true) => Err(CliError::timed_out(message)),
        (_, false) => Err(CliError::failure(message)),
    }
}
