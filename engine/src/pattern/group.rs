//! What follows `(?`: names, flags, and the constructs of other languages that are refused.

use std::ops::Range;

use super::error::{Advice, PatternError, PatternErrorKind};
use super::escape::BACK_REFERENCE;
use super::operand::Case;
use super::parser::{Flags, Parser};

/// What `(?` begins.
pub(super) enum Opening {
    /// `(?P<name>` or `(?<name>`.
    Named(String),
    /// `(?:` or `(?i:`; the flags hold inside the group.
    Plain(Flags),
    /// `(?i)`; the flags hold for the rest of the group around it.
    Flags(Flags),
}

impl Parser<'_> {
    /// Reads the opening of a group; the next bytes are `(?`.
    pub(super) fn perl_group(&mut self) -> Result<Opening, PatternError> {
        let rest = self.rest();
        let named = [("(?P<", 4), ("(?<", 3)]
            .into_iter()
            .find(|(prefix, length)| rest.len() > *length && rest.starts_with(prefix));
        match named {
            Some((_, length)) => self.group_name(length),
            None => self.group_flags(),
        }
    }

    /// Reads a name up to its `>`, behind `prefix` bytes.
    fn group_name(&mut self, prefix: usize) -> Result<Opening, PatternError> {
        let rest = self.rest();
        let end = rest.find('>');
        let name = end
            .and_then(|end| rest.get(prefix..end))
            .filter(|name| is_group_name(name));
        let Some(name) = name else {
            let length = end.map_or(rest.len(), |end| end + 1);
            return Err(self.group_error(PatternErrorKind::NamedCapture, self.at..self.at + length));
        };
        let name = name.to_owned();
        self.at += prefix + name.len() + 1;
        Ok(Opening::Named(name))
    }

    /// Reads flags up to `:` or `)`.
    fn group_flags(&mut self) -> Result<Opening, PatternError> {
        let start = self.at;
        self.at += 2;
        let mut flags = self.flags;
        let mut switch = Switch::On;
        let mut switched = Switched::Nothing;
        while let Some(character) = self.next_character() {
            match character {
                'i' => {
                    flags.case = if switch == Switch::On {
                        Case::Folded
                    } else {
                        Case::Exact
                    };
                }
                'm' => flags.multi_line = switch == Switch::On,
                's' => flags.dot_all = switch == Switch::On,
                'U' => flags.swap_greed = switch == Switch::On,
                '-' if switch == Switch::On => {
                    switch = Switch::Off;
                    switched = Switched::Nothing;
                    continue;
                }
                ':' | ')' if switch == Switch::On || switched == Switched::Something => {
                    return Ok(if character == ':' {
                        Opening::Plain(flags)
                    } else {
                        Opening::Flags(flags)
                    });
                }
                _ => break,
            }
            switched = Switched::Something;
        }
        Err(self.group_error(PatternErrorKind::PerlSyntax, start..self.at))
    }

    fn group_error(&self, kind: PatternErrorKind, span: Range<usize>) -> PatternError {
        let group = &self.pattern[span.start..];
        PatternError::at(kind, self.pattern, span).advised(advice(group))
    }
}

/// Whether flags are being set or cleared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

/// Whether a flag was named since the beginning or the `-`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Switched {
    Nothing,
    Something,
}

fn is_group_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// What is known about a group of another language.
fn advice(group: &str) -> Option<Advice> {
    const LOOK_AHEAD: Advice = Advice {
        reason: "look-ahead is not supported",
        hint: "list what to keep instead",
    };
    const LOOK_BEHIND: Advice = Advice {
        reason: "look-behind is not supported",
        hint: "match what stands before, and take the part behind it with a group",
    };
    const RECURSION: Advice = Advice {
        reason: "recursion is not supported",
        hint: "write the levels out",
    };
    const KNOWN: [(&str, Advice); 14] = [
        ("(?=", LOOK_AHEAD),
        ("(?!", LOOK_AHEAD),
        ("(?<=", LOOK_BEHIND),
        ("(?<!", LOOK_BEHIND),
        ("(?P=", BACK_REFERENCE),
        ("(?P>", RECURSION),
        ("(?R", RECURSION),
        ("(?&", RECURSION),
        (
            "(?>",
            Advice {
                reason: "atomic groups are not supported",
                hint: "write (?: instead: there is no backtracking to cut off",
            },
        ),
        (
            "(?#",
            Advice {
                reason: "comments are not supported",
                hint: "leave the comment out",
            },
        ),
        (
            "(?(",
            Advice {
                reason: "conditions are not supported",
                hint: "write both cases with |",
            },
        ),
        (
            "(?|",
            Advice {
                reason: "branch reset is not supported",
                hint: "give each group its number",
            },
        ),
        (
            "(?'",
            Advice {
                reason: "names in quotes are not supported",
                hint: "write (?P<name>",
            },
        ),
        (
            "(?x",
            Advice {
                reason: "the flag x is not supported",
                hint: "leave out the blanks and comments that it allows",
            },
        ),
    ];
    KNOWN
        .iter()
        .find(|(prefix, _)| group.starts_with(prefix))
        .map(|(_, advice)| *advice)
}
