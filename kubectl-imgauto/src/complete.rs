//! Completion of command lines, in the protocol of cobra: kubectl and flux speak it with their plugins.
//!
//! The answer has a line for each candidate, with a tab in front of its description, and a last one that says what the shell may
//! do besides: `:4` nothing, `:0` complete names of files.

mod live;
mod offer;
mod place;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Write;

use crate::cli::{self, Invocation};
use crate::environment::Environment;
use crate::error::ExitStatus;
use offer::Rest;

/// The hidden verbs by which a shell's script asks, with and without descriptions.
const VERBS: [(&str, Descriptions); 2] = [
    ("__complete", Descriptions::Shown),
    ("__completeNoDesc", Descriptions::LeftOut),
];

/// A command line that is to be completed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The words that are whole, without the program's name.
    words: Vec<String>,
    /// What there is of the word at the cursor.
    typed: String,
    descriptions: Descriptions,
}

/// Whether candidates are told with what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Descriptions {
    Shown,
    LeftOut,
}

/// What may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    word: String,
    /// Empty if the word says it all.
    description: String,
}

impl Candidate {
    /// One that is described by the first line of a text.
    fn new(word: impl Into<String>, text: &str) -> Self {
        Self {
            word: word.into(),
            description: text.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

impl Request {
    /// Reads what kubectl, flux or a shell's script asks; nothing if these arguments are a command.
    pub(crate) fn of(args: &[OsString]) -> Option<Self> {
        let (words, descriptions) = if Invocation::of(args).completes() {
            (args.get(1..)?, Descriptions::Shown)
        } else {
            let asked = args.get(1)?;
            let (_, descriptions) = VERBS.iter().find(|(verb, _)| asked == verb)?;
            (&args[2..], *descriptions)
        };
        let mut words: Vec<_> = words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        Some(Self {
            typed: words.pop().unwrap_or_default(),
            words,
            descriptions,
        })
    }

    /// Prints the candidates.
    pub(crate) fn answer(&self, environment: &Environment, stdout: &mut dyn Write) -> ExitStatus {
        let mut grammar = cli::grammar();
        grammar.build();
        let place = place::find(&grammar, &self.words, &self.typed);
        let offer = offer::at(&place);
        let mut candidates = offer.candidates;
        if let Some(source) = offer.source {
            candidates.extend(live::ask(source, &place, environment));
        }
        let mut text = String::new();
        for candidate in candidates {
            if !candidate.word.starts_with(place.typed) {
                continue;
            }
            text += &candidate.word;
            if self.descriptions == Descriptions::Shown && !candidate.description.is_empty() {
                text += &format!("\t{}", candidate.description);
            }
            text.push('\n');
        }
        text += match offer.rest {
            Rest::Nothing => ":4\n",
            Rest::Files => ":0\n",
        };
        // A shell that does not listen any more misses nothing.
        let _ = stdout.write_all(text.as_bytes());
        ExitStatus::Done
    }
}
