//! The grammar of ranges.
//!
//! Masterminds/semver reads in three steps, which decide what odd input means: hyphen ranges are
//! rewritten in the text, wherever they match, even across `||`; the text is split at `||`; each
//! branch is read. Positions are carried back to the text as it was written.

use super::error::{RangeError, RangeFault};
use super::{Branch, Comparator, Operator, Precision};
use crate::version::{identifiers_end, leading_zero};

/// Longest range in bytes.
const MAX_LENGTH: usize = 512;
/// Longest bound in bytes.
const MAX_VERSION_LENGTH: usize = 256;
/// Most `||` branches.
const MAX_BRANCHES: usize = 32;

pub(super) fn branches(source: &str) -> Result<Vec<Branch>, RangeError> {
    if source.len() > MAX_LENGTH {
        return Err(RangeError::new(source, MAX_LENGTH, RangeFault::TooLong));
    }
    let rewritten = Rewritten::new(source);
    let mut branches = Vec::new();
    let mut start = 0;
    for piece in rewritten.text.split("||") {
        if branches.len() == MAX_BRANCHES {
            return Err(rewritten.error(source, start, RangeFault::TooManyBranches));
        }
        let mut cursor = Cursor {
            text: &rewritten.text[..start + piece.len()],
            at: start,
        };
        let comparators = cursor
            .comparators()
            .map_err(|(at, fault)| rewritten.error(source, at, fault))?;
        branches.push(Branch(comparators));
        start += piece.len() + "||".len();
    }
    Ok(branches)
}

/// A range whose `A - B` became `>= A, <= B `.
struct Rewritten {
    text: String,
    /// For each byte of `text`, and one beyond, the position in the source it stands for.
    origins: Vec<usize>,
}

impl Rewritten {
    fn new(source: &str) -> Self {
        let mut rewritten = Self {
            text: String::with_capacity(source.len()),
            origins: Vec::with_capacity(source.len() + 1),
        };
        let mut done = 0;
        while let Some(hyphen) = (done..source.len()).find_map(|at| Hyphen::at(source, at)) {
            rewritten.push(&source[done..hyphen.start], done, 1);
            rewritten.push(">= ", hyphen.lower.0, 0);
            rewritten.push(&source[hyphen.lower.0..hyphen.lower.1], hyphen.lower.0, 1);
            rewritten.push(", <= ", hyphen.upper.0, 0);
            rewritten.push(&source[hyphen.upper.0..hyphen.upper.1], hyphen.upper.0, 1);
            rewritten.push(" ", hyphen.upper.1, 0);
            done = hyphen.end;
        }
        rewritten.push(&source[done..], done, 1);
        rewritten.origins.push(source.len());
        rewritten
    }

    /// Appends text whose first byte stands for `origin`, and each later one for `step` further.
    fn push(&mut self, text: &str, origin: usize, step: usize) {
        self.text.push_str(text);
        self.origins
            .extend((0..text.len()).map(|offset| origin + step * offset));
    }

    /// Carries a fault back to the source; operators that only rewriting put there are not named.
    fn error(&self, source: &str, at: usize, fault: RangeFault) -> RangeError {
        let position = self.origins.get(at).copied().unwrap_or(source.len());
        let written = source.get(position..).unwrap_or_default();
        let fault = match fault {
            RangeFault::Operator(operator) if !written.starts_with(&operator) => {
                RangeFault::BeforeHyphen
            }
            RangeFault::Separator if !written.bytes().next().is_some_and(is_operator_byte) => {
                RangeFault::BeforeHyphen
            }
            other => other,
        };
        RangeError::new(source, position, fault)
    }
}

/// A hyphen range with the blanks around it, as byte positions.
struct Hyphen {
    start: usize,
    lower: (usize, usize),
    upper: (usize, usize),
    end: usize,
}

impl Hyphen {
    fn at(text: &str, start: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let lower = skip_blanks(bytes, start);
        let lower_end = Bound::scan(bytes, lower)?.end;
        let hyphen = skip_blanks(bytes, lower_end);
        let upper = skip_blanks(bytes, hyphen + 1);
        let joined = hyphen > lower_end && bytes.get(hyphen) == Some(&b'-') && upper > hyphen + 1;
        if !joined {
            return None;
        }
        let upper_end = Bound::scan(bytes, upper)?.end;
        Some(Self {
            start,
            lower: (lower, lower_end),
            upper: (upper, upper_end),
            end: skip_blanks(bytes, upper_end),
        })
    }
}

/// The pieces of `v? part [. part [. part]] [- pre] [+ meta]`, as byte positions.
struct Bound {
    start: usize,
    parts: [Option<(usize, usize)>; 3],
    /// Without the hyphen.
    prerelease: Option<(usize, usize)>,
    end: usize,
}

impl Bound {
    /// Takes the longest version that starts at `start`.
    fn scan(bytes: &[u8], start: usize) -> Option<Self> {
        let first = start + usize::from(bytes.get(start) == Some(&b'v'));
        let mut end = part_end(bytes, first)?;
        let mut parts = [Some((first, end)), None, None];
        for part in parts.iter_mut().skip(1) {
            if bytes.get(end) != Some(&b'.') {
                break;
            }
            let Some(next) = part_end(bytes, end + 1) else {
                break;
            };
            *part = Some((end + 1, next));
            end = next;
        }
        let mut prerelease = None;
        if bytes.get(end) == Some(&b'-')
            && let Some(next) = identifiers_end(bytes, end + 1)
        {
            prerelease = Some((end + 1, next));
            end = next;
        }
        if bytes.get(end) == Some(&b'+')
            && let Some(next) = identifiers_end(bytes, end + 1)
        {
            end = next;
        }
        Some(Self {
            start,
            parts,
            prerelease,
            end,
        })
    }

    /// The comparator this bound makes with `operator`.
    ///
    /// What follows a wildcard number is not looked at, so `1.x.5` is `1.x`.
    fn comparator(
        &self,
        text: &str,
        operator: Operator,
    ) -> Result<Comparator, (usize, RangeFault)> {
        let mut numbers = [0; 3];
        let mut written = 0;
        for (number, part) in numbers.iter_mut().zip(self.parts) {
            let Some((start, end)) = part else { break };
            let digits = &text[start..end];
            if matches!(digits, "x" | "X" | "*") {
                break;
            }
            // No part holds a sign, so this reads digits only.
            *number = digits
                .parse()
                .map_err(|_| (start, RangeFault::Number(digits.to_owned())))?;
            written += 1;
        }
        let precision = match written {
            0 => Precision::Nothing,
            1 => Precision::Major,
            2 => Precision::Minor,
            _ => Precision::Full,
        };
        let (start, end) = self.prerelease.unwrap_or((self.end, self.end));
        let prerelease = &text[start..end];
        if let Some(offset) = leading_zero(prerelease) {
            return Err((start + offset, RangeFault::LeadingZero));
        }
        if self.filled_length(precision) > MAX_VERSION_LENGTH {
            return Err((self.start, RangeFault::VersionTooLong));
        }
        Ok(Comparator {
            operator,
            numbers,
            prerelease: prerelease.to_owned(),
            precision,
            text: text[self.start..self.end].to_owned(),
        })
    }

    /// The length of the bound once missing numbers are filled in, which is what the limit is about.
    fn filled_length(&self, precision: Precision) -> usize {
        let length = |span: Option<(usize, usize)>| span.map_or(0, |(start, end)| end - start);
        let prerelease = self
            .prerelease
            .map_or(0, |(start, end)| end - start + "-".len());
        let [major, minor, _] = self.parts;
        match precision {
            Precision::Nothing => "0.0.0".len() + prerelease,
            Precision::Major => length(major) + ".0.0".len() + prerelease,
            Precision::Minor => length(major) + ".".len() + length(minor) + ".0".len() + prerelease,
            Precision::Full => self.end - self.start,
        }
    }
}

/// Reads one branch; positions are those of the rewritten text.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn comparators(&mut self) -> Result<Vec<Comparator>, (usize, RangeFault)> {
        let start = self.at;
        self.blanks();
        if self.peek().is_none() {
            return Err((start, RangeFault::Empty));
        }
        let mut comparators = vec![self.comparator()?];
        loop {
            let behind = self.at;
            self.blanks();
            match self.peek() {
                None => return Ok(comparators),
                Some(b',') => {
                    let comma = self.at;
                    self.at += 1;
                    self.blanks();
                    if matches!(self.peek(), None | Some(b',')) {
                        return Err((comma, RangeFault::Comma));
                    }
                }
                Some(_) if self.at > behind => {}
                Some(_) => return Err((behind, self.touching())),
            }
            comparators.push(self.comparator()?);
        }
    }

    fn comparator(&mut self) -> Result<Comparator, (usize, RangeFault)> {
        if self.peek() == Some(b',') {
            return Err((self.at, RangeFault::Comma));
        }
        let operator = self.operator()?;
        self.blanks();
        let Some(bound) = Bound::scan(self.text.as_bytes(), self.at) else {
            return Err((self.at, self.no_version()));
        };
        self.at = bound.end;
        bound.comparator(self.text, operator)
    }

    fn operator(&mut self) -> Result<Operator, (usize, RangeFault)> {
        let start = self.at;
        while self.peek().is_some_and(is_operator_byte) {
            self.at += 1;
        }
        Ok(match &self.text[start..self.at] {
            "" | "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterEqual,
            "<=" | "=<" => Operator::LessEqual,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            unknown => return Err((start, RangeFault::Operator(unknown.to_owned()))),
        })
    }

    /// What stands where a version should.
    fn no_version(&self) -> RangeFault {
        let rest = &self.text[self.at..];
        let word: String = rest
            .chars()
            .take_while(|letter| !letter.is_ascii_whitespace() && *letter != ',')
            .collect();
        match word.bytes().next() {
            None => RangeFault::Version,
            Some(b'-') => RangeFault::Hyphen,
            Some(byte) if is_operator_byte(byte) => RangeFault::Version,
            Some(_) => RangeFault::Word(word),
        }
    }

    /// What is wrong with text that touches the version before it.
    fn touching(&self) -> RangeFault {
        match self.peek() {
            Some(b'.') => RangeFault::FourthNumber,
            Some(b'&' | b';') => RangeFault::Operator(
                self.text[self.at..]
                    .chars()
                    .take_while(|c| "&;".contains(*c))
                    .collect(),
            ),
            Some(byte) if is_operator_byte(byte) => RangeFault::Separator,
            _ => {
                let before = self.text[..self.at]
                    .rfind([' ', ','])
                    .map_or(0, |blank| blank + 1);
                let word = self.text[before..]
                    .chars()
                    .take_while(|c| !c.is_ascii_whitespace() && *c != ',');
                RangeFault::Word(word.collect())
            }
        }
    }

    fn blanks(&mut self) {
        self.at = skip_blanks(self.text.as_bytes(), self.at);
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

const fn is_operator_byte(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'<' | b'>' | b'~' | b'^' | b'&' | b';')
}

/// The end of the run of digits, wildcards and bars at `at`; bars are refused later, as in Masterminds.
fn part_end(bytes: &[u8], at: usize) -> Option<usize> {
    let length = bytes
        .get(at..)?
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'x' | b'X' | b'*' | b'|'))
        .count();
    (length > 0).then_some(at + length)
}

/// Skips the blanks of Go's `\s`, which has no vertical tab.
fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let blanks = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c'));
    at + blanks.count()
}
