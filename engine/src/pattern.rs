//! Go regular expressions and `Expand` templates.
//!
//! Users write the patterns of image policies and exclusion lists for Go's `regexp` (RE2 syntax),
//! and the same text often means something else to Rust's `regex` crate: `[a&&b]`, `\<`, `a{,2}`,
//! `\d` on non-ASCII text. So patterns are parsed here by Go's rules and handed to the engine of
//! that crate as a syntax tree. Both engines are linear in the text and prefer matches
//! leftmost-first, so that they agree on every match and every group.
//!
//! `\p{…}` knows the characters of Unicode 15, as Go 1.26 does. Two letters that got another case
//! since (`ɤ`, `ƛ`) also match that one under `(?i)`.

mod class;
mod error;
mod escape;
mod extract;
mod group;
mod operand;
mod parser;
mod unicode;

use std::fmt;
use std::sync::Arc;
use std::thread;

use regex_automata::Input;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::primitives::NonMaxUsize;

pub use self::error::{PatternError, PatternErrorKind};
pub use self::extract::{Extract, Group, Reference};
use self::parser::Parsed;

/// Bytes the compiled form of one pattern may take; about 400 `\pL`, or 250,000 literal characters.
const COMPILED_LIMIT: usize = 16 << 20;

/// Bytes that matching one pattern may take for its cache, per thread that uses it.
const MATCHING_LIMIT: usize = 2 << 20;

/// Levels of a pattern that are compiled on the caller's stack; the compiler recurses.
const SHALLOW: usize = 50;

/// Stack for deeper patterns. The deepest that are allowed take a quarter of it without optimisation.
const DEEP_STACK: usize = 64 << 20;

/// Offsets of the whole match and of the groups: start and end of each, in order.
type Slots = [Option<NonMaxUsize>];

/// A regular expression in Go's syntax, compiled.
///
/// Cloning is cheap; one value may be used by many threads.
#[derive(Clone)]
pub struct Pattern {
    source: Arc<str>,
    groups: Arc<[Option<String>]>,
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// What Go's `regexp.Compile` refuses is refused, with Go's message and the place. Beyond that, a
    /// pattern is [too large](PatternErrorKind::TooLarge) when its compiled form would exceed 16 MiB.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let parsed = parser::parse(source)?;
        let regex = compile(&parsed).ok_or_else(|| parser::too_large(source))?;
        Ok(Self {
            source: source.into(),
            groups: parsed.groups.into(),
            regex,
        })
    }

    /// The pattern as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names of the groups by number; number 0, the whole match, has none.
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.groups.iter().map(Option::as_deref)
    }

    /// Whether the pattern matches anywhere in `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        // The engine's own `is_match` stops at the first end it sees. That may be an empty match of
        // `\B` within a character, and then it misses the real one that began before.
        self.regex.search_half(&Input::new(text)).is_some()
    }

    /// The first match, leftmost-first.
    #[must_use]
    pub fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.regex.find(text)?;
        text.get(found.range())
    }

    /// Every match that does not overlap an earlier one, at most `limit` of them (Go's `FindAllString`).
    ///
    /// An empty match directly behind another match does not count.
    #[must_use]
    pub fn find_all<'t>(&self, text: &'t str, limit: Option<usize>) -> Vec<&'t str> {
        let mut matches = Vec::new();
        self.each_match(text, limit, |slots| matches.extend(slice(text, slots)));
        matches
    }

    /// `text` with every match replaced by what `template` makes of it (Go's `ReplaceAllString`).
    #[must_use]
    pub fn replace_all(&self, text: &str, template: &Extract) -> String {
        self.replace(text, |slots, out| {
            template.expand_slots(self, text, slots, out);
        })
    }

    /// `text` with every match replaced by `replacement` as it stands (Go's `ReplaceAllLiteralString`).
    #[must_use]
    pub fn replace_all_literal(&self, text: &str, replacement: &str) -> String {
        self.replace(text, |_, out| out.push_str(replacement))
    }

    /// The texts between the matches, at most `limit` of them (Go's `Split`).
    ///
    /// The last one is the whole rest of `text` when the limit ends the search; a limit of 0 gives none.
    #[must_use]
    pub fn split(&self, text: &str, limit: Option<usize>) -> Vec<String> {
        if limit == Some(0) {
            return Vec::new();
        }
        if text.is_empty() && !self.source.is_empty() {
            return vec![String::new()];
        }
        let mut parts = Vec::new();
        let (mut begin, mut end) = (0, 0);
        self.each_match(text, limit, |slots| {
            let Some((from, to)) = bounds(slots) else {
                return;
            };
            if limit.is_some_and(|limit| parts.len() + 1 >= limit) {
                return;
            }
            end = from;
            if to != 0 {
                parts.push(text[begin..end].to_owned());
            }
            begin = to;
        });
        if end != text.len() {
            parts.push(text[begin..].to_owned());
        }
        parts
    }

    /// The result of `text` with each match replaced by what `replacement` appends for it.
    fn replace(&self, text: &str, mut replacement: impl FnMut(&Slots, &mut String)) -> String {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        self.each_match(text, None, |slots| {
            let Some((from, to)) = bounds(slots) else {
                return;
            };
            out.push_str(&text[copied..from]);
            replacement(slots, &mut out);
            copied = to;
        });
        out.push_str(&text[copied..]);
        out
    }

    /// Calls `deliver` for successive matches by Go's rules for empty ones.
    fn each_match(&self, text: &str, limit: Option<usize>, mut deliver: impl FnMut(&Slots)) {
        extract::with_room(self.groups.len(), |slots| {
            let (mut position, mut delivered, mut previous_end) = (0, 0, None);
            while position <= text.len() && limit.is_none_or(|limit| delivered < limit) {
                let input = Input::new(text).range(position..);
                if self.regex.search_slots(&input, slots).is_none() {
                    break;
                }
                let Some((from, to)) = bounds(slots) else {
                    break;
                };
                let follows_a_match = from == to && previous_end == Some(from);
                position = if to == position {
                    next_character(text, position)
                } else {
                    to
                };
                previous_end = Some(to);
                if !follows_a_match {
                    deliver(slots);
                    delivered += 1;
                }
            }
        });
    }

    /// Calls `use_slots` with the offsets of the first match, if there is one.
    fn with_slots<T>(&self, text: &str, use_slots: impl FnOnce(&Slots) -> T) -> Option<T> {
        extract::with_room(self.groups.len(), |slots| {
            self.regex.search_slots(&Input::new(text), slots)?;
            Some(use_slots(slots))
        })
    }
}

/// The source only: the compiled form fills pages.
impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

/// Compiles what was read, or returns `None` if that would take too much memory.
fn compile(parsed: &Parsed) -> Option<Regex> {
    let config = Config::new()
        .nfa_size_limit(Some(COMPILED_LIMIT))
        .hybrid_cache_capacity(MATCHING_LIMIT);
    let build = || {
        Regex::builder()
            .configure(config)
            .build_from_hir(&parsed.hir)
            .ok()
    };
    if parsed.height <= SHALLOW {
        return build();
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(DEEP_STACK);
        builder.spawn_scoped(scope, build).ok()?.join().ok()?
    })
}

/// The pattern that matches exactly `text` (Go's `QuoteMeta`).
#[must_use]
pub fn quote_meta(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Start and end of the whole match.
fn bounds(slots: &Slots) -> Option<(usize, usize)> {
    match slots {
        [Some(start), Some(end), ..] => Some((start.get(), end.get())),
        _ => None,
    }
}

fn slice<'t>(text: &'t str, slots: &Slots) -> Option<&'t str> {
    let (start, end) = bounds(slots)?;
    text.get(start..end)
}

/// The offset behind the character at `position`, past the end when there is none.
fn next_character(text: &str, position: usize) -> usize {
    position + text[position..].chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests;
