//! What is wrong with a marker or a file, and what to do about it.

use thiserror::Error;

/// A comment meant as a marker that cannot work, or a file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// 1-based line of the comment or the error.
    pub line: usize,
    /// 1-based column in characters.
    pub column: usize,
    /// What is wrong; displays as the reason and the next step.
    pub kind: FaultKind,
}

impl Fault {
    /// The reason and the next step, in one line.
    pub fn message(&self) -> String {
        self.kind.to_string()
    }

    /// Whether the whole file is left alone because of this.
    pub fn disables_file(&self) -> bool {
        use FaultKind::{NotUtf8, NotYaml, SeparatorWithContent};
        matches!(self.kind, NotUtf8 | NotYaml(_) | SeparatorWithContent)
    }
}

/// What is wrong with a marker or a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultKind {
    /// The file holds bytes that are not UTF-8.
    #[error("not UTF-8, so the file is left alone: save it as UTF-8")]
    NotUtf8,
    /// The file is no YAML, as templates often are not.
    #[error("not YAML, so the file is left alone: {0}")]
    NotYaml(String),
    /// Content behind `---`.
    #[error(
        "content behind the document separator, so the file is left alone: move it to the next line"
    )]
    SeparatorWithContent,
    /// A document after `...` without `---`.
    #[error("marker in a document that does not begin with ---: add the separator")]
    BareDocument,
    /// A document that is one scalar.
    #[error("marker on a document that is a single value: mark a value of a mapping or a list")]
    RootScalar,
    /// Text before or behind the JSON object.
    #[error("text around the marker: the comment must be the JSON object and nothing else")]
    TextAround,
    /// More than one marker in a comment.
    #[error("two markers in one comment: keep one")]
    TwoMarkers,
    /// Single quotes.
    #[error("marker in single quotes: write {{\"$imagepolicy\": \"namespace:policy\"}}")]
    SingleQuotes,
    /// `$ImagePolicy` and the like.
    #[error("misspelt marker key: write \"$imagepolicy\" in lower case")]
    WrongKey,
    /// Not a JSON object.
    #[error("marker is no JSON object: write {{\"$imagepolicy\": \"namespace:policy\"}}")]
    MalformedJson,
    /// A value that is neither string nor null.
    #[error("marker with a value that is no string: all values in it must be strings")]
    NonStringValue,
    /// Not `namespace:policy[:name|:tag|:digest]`.
    #[error(
        "marker value {0:?} is not namespace:policy, optionally followed by :name, :tag or :digest"
    )]
    BadSetter(String),
    /// Behind `key:` or `-` whose value is on following lines, or on an explicit key.
    #[error("marker behind a key: put it at the end of the line with the value")]
    OnKey,
    /// No value before the marker.
    #[error("marker on an empty value: write \"\" before it")]
    EmptyValue,
    /// On an alias.
    #[error("marker on an alias: put it on the anchor, whose value the alias repeats")]
    OnAlias,
    /// Behind a bracket.
    #[error(
        "marker behind a bracket: write the value on a line of its own and the marker behind it"
    )]
    OnBracket,
    /// Behind `---`.
    #[error("marker on a document separator: put it at the end of the line with the value")]
    OnSeparator,
    /// On its own line, next to something that is no list item.
    #[error("marker on a line of its own: put it at the end of the line with the value")]
    OwnLine,
    /// On its own line among other comments.
    #[error(
        "marker among other comment lines: put it at the end of the line with the value, or alone above the list item"
    )]
    CommentBlock,
    /// Above a list item that has a comment at its end.
    #[error(
        "marker above a value that has a comment behind it, which takes precedence: put the marker there"
    )]
    Shadowed,
}
