//! What a command is about: kinds and objects, in the words of kubectl and flux.

use api::WorkloadKind;

use crate::error::CliError;
use crate::flag_value::quoted;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noun {
    /// ImageRepository.
    Repository,
    /// ImagePolicy.
    Policy,
    /// ImageUpdateAutomation.
    Update,
    /// Anything that runs containers, or one kind of it.
    Workload(Option<WorkloadKind>),
    /// All of the first three.
    All,
}

/// The words for the nouns; the first of each is the one that is printed.
const WORDS: &[(Noun, &[&str])] = &[
    (
        Noun::Repository,
        &[
            "repository",
            "repositories",
            "repo",
            "imgrepo",
            "imagerepo",
            "imagerepository",
            "imagerepositories",
        ],
    ),
    (
        Noun::Policy,
        &[
            "policy",
            "policies",
            "imgpol",
            "imagepol",
            "imagepolicy",
            "imagepolicies",
        ],
    ),
    (
        Noun::Update,
        &[
            "update",
            "updates",
            "automation",
            "automations",
            "iua",
            "imgupd",
            "imgauto",
            "imageupdateautomation",
            "imageupdateautomations",
        ],
    ),
    (Noun::Workload(None), &["workload", "workloads", "wl"]),
    (Noun::All, &["all"]),
];

/// Words after the verb that flux wants and that mean nothing more here.
const FLUX_WORDS: [&str; 2] = ["image", "images"];

impl Noun {
    /// Reads one word, in any case, with or without the group.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let lower = word.to_ascii_lowercase();
        let plain = lower
            .strip_suffix(".image.toolkit.fluxcd.io")
            .unwrap_or(&lower);
        let known = WORDS.iter().find(|(_, words)| words.contains(&plain));
        known
            .map(|(noun, _)| *noun)
            .or_else(|| WorkloadKind::parse(&lower).map(|kind| Self::Workload(Some(kind))))
    }

    /// The word that is printed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Workload(Some(kind)) => kind.singular(),
            Self::Repository => "repository",
            Self::Policy => "policy",
            Self::Update => "update",
            Self::Workload(None) => "workload",
            Self::All => "all",
        }
    }
}

/// Objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The kind.
    pub(crate) noun: Noun,
    /// The name; `None` stands for all.
    pub(crate) name: Option<String>,
}

/// Reads what follows a verb: `NOUN`, `NOUN NAME…`, `NOUN/NAME…`, each with flux's `image` in front if one likes.
///
/// `verb` is the command they follow, such as `get`, and `nouns` are those it takes: others are mistakes, with a suggestion.
pub(crate) fn targets(
    words: &[String],
    verb: &str,
    nouns: &[Noun],
) -> Result<Vec<Target>, CliError> {
    let words = without_flux_word(words);
    let mut targets = Vec::new();
    let mut current = None;
    for word in words {
        if let Some((noun, name)) = word.split_once('/') {
            if name.is_empty() {
                let error = CliError::usage(format!(
                    "there is no name after the slash of {}",
                    quoted(word)
                ));
                return Err(error.next(format!("kubectl imgauto {verb} {noun}/NAME")));
            }
            targets.push(Target {
                noun: read(noun, verb, nouns)?,
                name: Some(name.to_owned()),
            });
        } else if let Some(noun) = current {
            targets.push(Target {
                noun,
                name: Some(word.clone()),
            });
        } else {
            current = Some(read(word, verb, nouns)?);
        }
    }
    match current {
        Some(noun) if targets.is_empty() => Ok(vec![Target { noun, name: None }]),
        _ => Ok(targets),
    }
}

/// Leaves out the word that only flux wants.
pub(crate) fn without_flux_word<T: AsRef<str>>(words: &[T]) -> &[T] {
    match words {
        [first, rest @ ..] if FLUX_WORDS.contains(&first.as_ref()) => rest,
        words => words,
    }
}

fn read(word: &str, verb: &str, nouns: &[Noun]) -> Result<Noun, CliError> {
    let takes = |noun: Noun| {
        let general = match noun {
            Noun::Workload(_) => Noun::Workload(None),
            other => other,
        };
        nouns.contains(&general)
    };
    if let Some(noun) = Noun::parse(word).filter(|noun| takes(*noun)) {
        return Ok(noun);
    }
    let kinds = WorkloadKind::ALL.map(|kind| Noun::Workload(Some(kind)));
    let known = nouns
        .iter()
        .chain(&kinds)
        .copied()
        .filter(|noun| takes(*noun));
    let words: Vec<_> = known.map(Noun::word).collect();
    let mut error = CliError::usage(format!(
        "unknown resource {} for {}",
        quoted(word),
        quoted(&format!("kubectl imgauto {verb}"))
    ));
    if let Some(near) = nearest(word, words.iter().copied()) {
        error = error.at([format!("did you mean {near}?")]);
    }
    let list: Vec<_> = nouns.iter().map(|noun| noun.word()).collect();
    Err(error.next(format!(
        "kubectl imgauto {verb} --help; it takes {}",
        list.join(", ")
    )))
}

/// Returns the word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let rated = known.map(|known| (strsim::jaro_winkler(&word, known), known));
    let best = rated.max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.filter(|(likeness, _)| *likeness > 0.8)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitStatus;
    use crate::session::Markers;

    const NOUNS: &[Noun] = &[
        Noun::Repository,
        Noun::Policy,
        Noun::Update,
        Noun::Workload(None),
        Noun::All,
    ];

    fn read_all(words: &[&str]) -> Result<Vec<(Noun, Option<String>)>, String> {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        let read = targets(&words, "get", NOUNS);
        let read = read.map_err(|error| {
            assert_eq!(error.status(), ExitStatus::Usage);
            error.render(Markers::Flux)
        })?;
        Ok(read
            .into_iter()
            .map(|target| (target.noun, target.name))
            .collect())
    }

    #[test]
    fn nouns_are_read_in_the_spellings_of_flux_and_kubectl() {
        let deployment = Noun::Workload(Some(WorkloadKind::Deployment));
        let name = |text: &str| Some(text.to_owned());
        type Row<'a> = (&'a [&'a str], Vec<(Noun, Option<String>)>);
        let rows: &[Row<'_>] = &[
            (&["policy"], vec![(Noun::Policy, None)]),
            (&["images", "all"], vec![(Noun::All, None)]),
            (
                &["image", "policy", "a", "b"],
                vec![(Noun::Policy, name("a")), (Noun::Policy, name("b"))],
            ),
            (
                &["ImagePolicy/a", "deploy/web"],
                vec![(Noun::Policy, name("a")), (deployment, name("web"))],
            ),
            (
                &["deployments.apps", "web"],
                vec![(deployment, name("web"))],
            ),
            (
                &["imagepolicies.image.toolkit.fluxcd.io/a"],
                vec![(Noun::Policy, name("a"))],
            ),
            (&[], vec![]),
        ];
        for (words, want) in rows {
            assert_eq!(read_all(words).as_ref(), Ok(want), "{words:?}");
        }
    }

    #[test]
    fn an_unknown_resource_gets_a_suggestion() {
        let said = read_all(&["polcy", "x"]).unwrap_err();
        assert_eq!(
            said,
            "✗ unknown resource \"polcy\" for \"kubectl imgauto get\"
    did you mean policy?
  next: kubectl imgauto get --help; it takes repository, policy, update, workload, all
"
        );
        assert!(
            read_all(&["deploymnt/x"])
                .unwrap_err()
                .contains("did you mean deployment?")
        );
        assert!(!read_all(&["zzz"]).unwrap_err().contains("did you mean"));
        assert!(read_all(&["policy/"]).unwrap_err().contains("policy/NAME"));
    }
}
