//! `delete`: takes objects out of the cluster, with the user's consent.

use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use kube::api::{DeleteParams, Preconditions};

use super::objects::Objects;
use super::ownership;
use super::reconciliation::Limit;
use super::subjects::{self, Kind, Reach, Subject, Subjects};
use crate::cluster::Cluster;
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
    let asks = !args.yes && !args.silent;
    if asks && !session.environment.stdin_is_terminal {
        let words = args.words.join(" ");
        return Err(CliError::usage(
            "delete asks before it deletes, and there is no terminal to ask on",
        )
        .next(format!("kubectl imgauto delete {words} --yes")));
    }
    let namespace = session.namespace_to_look_in()?;
    let cluster = Cluster::open(session)?;
    let work = Work {
        consent: if asks { Consent::Asked } else { Consent::Given },
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

/// Whether the user has agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    /// By a flag.
    Given,
    /// The user is asked.
    Asked,
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
            let question = question(human, self.several.then_some(name));
            // Time to think does not count.
            self.cluster.run(ask(session, &question))?;
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

/// Flux's question; of several objects it says which is meant.
fn question(human: &str, name: Option<&String>) -> String {
    let name = name.map(|name| format!(" {name}")).unwrap_or_default();
    format!("? Are you sure you want to delete this {human}{name}? [y/N] ")
}

/// Asks on the terminal; anything but a yes is a no.
async fn ask(session: &mut Session<'_>, question: &str) -> Result<(), CliError> {
    // Nobody is left to be asked when standard error is gone, and then nothing is read either.
    let shown = session.stderr.write_all(question.as_bytes());
    let shown = shown.and_then(|()| session.stderr.flush());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Not a task: the runtime would wait for a line that may never come when the user presses Ctrl-C.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        // Nobody takes the answer when the user has stopped the program.
        let _ = sender.send(read.map(|_| line));
    });
    match (shown, receiver.await) {
        (Ok(()), Ok(Ok(line))) if is_yes(&line) => Ok(()),
        _ => Err(CliError::failure("aborting")),
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for line in ["y\n", "Y\r\n", " yes \n", "YES"] {
            assert!(is_yes(line), "{line:?}");
        }
        for line in ["", "\n", "n\n", "no\n", "yy\n", "yes please\n"] {
            assert!(!is_yes(line), "{line:?}");
        }
    }

    #[test]
    fn the_question_names_the_object_when_there_are_several() {
        let asked = "? Are you sure you want to delete this image policy? [y/N] ";
        assert_eq!(question("image policy", None), asked);
        let podinfo = "podinfo".to_owned();
        let asked = "? Are you sure you want to delete this image policy podinfo? [y/N] ";
        assert_eq!(question("image policy", Some(&podinfo)), asked);
    }
}
