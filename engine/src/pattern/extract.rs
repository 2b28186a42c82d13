//! The template that turns a match into a value: Go's `Regexp.Expand`.

use regex_automata::util::primitives::NonMaxUsize;
use regex_syntax::hir::{Class, HirKind};

use super::Pattern;

/// Groups whose offsets fit on the stack; a pattern with more of them costs one allocation per match.
const STACK_GROUPS: usize = 32;

/// A template such as `$ts` or `${major}.${minor}`, read once and expanded for many texts.
///
/// `$name` takes the longest run of letters, digits and `_`; a decimal without leading zero is a
/// group's number; `$$` is a dollar sign; any other `$` stands for itself. A group that the pattern
/// lacks, or that took no part in the match, expands to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    source: String,
    pieces: Vec<Piece>,
    malformed: Option<usize>,
}

/// A group used by an [`Extract`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'e> {
    /// Which group.
    pub group: Group<'e>,
    /// 0-based byte offset of its `$` in the template.
    pub position: usize,
}

/// How a template names a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group<'e> {
    /// By number; 0 is the whole match.
    Number(usize),
    /// By name.
    Name(&'e str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Number { group: usize, position: usize },
    Name { name: String, position: usize },
}

impl Extract {
    /// Reads a template; there is none that cannot be read.
    #[must_use]
    pub fn parse(source: &str) -> Self {
        let mut extract = Self {
            source: source.to_owned(),
            pieces: Vec::new(),
            malformed: None,
        };
        let letters = (!source.is_ascii()).then(letters_and_digits);
        let mut literal = String::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            let position = source.len() - after.len() - 1;
            if let Some(after_dollar) = after.strip_prefix('$') {
                literal.push('$');
                rest = after_dollar;
            } else if let Some((name, after_name)) = split_name(after, letters.as_ref()) {
                extract.push_literal(&mut literal);
                extract.pieces.push(reference(name, position));
                rest = after_name;
            } else {
                literal.push('$');
                extract.malformed.get_or_insert(position);
                rest = after;
            }
        }
        literal.push_str(rest);
        extract.push_literal(&mut literal);
        extract
    }

    fn push_literal(&mut self, literal: &mut String) {
        if !literal.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(literal)));
        }
    }

    /// The template as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Appends to `out` what the template makes of the first match of `pattern` in `text`.
    ///
    /// Returns whether there is a match; without one, `out` is unchanged. An empty template stands
    /// for the whole of `text`, not only for the match, as in an image policy without `extract`.
    pub fn expand(&self, pattern: &Pattern, text: &str, out: &mut String) -> bool {
        if self.pieces.is_empty() {
            let matched = pattern.is_match(text);
            if matched {
                out.push_str(text);
            }
            return matched;
        }
        pattern
            .with_slots(text, |slots| self.expand_slots(pattern, text, slots, out))
            .is_some()
    }

    /// Appends the expansion for a match whose offsets are known.
    pub(super) fn expand_slots(
        &self,
        pattern: &Pattern,
        text: &str,
        slots: &[Option<NonMaxUsize>],
        out: &mut String,
    ) {
        let span = |group: usize| {
            let start = slots.get(group.checked_mul(2)?).copied().flatten()?;
            let end = slots.get(group * 2 + 1).copied().flatten()?;
            text.get(start.get()..end.get())
        };
        for piece in &self.pieces {
            let value = match piece {
                Piece::Literal(literal) => Some(literal.as_str()),
                Piece::Number { group, .. } => span(*group),
                Piece::Name { name, .. } => pattern
                    .group_names()
                    .enumerate()
                    .filter(|(_, candidate)| *candidate == Some(name))
                    .find_map(|(group, _)| span(group)),
            };
            out.push_str(value.unwrap_or_default());
        }
    }

    /// The groups the template uses, in order, as often as it uses them.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Number { group, position } => Some(Reference {
                group: Group::Number(*group),
                position: *position,
            }),
            Piece::Name { name, position } => Some(Reference {
                group: Group::Name(name),
                position: *position,
            }),
        })
    }

    /// The first `$` that is neither `$$` nor in front of a group: its 0-based byte offset.
    ///
    /// Such a `$` stands for itself. Nobody who writes one wants that, so flux refuses it.
    #[must_use]
    pub fn malformed(&self) -> Option<usize> {
        self.malformed
    }
}

/// Calls `use_slots` with room for `groups` groups, on the stack for any usual pattern.
pub(super) fn with_room<T>(
    groups: usize,
    use_slots: impl FnOnce(&mut [Option<NonMaxUsize>]) -> T,
) -> T {
    if groups <= STACK_GROUPS {
        let mut room = [None; STACK_GROUPS * 2];
        let (slots, _) = room.split_at_mut(groups * 2);
        use_slots(slots)
    } else {
        use_slots(&mut vec![None; groups * 2])
    }
}

/// Splits `name` or `{name}` off the text behind a `$`, or returns `None` if there is no name.
fn split_name<'t>(text: &'t str, letters: Option<&Class>) -> Option<(&'t str, &'t str)> {
    let braced = text.strip_prefix('{');
    let body = braced.unwrap_or(text);
    let end = body
        .find(|c| !is_name_character(c, letters))
        .unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    if name.is_empty() {
        return None;
    }
    match braced {
        Some(_) => rest.strip_prefix('}').map(|rest| (name, rest)),
        None => Some((name, rest)),
    }
}

/// A number for decimals as Go counts them (below a thousand million, no leading zero), else a name.
fn reference(name: &str, position: usize) -> Piece {
    let decimal =
        name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    match name.parse() {
        Ok(group) if decimal && name.len() <= 9 => Piece::Number { group, position },
        _ => Piece::Name {
            name: name.to_owned(),
            position,
        },
    }
}

fn is_name_character(c: char, letters: Option<&Class>) -> bool {
    match (c.is_ascii(), letters) {
        (true, _) => c.is_ascii_alphanumeric() || c == '_',
        (false, Some(Class::Unicode(class))) => class
            .iter()
            .any(|range| range.start() <= c && c <= range.end()),
        (false, _) => false,
    }
}

/// What Go's `unicode.IsLetter` and `unicode.IsDigit` accept, which is not what `char`'s methods do.
fn letters_and_digits() -> Class {
    let hir = regex_syntax::parse(r"[\p{L}\p{Nd}]").expect("both are general categories");
    match hir.into_kind() {
        HirKind::Class(class) => class,
        _ => Class::Unicode(regex_syntax::hir::ClassUnicode::empty()),
    }
}
