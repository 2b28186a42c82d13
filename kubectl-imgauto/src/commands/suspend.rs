//! `suspend`: stops the work on objects.

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use kube::api::ListParams;

use super::objects::Objects;
use super::reconciliation::Limit;
use super::subjects::{self, Kind, Subject, Subjects, Words};
use super::suspension::Switch;
use crate::cluster::Cluster;
use crate::error::{CliError, ExitStatus};
use crate::image_kind::ImageKind;
use crate::session::Session;

/// Flags of `suspend`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto suspend update flux-system\n  kubectl imgauto suspend policy podinfo frontend\n  kubectl imgauto suspend repository --all"
)]
pub(crate) struct Args {
    #[command(flatten)]
    words: Words,
    /// Change nothing; print the manifests that suspend them, to be committed
    #[arg(long)]
    export: bool,
}

/// Suspends the objects.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let missing = |kind: Kind| format!("{} name is required", kind.human());
    let subjects = args.words.read("suspend", missing)?;
    let namespace = session.namespace_to_look_in()?;
    let cluster = Cluster::open(session)?;
    let work = Work {
        args,
        cluster: &cluster,
        namespace: &namespace,
        limit: Limit::of(session.globals),
    };
    match subjects {
        Subjects::Named(subjects) => {
            subjects::each(session, &subjects, |session, subject| match subject.kind {
                Kind::Repository => work.one::<ImageRepository>(session, subject),
                Kind::Policy => work.one::<ImagePolicy>(session, subject),
                Kind::Update => work.one::<ImageUpdateAutomation>(session, subject),
            })
        }
        Subjects::All(Kind::Repository) => work.all::<ImageRepository>(session),
        Subjects::All(Kind::Policy) => work.all::<ImagePolicy>(session),
        Subjects::All(Kind::Update) => work.all::<ImageUpdateAutomation>(session),
    }
}

/// What a command works with.
struct Work<'a> {
    args: &'a Args,
    cluster: &'a Cluster,
    namespace: &'a str,
    limit: Limit,
}

impl Work<'_> {
    fn one<K: ImageKind>(
        &self,
        session: &mut Session<'_>,
        subject: &Subject,
    ) -> Result<(), CliError> {
        let objects = Objects::<K>::new(&self.cluster.client, self.namespace);
        let work = async {
            let found = objects.find(&subject.name).await?;
            let object = found.ok_or_else(|| {
                let (kind, name, namespace) = (K::KIND, &subject.name, self.namespace);
                CliError::failure(format!("{kind} {name} not found in {namespace} namespace"))
            })?;
            self.suspend(session, &objects, &object).await
        };
        let limit = self.limit;
        self.cluster.run(limit.bound(work))
    }

    fn all<K: ImageKind>(&self, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
        let objects = Objects::<K>::new(&self.cluster.client, self.namespace);
        let limit = self.limit;
        let work = async {
            let found = objects.list(&ListParams::default()).await?;
            if found.is_empty() {
                return Err(CliError::failure("no objects found"));
            }
            for object in &found {
                self.suspend(session, &objects, object).await?;
            }
            Ok(ExitStatus::Done)
        };
        self.cluster.run(limit.bound(work))
    }

    async fn suspend<K: ImageKind>(
        &self,
        session: &mut Session<'_>,
        objects: &Objects<K>,
        object: &K,
    ) -> Result<(), CliError> {
        if self.args.export {
            let manifest = Switch::Suspend.manifest(object)?;
            return session.stream(&manifest).map(|_| ());
        }
        Switch::Suspend.apply(session, objects, object).await
    }
}
