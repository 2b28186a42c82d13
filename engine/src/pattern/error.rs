//! Why a pattern is refused: Go's words, the place, and what to write instead.

use std::ops::Range;

use thiserror::Error;

/// A pattern that Go's `regexp` refuses, or that is too large to be compiled.
///
/// The text is Go's own message (`` error parsing regexp: missing closing ): `(a` ``),
/// since conditions and scripts match it; what it leaves out is in the methods.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("error parsing regexp: {kind}: `{expression}`")]
pub struct PatternError {
    kind: PatternErrorKind,
    expression: String,
    span: Range<usize>,
    advice: Option<Advice>,
}

/// The rule of the syntax that a pattern breaks, in Go's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PatternErrorKind {
    /// A range out of order or an unknown class name.
    #[error("invalid character class range")]
    CharacterRange,
    /// A backslash before something that has no meaning after one.
    #[error("invalid escape sequence")]
    Escape,
    /// A group name that is empty, unclosed or holds more than `[A-Za-z0-9_]`.
    #[error("invalid named capture")]
    NamedCapture,
    /// `(?` followed by something that is neither flags nor a name.
    #[error("invalid or unsupported Perl syntax")]
    PerlSyntax,
    /// A repetition operator directly after another one, as in `a**` or `a++`.
    #[error("invalid nested repetition operator")]
    NestedRepetition,
    /// A count over 1000, alone or multiplied with those around it, or a range out of order.
    #[error("invalid repeat count")]
    RepeatCount,
    /// A repetition operator with nothing before it.
    #[error("missing argument to repetition operator")]
    RepeatArgument,
    /// A character class without its end.
    #[error("missing closing ]")]
    MissingBracket,
    /// A group without its end.
    #[error("missing closing )")]
    MissingParenthesis,
    /// The end of a group that was never opened.
    #[error("unexpected )")]
    UnexpectedParenthesis,
    /// A backslash as the last character.
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    /// Groups and repetitions more than 1000 deep.
    #[error("expression nests too deeply")]
    NestingDepth,
    /// A pattern whose compiled form would take more memory than it may.
    #[error("expression too large")]
    TooLarge,
}

/// A construct of other regular expression languages: what it is and what takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// Reads as a sentence without a subject in front: `look-ahead is not supported`.
    pub(super) reason: &'static str,
    /// What to write instead, lower case, without full stop.
    pub(super) hint: &'static str,
}

impl PatternError {
    /// An error about `span` of `pattern`, quoting the same span as Go does.
    pub(super) fn at(kind: PatternErrorKind, pattern: &str, span: Range<usize>) -> Self {
        let expression = pattern.get(span.clone()).unwrap_or(pattern).to_owned();
        Self {
            kind,
            expression,
            span,
            advice: None,
        }
    }

    /// An error about `span` of `pattern`, where Go quotes the whole pattern.
    pub(super) fn within(kind: PatternErrorKind, pattern: &str, span: Range<usize>) -> Self {
        Self {
            kind,
            expression: pattern.to_owned(),
            span,
            advice: None,
        }
    }

    /// The same error, quoting nothing.
    pub(super) fn unquoted(mut self) -> Self {
        self.expression.clear();
        self
    }

    /// The same error with what is known about the construct.
    pub(super) fn advised(mut self, advice: Option<Advice>) -> Self {
        self.advice = advice;
        self
    }

    /// The rule that is broken.
    #[must_use]
    pub fn kind(&self) -> PatternErrorKind {
        self.kind
    }

    /// The part of the pattern Go's message quotes; often, but not always, what stands at [`span`](Self::span).
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Where the pattern is wrong: 0-based byte offset of the offending construct.
    ///
    /// People count from one, and characters: print [`column`](Self::column).
    #[must_use]
    pub fn position(&self) -> usize {
        self.span.start
    }

    /// The bytes of the pattern to underline.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The position for people: characters of `pattern` before the construct, plus one.
    #[must_use]
    pub fn column(&self, pattern: &str) -> usize {
        pattern
            .get(..self.span.start)
            .map_or(self.span.start, |before| before.chars().count())
            + 1
    }

    /// What is wrong, without the place: `look-ahead is not supported`, `missing closing )`.
    #[must_use]
    pub fn reason(&self) -> String {
        match (self.advice, self.kind) {
            (Some(advice), _) => advice.reason.to_owned(),
            (
                None,
                PatternErrorKind::MissingBracket
                | PatternErrorKind::MissingParenthesis
                | PatternErrorKind::UnexpectedParenthesis
                | PatternErrorKind::TrailingBackslash
                | PatternErrorKind::NestingDepth
                | PatternErrorKind::TooLarge,
            ) => self.kind.to_string(),
            (None, _) => format!("{} `{}`", self.kind, self.expression),
        }
    }

    /// What to write instead, when the construct belongs to another regular expression language.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.advice.map(|advice| advice.hint)
    }
}
