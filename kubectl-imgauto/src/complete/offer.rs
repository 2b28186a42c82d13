//! What may stand at a place, as far as the grammar knows.

use api::WorkloadKind;
use clap::{Arg, ArgAction, ValueHint};

use super::Candidate;
use super::place::{Place, Wanted};
use crate::commands::get;
use crate::noun::{self, Noun};

/// What may stand at a place.
#[derive(Debug)]
pub(super) struct Offer {
    /// What the grammar knows.
    pub(super) candidates: Vec<Candidate>,
    /// What has to be asked for.
    pub(super) source: Option<Source>,
    /// What the shell may add if nothing of this fits.
    pub(super) rest: Rest,
}

/// Who knows the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The kubeconfigs know the names of their contexts, clusters and users.
    Kubeconfig(Entry),
    /// The cluster knows the namespaces.
    Namespaces,
    /// The cluster knows the names of the GitRepositories.
    GitRepositories,
    /// The cluster knows the names of objects.
    Names {
        /// Their kind.
        noun: Noun,
        /// What stands in front of each, such as `policy/`.
        before: String,
    },
}

/// A list of a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Its contexts.
    Contexts,
    /// Its clusters.
    Clusters,
    /// Its users.
    Users,
}

/// What the shell may add of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// Names of files.
    Files,
}

/// Returns what may stand at a place.
pub(super) fn at(place: &Place<'_>) -> Offer {
    match place.wanted {
        Wanted::Flag => known(flags(place)),
        Wanted::Value(flag) => value(place, flag),
        Wanted::Word => words(place),
        Wanted::Unknown => known(Vec::new()),
    }
}

fn known(candidates: Vec<Candidate>) -> Offer {
    Offer {
        candidates,
        source: None,
        rest: Rest::Nothing,
    }
}

fn asked(source: Source) -> Offer {
    Offer {
        source: Some(source),
        ..known(Vec::new())
    }
}

/// The flags that are not given yet, or may be given again.
fn flags(place: &Place<'_>) -> Vec<Candidate> {
    let given = |flag: &Arg| {
        let mut given = place.flags.iter();
        given.any(|(known, _)| known.get_id() == flag.get_id())
    };
    let repeats = |flag: &Arg| matches!(flag.get_action(), ArgAction::Append | ArgAction::Count);
    let flags = place.command.get_arguments().filter(|flag| {
        !flag.is_positional() && !flag.is_hide_set() && (repeats(flag) || !given(flag))
    });
    let mut candidates = Vec::new();
    for flag in flags {
        let help = flag.get_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let short = flag.get_short().filter(|_| place.typed == "-");
        let short = short.map(|letter| format!("-{letter}"));
        let long = flag.get_long().map(|long| format!("--{long}"));
        let names = [long, short].into_iter().flatten();
        candidates.extend(names.map(|name| Candidate::new(name, &help)));
    }
    candidates
}

/// The values of a flag.
fn value(place: &Place<'_>, flag: &Arg) -> Offer {
    let name = flag.get_long().unwrap_or_default();
    let source = match name {
        "context" => Source::Kubeconfig(Entry::Contexts),
        "cluster" => Source::Kubeconfig(Entry::Clusters),
        "user" => Source::Kubeconfig(Entry::Users),
        "git-repo-ref" => Source::GitRepositories,
        "image-ref" => Source::Names {
            noun: Noun::Repository,
            before: String::new(),
        },
        _ if is_called(flag, &["NAMESPACE"]) => Source::Namespaces,
        _ if names_objects(flag) => return targets(place, &[]),
        _ => {
            let mut listed = listed(flag);
            if listed.candidates.is_empty() {
                let words = texts(name).iter();
                listed.candidates = words.map(|word| Candidate::new(*word, "")).collect();
            }
            return listed;
        }
    };
    asked(source)
}

/// The values of flags that take any text, so that what is wrong with one can be told in flux's words.
fn texts(flag: &str) -> &'static [&'static str] {
    match flag {
        "select-alpha" | "select-numeric" => &["asc", "desc"],
        "reflect-digest" => &["Never", "IfNotPresent", "Always"],
        "signing-key-type" => &["gpg", "ssh"],
        "provider" => &["generic", "aws", "azure", "gcp"],
        "level" => &["trace", "debug", "info", "warn", "error"],
        "types" => &["Normal", "Warning"],
        "output" => &["wide", "json", "yaml", "name", "jsonpath="],
        _ => &[],
    }
}

fn is_called(argument: &Arg, names: &[&str]) -> bool {
    let value_names = argument.get_value_names().unwrap_or_default();
    value_names
        .iter()
        .any(|name| names.contains(&name.as_str()))
}

/// The values that stand in the grammar, or files where the grammar has them.
fn listed(argument: &Arg) -> Offer {
    if is_called(argument, &["BOOL"]) {
        let words = ["true", "false"];
        return known(words.map(|word| Candidate::new(word, "")).to_vec());
    }
    let values = argument.get_possible_values();
    let shown = values.iter().filter(|value| !value.is_hide_set());
    let candidates = shown.map(|value| {
        let help = value.get_help().map(ToString::to_string);
        Candidate::new(value.get_name(), &help.unwrap_or_default())
    });
    let is_path = is_called(argument, &["FILE", "DIR", "PATH"])
        || matches!(
            argument.get_value_hint(),
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath
        );
    Offer {
        rest: if is_path { Rest::Files } else { Rest::Nothing },
        ..known(candidates.collect())
    }
}

/// The commands that may follow, and the arguments of the one that was reached.
fn words(place: &Place<'_>) -> Offer {
    let mut candidates = Vec::new();
    if place.words.is_empty() {
        let next = place.command.get_subcommands();
        let shown = next.filter(|next| !next.is_hide_set());
        candidates.extend(shown.map(|next| {
            let about = next.get_about().map(ToString::to_string);
            Candidate::new(next.get_name(), &about.unwrap_or_default())
        }));
    }
    let mut offer = arguments(place);
    candidates.append(&mut offer.candidates);
    Offer {
        candidates,
        ..offer
    }
}

fn arguments(place: &Place<'_>) -> Offer {
    let arguments: Vec<_> = place.command.get_positionals().collect();
    let next = arguments.get(place.words.len());
    let last = arguments.last().filter(|last| takes_many(last));
    let Some(argument) = next.or(last) else {
        return known(Vec::new());
    };
    if names_objects(argument) {
        targets(place, noun::without_flux_word(&place.words))
    } else {
        listed(argument)
    }
}

/// Whether an argument is read as [`noun::targets`] does; help calls it so.
pub(super) fn names_objects(argument: &Arg) -> bool {
    let names = argument.get_value_names().unwrap_or_default();
    names
        .iter()
        .any(|name| name.starts_with("NOUN") || name.starts_with("KIND"))
}

fn takes_many(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
        || argument
            .get_num_args()
            .is_some_and(|range| range.max_values() > 1)
}

/// Kinds, and names behind them: in the same word, or if a word before the cursor is a kind, alone.
fn targets(place: &Place<'_>, words: &[&str]) -> Offer {
    let nouns = nouns(place.verb.unwrap_or_default());
    if let Some((word, _)) = place.typed.split_once('/') {
        return Noun::parse(word).map_or_else(
            || known(Vec::new()),
            |noun| {
                let before = format!("{word}/");
                asked(Source::Names { noun, before })
            },
        );
    }
    let named = words.iter().find(|word| !word.contains('/'));
    if let Some(noun) = named.and_then(|word| Noun::parse(word)) {
        let before = String::new();
        return asked(Source::Names { noun, before });
    }
    let kinds = WorkloadKind::ALL.map(|kind| Noun::Workload(Some(kind)));
    let kinds = kinds
        .iter()
        .filter(|_| nouns.contains(&Noun::Workload(None)));
    let described = nouns.iter().chain(kinds).map(|noun| {
        let kind = match noun {
            Noun::Repository => "ImageRepository",
            Noun::Policy => "ImagePolicy",
            Noun::Update => "ImageUpdateAutomation",
            Noun::Workload(None) => "What runs containers",
            Noun::Workload(Some(kind)) => kind.kind(),
            Noun::All => "All kinds of image automation",
        };
        Candidate::new(noun.word(), kind)
    });
    known(described.collect())
}

/// The kinds that a verb takes.
pub(super) fn nouns(verb: &str) -> &'static [Noun] {
    match verb {
        "get" => get::NOUNS,
        "reconcile" | "suspend" | "resume" | "delete" | "export" => {
            &[Noun::Repository, Noun::Policy, Noun::Update]
        }
        _ => &[Noun::Workload(None), Noun::Policy, Noun::Update],
    }
}
