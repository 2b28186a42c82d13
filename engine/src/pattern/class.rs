//! Character classes: brackets, `\d`, `[:alpha:]`, `\p{…}`.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange};

use super::error::{PatternError, PatternErrorKind};
use super::operand::{Case, Operand};
use super::parser::{Parser, too_large};

/// Ranges that all classes of a pattern may have together, which bounds the memory of the tree.
const MAX_RANGES: usize = 512 << 10;

/// Characters in ranges that may be folded in one pattern, which bounds the time.
const MAX_FOLDED: u64 = 4 << 20;

/// The characters that have another case all lie between these.
const FOLDABLE: (u32, u32) = (0x41, 0x1_e943);

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

const POSIX: &[(&str, &[(char, char)])] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

/// Whether a class is meant or its complement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Positive,
    Negative,
}

impl Sign {
    fn flipped(self) -> Self {
        match self {
            Self::Positive => Self::Negative,
            Self::Negative => Self::Positive,
        }
    }
}

/// What the classes of a pattern have cost so far.
#[derive(Default)]
pub(super) struct ClassCost {
    ranges: usize,
    folded: u64,
}

impl Parser<'_> {
    /// Reads `[…]`; the next byte is the bracket.
    pub(super) fn bracket_class(&mut self) -> Result<Operand, PatternError> {
        let start = self.at;
        self.at += 1;
        let sign = if self.eat("^") {
            Sign::Negative
        } else {
            Sign::Positive
        };
        let first = self.at;
        let mut ranges = Vec::new();
        while self.at == first || !self.rest().starts_with(']') {
            match self.named_class()? {
                Some(class) => ranges.extend_from_slice(class.ranges()),
                None => {
                    let class = self.character_range(start)?;
                    ranges.extend_from_slice(class.ranges());
                }
            }
            self.check_ranges(ranges.len())?;
        }
        self.at += 1;
        let class = signed(ClassUnicode::new(ranges), sign);
        self.finish_class(class)
    }

    /// Reads a class that has a name and stands outside brackets, if there is one.
    pub(super) fn class_escape(&mut self) -> Result<Option<Operand>, PatternError> {
        match self.escaped_class()? {
            Some(class) => self.finish_class(class).map(Some),
            None => Ok(None),
        }
    }

    fn finish_class(&mut self, class: ClassUnicode) -> Result<Operand, PatternError> {
        self.class_cost.ranges += class.ranges().len();
        self.check_ranges(0)?;
        Ok(Operand::class(Class::Unicode(class)))
    }

    fn check_ranges(&self, pending: usize) -> Result<(), PatternError> {
        if self.class_cost.ranges + pending > MAX_RANGES {
            return Err(too_large(self.pattern));
        }
        Ok(())
    }

    fn named_class(&mut self) -> Result<Option<ClassUnicode>, PatternError> {
        match self.posix_class()? {
            Some(class) => Ok(Some(class)),
            None => self.escaped_class(),
        }
    }

    /// Reads `[:name:]` or `[:^name:]`.
    fn posix_class(&mut self) -> Result<Option<ClassUnicode>, PatternError> {
        let Some(body) = self.rest().strip_prefix("[:") else {
            return Ok(None);
        };
        // Looking for the end again and again would take quadratic time when there is none.
        if self.last_posix_end.is_none_or(|end| end < self.at + 2) {
            return Ok(None);
        }
        let Some(length) = body.find(":]") else {
            return Ok(None);
        };
        let written = &body[..length];
        let (name, sign) = match written.strip_prefix('^') {
            Some(name) => (name, Sign::Negative),
            None => (written, Sign::Positive),
        };
        let end = self.at + length + 4;
        let Some((_, table)) = POSIX.iter().find(|(candidate, _)| *candidate == name) else {
            let kind = PatternErrorKind::CharacterRange;
            return Err(PatternError::at(kind, self.pattern, self.at..end));
        };
        self.at = end;
        self.table_class(table, sign).map(Some)
    }

    /// Reads `\d`, `\p{…}` and their kind.
    fn escaped_class(&mut self) -> Result<Option<ClassUnicode>, PatternError> {
        let Some(escape) = self.rest().strip_prefix('\\') else {
            return Ok(None);
        };
        let (table, sign) = match escape.chars().next() {
            Some('d') => (DIGIT, Sign::Positive),
            Some('D') => (DIGIT, Sign::Negative),
            Some('s') => (SPACE, Sign::Positive),
            Some('S') => (SPACE, Sign::Negative),
            Some('w') => (WORD, Sign::Positive),
            Some('W') => (WORD, Sign::Negative),
            Some('p') => return self.unicode_class(Sign::Positive).map(Some),
            Some('P') => return self.unicode_class(Sign::Negative).map(Some),
            _ => return Ok(None),
        };
        self.at += 2;
        self.table_class(table, sign).map(Some)
    }

    fn table_class(
        &mut self,
        table: &[(char, char)],
        sign: Sign,
    ) -> Result<ClassUnicode, PatternError> {
        let ranges = table
            .iter()
            .map(|(start, end)| ClassUnicodeRange::new(*start, *end));
        let class = self.fold(ClassUnicode::new(ranges))?;
        Ok(signed(class, sign))
    }

    /// Reads `\pL`, `\p{Greek}`, `\p{^Greek}`; the next bytes are `\p` or `\P`.
    fn unicode_class(&mut self, mut sign: Sign) -> Result<ClassUnicode, PatternError> {
        let start = self.at;
        let rest = self.rest();
        let length = match rest[2..].chars().next() {
            Some('{') => rest.find('}').map_or(rest.len(), |end| end + 1),
            Some(c) => 2 + c.len_utf8(),
            None => rest.len(),
        };
        let written = &rest[2..length];
        let name = written
            .strip_prefix('{')
            .map_or(Some(written), |name| name.strip_suffix('}'));
        let name = name.map(|name| match name.strip_prefix('^') {
            Some(name) => {
                sign = sign.flipped();
                name
            }
            None => name,
        });
        let Some(class) = name
            .and_then(|name| self.unicode.named(name, self.flags.case))
            .cloned()
        else {
            let kind = PatternErrorKind::CharacterRange;
            return Err(PatternError::at(kind, self.pattern, start..start + length));
        };
        self.at += length;
        Ok(signed(class, sign))
    }

    /// Reads one character of a bracket, or a range of them; `bracket` is where the class began.
    fn character_range(&mut self, bracket: usize) -> Result<ClassUnicode, PatternError> {
        let start = self.at;
        let low = self.class_character(bracket)?;
        let mut high = low;
        let rest = self.rest();
        if rest.len() >= 2 && rest.starts_with('-') && !rest.starts_with("-]") {
            self.at += 1;
            high = self.class_character(bracket)?;
            if high < low {
                let kind = PatternErrorKind::CharacterRange;
                return Err(PatternError::at(kind, self.pattern, start..self.at));
            }
        }
        self.fold(ClassUnicode::new(range(low, high)))
    }

    fn class_character(&mut self, bracket: usize) -> Result<u32, PatternError> {
        let Some(character) = self.rest().chars().next() else {
            let kind = PatternErrorKind::MissingBracket;
            let whole = PatternError::at(kind, self.pattern, bracket..self.pattern.len());
            return Err(whole);
        };
        if character == '\\' {
            return self.escape();
        }
        self.at += character.len_utf8();
        Ok(u32::from(character))
    }

    /// The class with every other case of its characters, where case does not count.
    fn fold(&mut self, class: ClassUnicode) -> Result<ClassUnicode, PatternError> {
        if self.flags.case == Case::Exact {
            return Ok(class);
        }
        let size = |r: &ClassUnicodeRange| u32::from(r.end()) - u32::from(r.start());
        self.class_cost.folded += class.iter().map(|r| u64::from(size(r)) + 1).sum::<u64>();
        if self.class_cost.folded > MAX_FOLDED {
            return Err(too_large(self.pattern));
        }
        Ok(folded(class))
    }
}

/// A character in all its cases.
pub(super) fn fold_character(character: char) -> Class {
    let range = ClassUnicodeRange::new(character, character);
    Class::Unicode(folded(ClassUnicode::new([range])))
}

/// The class with every other case of its characters.
pub(super) fn folded(mut class: ClassUnicode) -> ClassUnicode {
    let (low, high) = FOLDABLE;
    let foldable = class
        .iter()
        .filter_map(|r| range(u32::from(r.start()).max(low), u32::from(r.end()).min(high)));
    let mut cases = ClassUnicode::new(foldable);
    cases
        .try_case_fold_simple()
        .expect("the engine is built with the tables for case folding");
    class.union(&cases);
    class
}

fn signed(mut class: ClassUnicode, sign: Sign) -> ClassUnicode {
    if sign == Sign::Negative {
        class.negate();
    }
    class
}

/// The range between two code points without the surrogates, which no text holds.
fn range(low: u32, high: u32) -> Option<ClassUnicodeRange> {
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    (low <= high).then(|| ClassUnicodeRange::new(low, high))
}
