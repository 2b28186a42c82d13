//! Reads Go's regular expression syntax into a tree for the engine.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look};

use super::class::ClassCost;
use super::error::{Advice, PatternError, PatternErrorKind};
use super::group::Opening;
use super::operand::{
    Case, Counting, Excess, Greed, Operand, Repeat, alternate, concatenate, push,
};
use super::unicode::UnicodeClasses;

/// Bytes a pattern may have, which bounds the memory of its tree; longer ones rarely compile anyway.
const MAX_LENGTH: usize = 256 << 10;

/// Groups that may be open at once. Go limits only those that capture; deeper ones have no use.
const MAX_OPEN_GROUPS: usize = 1000;

/// A count Go does not read further: larger than any it allows.
const HUGE_COUNT: u32 = 100_000_000;

/// The largest count of a repetition.
const MAX_COUNT: u32 = 1000;

const TOO_LARGE: Advice = Advice {
    reason: "the compiled pattern would take more than 16 MiB",
    hint: "use smaller counts and fewer large classes, or split the pattern",
};

const POSSESSIVE: Advice = Advice {
    reason: "possessive repetition is not supported",
    hint: "leave the second + out: there is no backtracking to cut off",
};

/// A pattern that has been read.
pub(super) struct Parsed {
    pub(super) hir: Hir,
    /// Levels of the tree.
    pub(super) height: usize,
    /// The names of the groups; number 0 is the whole match.
    pub(super) groups: Vec<Option<String>>,
}

/// The flags `(?imsU)`.
#[derive(Clone, Copy)]
pub(super) struct Flags {
    pub(super) case: Case,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
    pub(super) swap_greed: bool,
}

/// The state of reading: the text, the place, and every group that is still open.
pub(super) struct Parser<'p> {
    pub(super) pattern: &'p str,
    /// Byte offset of what comes next.
    pub(super) at: usize,
    pub(super) flags: Flags,
    pub(super) unicode: UnicodeClasses,
    pub(super) class_cost: ClassCost,
    /// Where the last `:]` of the pattern is.
    pub(super) last_posix_end: Option<usize>,
    groups: Vec<Option<String>>,
    open: Vec<OpenGroup>,
    sequence: Vec<Operand>,
    alternatives: Vec<Operand>,
}

/// A group that is still open, and what was being read around it.
struct OpenGroup {
    at: usize,
    /// The number of a capturing group.
    capture: Option<u32>,
    flags: Flags,
    sequence: Vec<Operand>,
    alternatives: Vec<Operand>,
}

/// Reads a pattern.
pub(super) fn parse(pattern: &str) -> Result<Parsed, PatternError> {
    if pattern.len() > MAX_LENGTH {
        return Err(too_large(pattern));
    }
    let flags = Flags {
        case: Case::Exact,
        multi_line: false,
        dot_all: false,
        swap_greed: false,
    };
    let mut parser = Parser {
        pattern,
        at: 0,
        flags,
        unicode: UnicodeClasses::default(),
        class_cost: ClassCost::default(),
        last_posix_end: pattern.rfind(":]"),
        groups: vec![None],
        open: Vec::new(),
        sequence: Vec::new(),
        alternatives: Vec::new(),
    };
    let mut last_repeat = None;
    while let Some(next) = parser.rest().chars().next() {
        let start = parser.at;
        let step = parser.step(next, last_repeat)?;
        last_repeat = (step == Step::Repetition).then_some(start);
    }
    let whole = parser.close_alternation()?;
    if let Some(group) = parser.open.last() {
        let kind = PatternErrorKind::MissingParenthesis;
        return Err(PatternError::within(kind, pattern, group.at..group.at + 1));
    }
    let height = whole.height();
    Ok(Parsed {
        hir: whole.into_hir(),
        height,
        groups: parser.groups,
    })
}

/// The error for a pattern that would take too much memory or time, which Go allows in larger amounts.
pub(super) fn too_large(pattern: &str) -> PatternError {
    PatternError::within(PatternErrorKind::TooLarge, pattern, 0..pattern.len())
        .advised(Some(TOO_LARGE))
}

/// What was read last: nothing may be repeated directly behind a repetition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Repetition,
    Other,
}

impl<'p> Parser<'p> {
    pub(super) fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    /// Takes the next character.
    pub(super) fn next_character(&mut self) -> Option<char> {
        let character = self.rest().chars().next()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// Takes `token` if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Reads one thing that begins with `next`.
    fn step(&mut self, next: char, last_repeat: Option<usize>) -> Result<Step, PatternError> {
        match next {
            '(' => self.open_group()?,
            '|' => {
                self.at += 1;
                let alternative = self.close_sequence()?;
                self.alternatives.push(alternative);
            }
            ')' => self.close_group()?,
            '^' if self.flags.multi_line => self.assertion(1, Look::StartLF),
            '^' => self.assertion(1, Look::Start),
            '$' if self.flags.multi_line => self.assertion(1, Look::EndLF),
            '$' => self.assertion(1, Look::End),
            '.' => {
                self.at += 1;
                let class = any_character(self.flags);
                push(&mut self.sequence, Operand::class(class));
            }
            '[' => {
                let class = self.bracket_class()?;
                push(&mut self.sequence, class);
            }
            '*' => return self.operator(0, None, last_repeat),
            '+' => return self.operator(1, None, last_repeat),
            '?' => return self.operator(0, Some(1), last_repeat),
            '{' => return self.counted(last_repeat),
            '\\' => self.backslash()?,
            character => {
                self.at += character.len_utf8();
                self.literal(character);
            }
        }
        Ok(Step::Other)
    }

    fn literal(&mut self, character: char) {
        push(
            &mut self.sequence,
            Operand::literal(character, self.flags.case),
        );
    }

    /// Takes an assertion that is written with `length` bytes.
    fn assertion(&mut self, length: usize, look: Look) {
        self.at += length;
        push(&mut self.sequence, Operand::leaf(Hir::look(look)));
    }

    fn open_group(&mut self) -> Result<(), PatternError> {
        let at = self.at;
        if !self.rest().starts_with("(?") {
            self.at += 1;
            return self.push_group(at, Some(None), self.flags);
        }
        match self.perl_group()? {
            Opening::Named(name) => self.push_group(at, Some(Some(name)), self.flags),
            Opening::Plain(flags) => self.push_group(at, None, flags),
            Opening::Flags(flags) => {
                self.flags = flags;
                Ok(())
            }
        }
    }

    /// Opens a group: `capture` is its name, if it has a number at all.
    fn push_group(
        &mut self,
        at: usize,
        capture: Option<Option<String>>,
        flags: Flags,
    ) -> Result<(), PatternError> {
        if self.open.len() >= MAX_OPEN_GROUPS {
            return Err(self.excess(Excess::Height, at..at + 1));
        }
        let capture = match capture {
            Some(name) => {
                let number =
                    u32::try_from(self.groups.len()).map_err(|_| too_large(self.pattern))?;
                self.groups.push(name);
                Some(number)
            }
            None => None,
        };
        self.open.push(OpenGroup {
            at,
            capture,
            flags: self.flags,
            sequence: std::mem::take(&mut self.sequence),
            alternatives: std::mem::take(&mut self.alternatives),
        });
        self.flags = flags;
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), PatternError> {
        let inner = self.close_alternation()?;
        let Some(group) = self.open.pop() else {
            let kind = PatternErrorKind::UnexpectedParenthesis;
            return Err(PatternError::within(
                kind,
                self.pattern,
                self.at..self.at + 1,
            ));
        };
        self.at += 1;
        self.flags = group.flags;
        self.sequence = group.sequence;
        self.alternatives = group.alternatives;
        let operand = match group.capture {
            Some(number) => inner
                .captured(number)
                .map_err(|e| self.excess(e, group.at..self.at))?,
            None => inner,
        };
        push(&mut self.sequence, operand);
        Ok(())
    }

    fn close_sequence(&mut self) -> Result<Operand, PatternError> {
        let sequence = std::mem::take(&mut self.sequence);
        concatenate(sequence).map_err(|excess| self.excess(excess, 0..self.at))
    }

    fn close_alternation(&mut self) -> Result<Operand, PatternError> {
        let last = self.close_sequence()?;
        self.alternatives.push(last);
        let alternatives = std::mem::take(&mut self.alternatives);
        alternate(alternatives).map_err(|excess| self.excess(excess, 0..self.at))
    }

    /// Takes `*`, `+` or `?`.
    fn operator(
        &mut self,
        min: u32,
        max: Option<u32>,
        last_repeat: Option<usize>,
    ) -> Result<Step, PatternError> {
        let start = self.at;
        self.at += 1;
        let repeat = Repeat {
            min,
            max,
            counting: Counting::Uncounted,
        };
        self.repeat(repeat, start, last_repeat)
    }

    /// Takes `{2}`, `{2,}` or `{2,3}`, or else a literal brace.
    fn counted(&mut self, last_repeat: Option<usize>) -> Result<Step, PatternError> {
        let start = self.at;
        let Some((min, max, length)) = counts(self.rest()) else {
            self.at += 1;
            self.literal('{');
            return Ok(Step::Other);
        };
        self.at += length;
        let largest = max.unwrap_or(min);
        if min > MAX_COUNT || largest > MAX_COUNT || min > largest {
            let kind = PatternErrorKind::RepeatCount;
            return Err(PatternError::at(kind, self.pattern, start..self.at));
        }
        let repeat = Repeat {
            min,
            max,
            counting: Counting::Counted,
        };
        self.repeat(repeat, start, last_repeat)
    }

    /// Applies the repetition that is written from `start` on to what was read last.
    fn repeat(
        &mut self,
        repeat: Repeat,
        start: usize,
        last_repeat: Option<usize>,
    ) -> Result<Step, PatternError> {
        let lazy = self.eat("?");
        let greed = if lazy == self.flags.swap_greed {
            Greed::Greedy
        } else {
            Greed::Lazy
        };
        if let Some(last) = last_repeat {
            let possessive = self.pattern[start..].starts_with('+').then_some(POSSESSIVE);
            let kind = PatternErrorKind::NestedRepetition;
            let error = PatternError::at(kind, self.pattern, last..self.at);
            return Err(error.advised(possessive));
        }
        let Some(operand) = self.sequence.pop() else {
            let kind = PatternErrorKind::RepeatArgument;
            return Err(PatternError::at(kind, self.pattern, start..self.at));
        };
        let repeated = operand
            .repeated(repeat, greed)
            .map_err(|excess| self.excess(excess, start..self.at))?;
        self.sequence.push(repeated);
        Ok(Step::Repetition)
    }

    fn excess(&self, excess: Excess, span: std::ops::Range<usize>) -> PatternError {
        match excess {
            Excess::Height => {
                PatternError::within(PatternErrorKind::NestingDepth, self.pattern, span)
            }
            Excess::Copies => PatternError::at(PatternErrorKind::RepeatCount, self.pattern, span),
        }
    }

    /// Reads what begins with a backslash.
    fn backslash(&mut self) -> Result<(), PatternError> {
        match self.rest().as_bytes().get(1) {
            Some(b'A') => self.assertion(2, Look::Start),
            Some(b'z') => self.assertion(2, Look::End),
            Some(b'b') => self.assertion(2, Look::WordAscii),
            Some(b'B') => self.assertion(2, Look::WordAsciiNegate),
            Some(b'Q') => self.quoted(),
            _ => {
                if let Some(class) = self.class_escape()? {
                    push(&mut self.sequence, class);
                } else {
                    match char::from_u32(self.escape()?) {
                        Some(character) => self.literal(character),
                        None => push(&mut self.sequence, Operand::leaf(Hir::fail())),
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes `\Q…\E`, or `\Q…` up to the end.
    fn quoted(&mut self) {
        let body = &self.rest()[2..];
        let (literal, length) = match body.split_once(r"\E") {
            Some((literal, _)) => (literal, literal.len() + 4),
            None => (body, body.len() + 2),
        };
        for character in literal.chars() {
            self.literal(character);
        }
        self.at += length;
    }
}

/// What `.` stands for.
fn any_character(flags: Flags) -> Class {
    let ranges = if flags.dot_all {
        vec![ClassUnicodeRange::new('\0', char::MAX)]
    } else {
        vec![
            ClassUnicodeRange::new('\0', '\x09'),
            ClassUnicodeRange::new('\x0b', char::MAX),
        ]
    };
    Class::Unicode(ClassUnicode::new(ranges))
}

/// Reads `{2}`, `{2,}` or `{2,3}` at the beginning of `text`: minimum, maximum, and bytes taken.
fn counts(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let (min, rest) = count(text.strip_prefix('{')?)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (max, rest) = count(rest)?;
            (Some(max), rest)
        }
    };
    let rest = rest.strip_prefix('}')?;
    Some((min, max, text.len() - rest.len()))
}

/// Reads a decimal without leading zeros; one that is larger than any allowed count is cut to that.
fn count(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() || (length > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(HUGE_COUNT), rest))
}
