//! `export`: prints objects of the cluster as manifests.

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use kube::api::ListParams;

use super::manifest;
use super::objects::Objects;
use super::reconciliation::Limit;
use super::subjects::{self, Kind, Subjects, Words};
use crate::cluster::Cluster;
use crate::error::{CliError, ExitStatus};
use crate::image_kind::ImageKind;
use crate::session::{Reader, Session};

/// Flags of `export`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto export policy podinfo > podinfo-policy.yaml\n  kubectl imgauto export repository --all --minimal"
)]
pub(crate) struct Args {
    #[command(flatten)]
    words: Words,
    /// Leave out what the API server fills in and what tools noted down
    #[arg(long)]
    minimal: bool,
}

/// Prints the objects.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let subjects = args
        .words
        .read("export", |_| "name is required".to_owned())?;
    let namespace = session.namespace_to_look_in()?;
    let cluster = Cluster::open(session)?;
    let work = Work {
        args,
        cluster: &cluster,
        namespace: &namespace,
        limit: Limit::of(session.globals),
    };
    match subjects {
        Subjects::Named(subjects) => subjects::each(session, &subjects, |session, subject| {
            let name = Some(subject.name.as_str());
            match subject.kind {
                Kind::Repository => work.export::<ImageRepository>(session, name),
                Kind::Policy => work.export::<ImagePolicy>(session, name),
                Kind::Update => work.export::<ImageUpdateAutomation>(session, name),
            }
        }),
        Subjects::All(kind) => match kind {
            Kind::Repository => work.export::<ImageRepository>(session, None),
            Kind::Policy => work.export::<ImagePolicy>(session, None),
            Kind::Update => work.export::<ImageUpdateAutomation>(session, None),
        }
        .map(|()| ExitStatus::Done),
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
    /// Prints the object of a name, or without one all of them.
    fn export<K: ImageKind>(
        &self,
        session: &mut Session<'_>,
        name: Option<&str>,
    ) -> Result<(), CliError> {
        let objects = Objects::<K>::new(&self.cluster.client, self.namespace);
        let work = async {
            match name {
                Some(name) => objects.get(name).await.map(|object| vec![object]),
                None => objects.list(&ListParams::default()).await,
            }
        };
        let limit = self.limit;
        let found = self.cluster.run(limit.bound(work))?;
        if found.is_empty() {
            return Err(CliError::failure(format!(
                "no objects found in {} namespace",
                self.namespace
            )));
        }
        for object in &found {
            let mut manifest = manifest::of(object)?;
            if self.args.minimal {
                manifest::minimize(&mut manifest);
            }
            if session.stream(&manifest::yaml(&manifest)?)? == Reader::Gone {
                break;
            }
        }
        Ok(())
    }
}
