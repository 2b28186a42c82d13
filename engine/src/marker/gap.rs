//! The text between two tokens, where comments are: which value does a marker in it belong to?
//!
//! The rules are those of go-yaml's line and head comments, as far as Flux looks at them.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::ScalarStyle;
use memchr::memchr;

use super::comment::{self, Comment, Setter};
use super::fault::FaultKind;
use super::stack::{Place, Role};
use super::{BlockScalar, Context};

/// What bounds a gap.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) span: Range<usize>,
    /// 1-based line of the first and the last character.
    pub(super) lines: (usize, usize),
    /// 0-based column of the first character.
    pub(super) column: usize,
    pub(super) kind: TokenKind<'a>,
}

/// The tokens that matter for comments.
#[derive(Debug)]
pub(super) enum TokenKind<'a> {
    /// The beginning of the file.
    Start,
    /// `---` or `...`.
    Separator,
    /// `[` or `{`.
    Open,
    /// `]` or `}`.
    Close,
    /// A scalar or alias in a key.
    Key,
    /// A value that is not written.
    Empty,
    /// `*name` as a value.
    Alias,
    /// A scalar that is a value.
    Value(Scalar<'a>),
}

/// A scalar that is a value.
#[derive(Debug)]
pub(super) struct Scalar<'a> {
    pub(super) value: Cow<'a, str>,
    pub(super) style: ScalarStyle,
    pub(super) role: Role,
    pub(super) place: Place,
    pub(super) foreign_tag: Option<Box<str>>,
}

/// The text between two tokens.
pub(super) struct Gap<'g, 'a> {
    pub(super) source: &'a str,
    pub(super) before: &'g Token<'a>,
    /// `None` at the end of the file.
    pub(super) after: Option<&'g Token<'a>>,
    /// Whether a collection in block style ends in the gap.
    pub(super) closes: bool,
}

/// The token a marker belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Before,
    After,
}

/// A finding about one comment: a marker with its target, or a fault.
pub(super) struct Finding {
    /// The offset of the comment's `#`.
    pub(super) at: usize,
    pub(super) outcome: Result<(Setter, Target), FaultKind>,
}

impl<'a> Gap<'_, 'a> {
    /// Everything there is to say about markers in the gap.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let range = self.range();
        let text = &self.source[range.clone()];
        if memchr(b'#', text.as_bytes()).is_none() {
            return Vec::new();
        }
        let comments = comments(self.source, range);
        let mut findings = Vec::new();
        for (index, span) in comments.iter().enumerate() {
            let outcome = match comment::read(&self.source[span.clone()]) {
                Comment::Prose => continue,
                Comment::Broken(kind) => Err(kind),
                Comment::Marker(setter) => {
                    self.target(index, &comments).map(|target| (setter, target))
                }
            };
            findings.push(Finding {
                at: span.start,
                outcome,
            });
        }
        findings
    }

    fn range(&self) -> Range<usize> {
        let end = self
            .after
            .map_or(self.source.len(), |token| token.span.start);
        self.before.span.end.min(end)..end
    }

    fn target(&self, index: usize, comments: &[Range<usize>]) -> Result<Target, FaultKind> {
        let Some(comment) = comments.get(index) else {
            return Err(FaultKind::OwnLine);
        };
        let line_start = line_start(self.source, comment.start);
        let lead = &self.source[line_start.max(self.range().start)..comment.start];
        let target = if self.source[line_start..comment.start]
            .trim_matches(BLANKS)
            .is_empty()
        {
            self.above(index, comments)
        } else if self.behind_header(index, comments, lead) {
            Ok(Target::After)
        } else if lead_ends_with_dash(lead) {
            self.behind_dash(index, comments)
        } else {
            self.behind(lead, line_start)
        }?;
        let token = match target {
            Target::Before => Some(self.before),
            Target::After => self.after,
        };
        match token.map(|token| &token.kind) {
            Some(TokenKind::Value(scalar)) if scalar.role == Role::Root => {
                Err(FaultKind::RootScalar)
            }
            Some(TokenKind::Value(_)) => Ok(target),
            _ => Err(FaultKind::OwnLine),
        }
    }

    /// A comment on the line of the token before it.
    fn behind(&self, lead: &str, line_start: usize) -> Result<Target, FaultKind> {
        let lead = lead.trim_matches(BLANKS);
        let on_line = line_start <= self.before.span.end;
        match &self.before.kind {
            TokenKind::Value(_) if on_line && (lead.is_empty() || lead == ",") => {
                Ok(Target::Before)
            }
            TokenKind::Alias => Err(FaultKind::OnAlias),
            TokenKind::Empty => Err(FaultKind::EmptyValue),
            TokenKind::Open | TokenKind::Close => Err(FaultKind::OnBracket),
            TokenKind::Separator | TokenKind::Start => Err(FaultKind::OnSeparator),
            TokenKind::Key | TokenKind::Value(_) => Err(FaultKind::OnKey),
        }
    }

    /// Whether a comment stands behind the header of the block scalar after the gap.
    fn behind_header(&self, index: usize, comments: &[Range<usize>], lead: &str) -> bool {
        index + 1 == comments.len() && self.after_is_block() && header(lead).is_some()
    }

    fn after_is_block(&self) -> bool {
        let Some(TokenKind::Value(scalar)) = self.after.map(|token| &token.kind) else {
            return false;
        };
        matches!(scalar.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }

    /// A comment behind the `-` of a list item whose scalar follows on a later line.
    fn behind_dash(&self, index: usize, comments: &[Range<usize>]) -> Result<Target, FaultKind> {
        let right = matches!(self.before.kind, TokenKind::Empty);
        let alone = index + 1 == comments.len() && index == 0;
        if right
            || !alone
            || !self
                .tail(&comments[index])
                .is_some_and(|tail| tail.is_empty())
        {
            return Err(FaultKind::OnKey);
        }
        self.after_unless_shadowed()
    }

    /// The indicators between a comment and the token after the gap: without anchors, tags and the
    /// header of a block scalar. `None` if there is no token after it.
    fn tail(&self, comment: &Range<usize>) -> Option<Vec<&'a str>> {
        let text = &self.source[comment.end..self.after?.span.start];
        let block = self.after_is_block();
        let indicators = text.split_ascii_whitespace().filter(|word| {
            let property = word.starts_with(['&', '!']);
            let header = block && word.starts_with(['|', '>']);
            !property && !header
        });
        Some(indicators.collect())
    }

    /// A comment on a line of its own.
    fn above(&self, index: usize, comments: &[Range<usize>]) -> Result<Target, FaultKind> {
        let Some(after) = self.after else {
            return Err(FaultKind::OwnLine);
        };
        let TokenKind::Value(scalar) = &after.kind else {
            return Err(FaultKind::OwnLine);
        };
        if index + 1 != comments.len() {
            return Err(FaultKind::CommentBlock);
        }
        let comment = &comments[index];
        let tail = self.tail(comment).unwrap_or_default();
        let in_flow = scalar.place.context == Context::Flow;
        let fits = match tail.as_slice() {
            [] => true,
            ["-"] => scalar.place.sequence_column.is_some(),
            [","] => in_flow,
            _ => false,
        };
        if !fits || self.belongs_before(comment, after, &scalar.place) {
            return Err(FaultKind::OwnLine);
        }
        if !self.stands_alone(index, comments) {
            return Err(FaultKind::CommentBlock);
        }
        self.after_unless_shadowed()
    }

    /// The token after the gap, unless a comment behind it takes precedence.
    fn after_unless_shadowed(&self) -> Result<Target, FaultKind> {
        let end = self.after.map_or(self.source.len(), |token| token.span.end);
        if !self.after_is_block() && has_comment_behind(self.source, end) {
            return Err(FaultKind::Shadowed);
        }
        Ok(Target::After)
    }

    /// Whether go-yaml takes the comment for the foot of what is before it, or the document's head.
    fn belongs_before(&self, comment: &Range<usize>, after: &Token<'_>, place: &Place) -> bool {
        let blank_after = has_blank_line(&self.source[comment.end..after.span.start]);
        let column = comment.start - line_start(self.source, comment.start);
        let lead = &self.source[self.before.span.end.min(comment.start)..comment.start];
        if lead_ends_with_dash(lead) {
            return blank_after;
        }
        if self.closes && place.sequence_column != Some(column) {
            return true;
        }
        match self.before.kind {
            TokenKind::Key => false,
            TokenKind::Empty => true,
            // Flux cuts the file at separators, except at one in the first line.
            TokenKind::Separator if self.before.span.start == 0 => false,
            TokenKind::Start | TokenKind::Separator | TokenKind::Open => blank_after,
            _ => blank_after && !blank_line_above(self.source, comment.start),
        }
    }

    /// Whether the comment is the only one above the value, beside one behind the token before the
    /// gap.
    fn stands_alone(&self, index: usize, comments: &[Range<usize>]) -> bool {
        match &comments[..index] {
            [] => true,
            [other] => {
                let lead = &self.source[self.before.span.end..other.start];
                !has_line_break(lead)
                    && !lead_ends_with_dash(lead)
                    && !is_own_line(self.source, other.start)
            }
            _ => false,
        }
    }
}

const BLANKS: [char; 3] = [' ', '\t', '\u{feff}'];

/// The comments in a stretch of text that holds no scalar, with their `#`.
fn comments(source: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = range.start;
    while let Some(hash) = memchr(b'#', &bytes[at..range.end]).map(|offset| at + offset) {
        let begins = hash == 0
            || matches!(bytes[hash - 1], b' ' | b'\t' | b'\n' | b'\r')
            || source[..hash].ends_with('\u{feff}');
        if !begins {
            at = hash + 1;
            continue;
        }
        at = line_end(source, hash).min(range.end);
        found.push(hash..at);
    }
    found
}

fn line_start(source: &str, at: usize) -> usize {
    memchr::memrchr2(b'\n', b'\r', &source.as_bytes()[..at]).map_or(0, |end| end + 1)
}

fn line_end(source: &str, at: usize) -> usize {
    memchr::memchr2(b'\n', b'\r', &source.as_bytes()[at..]).map_or(source.len(), |end| at + end)
}

fn is_own_line(source: &str, comment: usize) -> bool {
    source[line_start(source, comment)..comment]
        .trim_matches(BLANKS)
        .is_empty()
}

fn has_line_break(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// Counts the line breaks of a text.
pub(super) fn line_breaks(text: &str) -> usize {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'\n', b'\r', bytes)
        .filter(|at| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'))
        .count()
}

/// Whether the line a text begins in the middle of is followed by a blank one.
fn has_blank_line(text: &str) -> bool {
    let blank = text.len() - text.trim_start_matches([' ', '\t', '\n', '\r']).len();
    line_breaks(&text[..blank]) > 1
}

/// Whether the line above that of `at` is blank.
fn blank_line_above(source: &str, at: usize) -> bool {
    let above = source[..line_start(source, at)]
        .trim_end_matches(['\n', '\r', ' ', '\t'])
        .len();
    line_breaks(&source[above..at]) > 1
}

/// Whether a comment follows on the line, behind a comma at most.
fn has_comment_behind(source: &str, at: usize) -> bool {
    let rest = &source[at..line_end(source, at)];
    let text = rest.trim_start_matches(BLANKS);
    let (text, blank) = match text.strip_prefix(',') {
        Some(text) => (text.trim_start_matches(BLANKS), text.starts_with(BLANKS)),
        None => (text, rest.starts_with(BLANKS)),
    };
    blank && text.starts_with('#')
}

fn lead_ends_with_dash(lead: &str) -> bool {
    let mut words = lead.split_ascii_whitespace().rev();
    words.find(|word| !word.starts_with(['&', '!'])) == Some("-")
}

/// The span in `lead` of the block scalar header the text ends with.
fn header(lead: &str) -> Option<Range<usize>> {
    let text = lead.trim_end_matches(BLANKS);
    let start = text
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-')
        .len();
    let indicator = text[..start].chars().next_back()?;
    matches!(indicator, '|' | '>').then(|| start - 1..text.len())
}

/// Finds the parts of the block scalar `token`, whose header is in the text after `from`.
pub(super) fn block_scalar(source: &str, from: usize, token: &Token<'_>) -> Option<BlockScalar> {
    let head = source.get(from..token.span.start)?.trim_end();
    let line = line_start(source, from + head.len()).max(from);
    let line_stop = line_end(source, line);
    let first_comment = comments(source, line..line_stop)
        .first()
        .map_or(line_stop, |span| span.start);
    let found = header(&source[line..first_comment])?;
    let body = body(source, line_stop, token.span.end);
    let text = source[body.clone()].trim_start_matches(['\n', '\r']);
    let first_line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let indent = first_line.len() - first_line.trim_start_matches(' ').len();
    let header = line + found.start..line + found.end;
    let indicator = source[header.clone()].chars().next()?;
    Some(BlockScalar {
        header,
        indicator,
        header_end: line_stop,
        body,
        indent,
    })
}

/// From the start of the line after `line_stop` to the end of the last line before `end` with text.
fn body(source: &str, line_stop: usize, end: usize) -> Range<usize> {
    let rest = &source[line_stop..];
    let line_break = if rest.starts_with("\r\n") {
        2
    } else {
        usize::from(has_line_break(rest.get(..1).unwrap_or_default()))
    };
    let start = line_stop + line_break;
    let text = source.get(start..end).unwrap_or_default();
    let stop = start + text.trim_end_matches([' ', '\t', '\n', '\r']).len();
    let blanks = source[stop..end.max(stop)].len()
        - source[stop..end.max(stop)]
            .trim_start_matches([' ', '\t'])
            .len();
    if stop == start {
        start..start
    } else {
        start..stop + blanks
    }
}
