//! What a verb is done to: objects of the three kinds, named one by one or all of a namespace.

use crate::error::{CliError, ExitStatus};
use crate::image_kind::ImageKind as _;
use crate::noun::{self, Noun};
use crate::session::{Markers, Session, printable};

/// One of the three kinds of image automation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ImageRepository.
    Repository,
    /// ImagePolicy.
    Policy,
    /// ImageUpdateAutomation.
    Update,
}

impl Kind {
    /// The kind, as objects name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Repository => api::ImageRepository::KIND,
            Self::Policy => api::ImagePolicy::KIND,
            Self::Update => api::ImageUpdateAutomation::KIND,
        }
    }

    /// What flux calls it in its messages.
    pub(crate) fn human(self) -> &'static str {
        match self {
            Self::Repository => api::ImageRepository::HUMAN,
            Self::Policy => api::ImagePolicy::HUMAN,
            Self::Update => api::ImageUpdateAutomation::HUMAN,
        }
    }

    fn of(noun: Noun) -> Option<Self> {
        match noun {
            Noun::Repository => Some(Self::Repository),
            Noun::Policy => Some(Self::Policy),
            Noun::Update => Some(Self::Update),
            Noun::Workload(_) | Noun::All => None,
        }
    }
}

/// An object a verb is done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Its kind.
    pub(crate) kind: Kind,
    /// Its name.
    pub(crate) name: String,
}

/// What a verb is done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// These objects, each once.
    Named(Vec<Subject>),
    /// All objects of a kind that are in the namespace.
    All(Kind),
}

/// Whether `--all` was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It was not.
    Named,
    /// It was; as with flux, names count nevertheless.
    All,
}

/// The arguments of a verb that takes several objects, or all of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// Objects: repository, policy or update and names, or repository/NAME and the like
    #[arg(value_name = "NOUN NAME")]
    pub(crate) words: Vec<String>,
    /// Take all objects of the noun that are in the namespace
    #[arg(long)]
    all: bool,
}

impl Words {
    /// Reads them. `missing` is what flux says when there is no name.
    pub(crate) fn read(
        &self,
        verb: &str,
        missing: impl Fn(Kind) -> String,
    ) -> Result<Subjects, CliError> {
        let reach = if self.all { Reach::All } else { Reach::Named };
        read(&self.words, verb, reach, missing)
    }
}

/// Reads what follows a verb. `missing` is what flux says when there is no name.
pub(crate) fn read(
    words: &[String],
    verb: &str,
    reach: Reach,
    missing: impl Fn(Kind) -> String,
) -> Result<Subjects, CliError> {
    let help = format!("kubectl imgauto {verb} --help");
    let targets = noun::targets(words, verb, &[Noun::Repository, Noun::Policy, Noun::Update])?;
    let targets = targets
        .into_iter()
        .filter_map(|target| Some((Kind::of(target.noun)?, target.name)));
    let mut subjects: Vec<Subject> = Vec::new();
    let mut alone = None;
    for (kind, name) in targets {
        match name.map(|name| Subject { kind, name }) {
            Some(subject) if subjects.contains(&subject) => {}
            Some(subject) => subjects.push(subject),
            None => alone = Some(kind),
        }
    }
    match alone {
        Some(kind) if reach == Reach::All => Ok(Subjects::All(kind)),
        Some(kind) => Err(CliError::usage(missing(kind)).next(help)),
        None if subjects.is_empty() => Err(CliError::usage(format!(
            "kubectl imgauto {verb} has to be followed by one of repository, policy, update"
        ))
        .next(help)),
        None => Ok(Subjects::Named(subjects)),
    }
}

/// Does something to one subject after the other.
///
/// What fails for one of several is told at once, and the others have their turn; the first failure decides how the
/// program ends. Being stopped by the user ends it all.
pub(crate) fn each<'s, S>(
    session: &mut Session<'s>,
    subjects: &[S],
    mut act: impl FnMut(&mut Session<'s>, &S) -> Result<(), CliError>,
) -> Result<ExitStatus, CliError> {
    if let [subject] = subjects {
        return act(session, subject).map(|()| ExitStatus::Done);
    }
    let mut status = ExitStatus::Done;
    for subject in subjects {
        match act(session, subject) {
            Ok(()) => {}
            Err(error) if error.status() == ExitStatus::Interrupted => return Err(error),
            Err(error) => {
                tell(session, &error);
                if status == ExitStatus::Done {
                    status = error.status();
                }
            }
        }
    }
    Ok(status)
}

/// Tells the user of an error, while the command goes on.
pub(crate) fn tell(session: &mut Session<'_>, error: &CliError) {
    let text = error.render(Markers::of(session.globals));
    // Nobody is left to be told when standard error is gone.
    let _ = session.stderr.write_all(printable(&text).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str], reach: Reach) -> Result<Subjects, String> {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        let missing = |kind: Kind| format!("{} name is required", kind.human());
        read(&words, "suspend", reach, missing).map_err(|error| {
            assert_eq!(error.status(), ExitStatus::Usage);
            error.render(Markers::Flux)
        })
    }

    fn subject(kind: Kind, name: &str) -> Subject {
        Subject {
            kind,
            name: name.to_owned(),
        }
    }

    #[test]
    fn each_object_is_meant_once_in_whatever_spelling() {
        let words = [
            "image",
            "policy",
            "a",
            "b",
            "a",
            "imgrepo/a",
            "ImagePolicy/b",
        ];
        let want = [
            subject(Kind::Policy, "a"),
            subject(Kind::Policy, "b"),
            subject(Kind::Repository, "a"),
        ];
        for reach in [Reach::Named, Reach::All] {
            assert_eq!(
                read_words(&words, reach),
                Ok(Subjects::Named(want.to_vec()))
            );
        }
    }

    #[test]
    fn all_objects_are_meant_only_when_that_was_said() {
        let words = ["image", "update"];
        assert_eq!(
            read_words(&words, Reach::All),
            Ok(Subjects::All(Kind::Update))
        );
        assert_eq!(
            read_words(&words, Reach::Named).unwrap_err(),
            "✗ image update automation name is required\n  next: kubectl imgauto suspend --help\n"
        );
        for reach in [Reach::Named, Reach::All] {
            let said = read_words(&[], reach).unwrap_err();
            assert!(said.starts_with("✗ kubectl imgauto suspend has to be followed by one of"));
        }
        let said = read_words(&["deploy/web"], Reach::Named).unwrap_err();
        assert!(said.contains("unknown resource \"deploy\""), "{said}");
    }
}
