//! `delete`: takes objects out of the cluster, with the user's consent.

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use kube::api::{DeleteParams, Preconditions};

use super::objects::Objects;
use super::ownership;
use super::reconciliation::Limit;
use super::subjects::{self, Kind, Reach, Subject, Subjects};
use crate::cluster::Cluster;
use crate::consent::{self, Consent};
use crate::error::{CliError, ExitStatus};
use crate::image_kind::ImageKind;
use crate::session::Session;

/// Flags of `delete`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto delete policy podinfo\n  kubectl imgauto delete policy/podinfo repository/podinfo --yes"
)]
pub(crate) struct Args {
    /// Objects: repository, policy or update and names, or repository/NAME and the like
    #[arg(value_name = "NOUN NAME")]
    words: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Do not ask, in the words of flux
    #[arg(short, long)]
    silent: bool,
}

/// Deletes the objects.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let missing = |kind: Kind| format!("{} name is required", kind.human());
    let subjects = subjects::read(&args.words, "delete", Reach::Named, missing)?;
    let subjects = match subjects {
        Subjects::Named(subjects) => subjects,
        Subjects::All(kind) => return Err(CliError::usage(missing(kind))),
    };
    let consent = if args.yes || args.silent {
        Consent::Given
    } else {
        Consent::Asked
    };
    let next = format!("kubectl imgauto delete {} --yes", args.words.join(" "));
    let consent = consent.checked("delete", &next, session)?;
    let namespace = session.namespace_to_look_in()?;
    let cluster = Cluster::open(session)?;
    let work = Work {
        consent,
        several: subjects.len() > 1,
        cluster: &cluster,
        namespace: &namespace,
        limit: Limit::of(session.globals),
    };
    subjects::each(session, &subjects, |session, subject| match subject.kind {
        Kind::Repository => work.delete::<ImageRepository>(session, subject),
        Kind::Policy => work.delete::<ImagePolicy>(session, subject),
        Kind::Update => work.delete::<ImageUpdateAutomation>(session, subject),
    })
}

/// What a command works with.
struct Work<'a> {
    consent: Consent,
    several: bool,
    cluster: &'a Cluster,
    namespace: &'a str,
    limit: Limit,
}

impl Work<'_> {
    fn delete<K: ImageKind>(
        &self,
        session: &mut Session<'_>,
        subject: &Subject,
    ) -> Result<(), CliError> {
        let (name, namespace, human) = (&subject.name, self.namespace, K::HUMAN);
        let objects = Objects::<K>::new(&self.cluster.client, namespace);
        let limit = self.limit;
        let object = self.cluster.run(limit.bound(objects.get(name)))?;
        if let Some(owner) = ownership::owner(object.meta()) {
            session.warn(&format!(
                "{human} {name} is applied by {owner}, which may bring it back: delete its manifest instead"
            ));
        }
        if self.consent == Consent::Asked {
            let deed = deed(human, self.several.then_some(name));
            // Time to think does not count.
            self.cluster.run(consent::ask(session, &deed))?;
        }
        session.note(&format!("deleting {human} {name} in {namespace} namespace"));
        // A namesake that took its place meanwhile is not what was asked about.
        let same = DeleteParams::default().preconditions(Preconditions {
            uid: object.meta().uid.clone(),
            resource_version: None,
        });
        let delete = async {
            let deleted = objects.api.delete(name, &same).await;
            deleted.map_err(|error| objects.refused(&error, "delete", name))
        };
        self.cluster.run(limit.bound(delete))?;
        session.done(&format!("{human} deleted"));
        Ok(())
    }
}

/// What flux asks about; of several objects it says which is meant.
fn deed(human: &str, name: Option<&String>) -> String {
    let name = name.map(|name| format!(" {name}")).unwrap_or_default();
    format!("delete this {human}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_named_when_there_are_several() {
        assert_eq!(deed("image policy", None), "delete this image policy");
        let podinfo = "podinfo".to_owned();
        let named = deed("image policy", Some(&podinfo));
        assert_eq!(named, "delete this image policy podinfo");
    }
}
