//! Go's view of text: runes decoded from bytes, their categories, and quoting.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// The runes of `bytes` with their width; a byte that is not UTF-8 is U+FFFD of width 1.
pub(super) fn runes(bytes: &[u8]) -> impl Iterator<Item = (char, usize)> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(|c| (c, c.len_utf8()));
        valid.chain(
            chunk
                .invalid()
                .iter()
                .map(|_| (char::REPLACEMENT_CHARACTER, 1)),
        )
    })
}

/// The text with every byte that is not UTF-8 replaced by U+FFFD.
pub(super) fn lossy(bytes: &[u8]) -> String {
    runes(bytes).map(|(c, _)| c).collect()
}

/// A Unicode general category, as sorted ranges of code points.
pub(super) struct Category(LazyLock<Vec<(char, char)>>);

macro_rules! category {
    ($name:ident, $class:literal, $doc:literal) => {
        #[doc = $doc]
        pub(super) static $name: Category = Category(LazyLock::new(|| ranges($class)));
    };
}

category!(LETTER, r"\p{L}", "Letters.");
category!(DIGIT, r"\p{Nd}", "Decimal digits.");
category!(NUMBER, r"\p{N}", "Numbers of any kind.");
category!(UPPER, r"\p{Lu}", "Upper case letters.");
category!(LOWER, r"\p{Ll}", "Lower case letters.");
category!(TITLE, r"\p{Lt}", "Title case letters.");
category!(PUNCTUATION, r"\p{P}", "Punctuation.");
category!(
    GRAPHIC,
    r"[\p{L}\p{M}\p{N}\p{P}\p{S}]",
    "What is printed as it is."
);

fn ranges(class: &str) -> Vec<(char, char)> {
    let hir = regex_syntax::parse(class).expect("the class is a constant that parses");
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        _ => Vec::new(),
    }
}

impl Category {
    /// Whether `c` is of this category.
    pub(super) fn contains(&self, c: char) -> bool {
        self.0
            .binary_search_by(|&(start, end)| {
                if end < c {
                    std::cmp::Ordering::Less
                } else if start > c {
                    std::cmp::Ordering::Greater
                } else {
                    std::cmp::Ordering::Equal
                }
            })
            .is_ok()
    }
}

/// Whether `c` can be part of an identifier.
pub(super) fn is_letter_or_digit(c: char) -> bool {
    match c {
        '_' | 'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        c => !c.is_ascii() && (LETTER.contains(c) || DIGIT.contains(c)),
    }
}

/// Go's `unicode.IsPrint`.
pub(super) fn is_print(c: char) -> bool {
    match c {
        ' '..='~' => true,
        c => !c.is_ascii() && GRAPHIC.contains(c),
    }
}

/// Go's `unicode.IsSpace`.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// The upper case of a rune: Go maps one rune to one rune.
pub(super) fn to_upper(c: char) -> char {
    match c {
        'ß' => 'ß',
        c => single(c.to_uppercase(), c),
    }
}

/// The lower case of a rune.
pub(super) fn to_lower(c: char) -> char {
    match c {
        'İ' => 'i',
        c => single(c.to_lowercase(), c),
    }
}

/// The title case of a rune, which differs from the upper case for digraphs only.
pub(super) fn to_title(c: char) -> char {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        'ა'..='ჿ' => c,
        c => to_upper(c),
    }
}

fn single(mut mapped: impl ExactSizeIterator<Item = char>, c: char) -> char {
    if mapped.len() == 1 {
        mapped.next().unwrap_or(c)
    } else {
        c
    }
}

/// Go's `%U` with the character, as error texts show it.
pub(super) fn quote_rune_code(c: char) -> String {
    let code = u32::from(c);
    if is_print(c) {
        format!("U+{code:04X} '{c}'")
    } else {
        format!("U+{code:04X}")
    }
}

/// Go's `strconv.Quote`.
pub(super) fn quote(bytes: &[u8]) -> String {
    quote_with(bytes, '"', Escape::Unprintable)
}

/// What is written as an escape in quoted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// What cannot be printed.
    Unprintable,
    /// Everything outside ASCII as well.
    NonAscii,
}

/// Quoted text between `quote` characters.
pub(super) fn quote_with(bytes: &[u8], quote: char, escape: Escape) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push(quote);
    let mut at = 0;
    for (c, width) in runes(bytes) {
        if c == char::REPLACEMENT_CHARACTER && width == 1 {
            quoted.push_str(&format!("\\x{:02x}", bytes[at]));
        } else {
            push_escaped(&mut quoted, c, quote, escape);
        }
        at += width;
    }
    quoted.push(quote);
    quoted
}

fn push_escaped(quoted: &mut String, c: char, quote: char, escape: Escape) {
    let code = u32::from(c);
    match c {
        c if c == quote || c == '\\' => {
            quoted.push('\\');
            quoted.push(c);
        }
        c if is_print(c) && (escape == Escape::Unprintable || c.is_ascii()) => quoted.push(c),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        '\0'..=' ' | '\x7f' => quoted.push_str(&format!("\\x{code:02x}")),
        _ if code < 0x1_0000 => quoted.push_str(&format!("\\u{code:04x}")),
        _ => quoted.push_str(&format!("\\U{code:08x}")),
    }
}

/// Whether `text` can stand between back quotes as it is.
pub(super) fn can_backquote(bytes: &[u8]) -> bool {
    runes(bytes).all(|(c, width)| match c {
        '\t' => true,
        '\u{feff}' | '`' | '\x7f' => false,
        char::REPLACEMENT_CHARACTER => width > 1,
        c => c >= ' ',
    })
}
