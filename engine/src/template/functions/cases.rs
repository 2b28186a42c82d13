//! Letter cases and the words in names.

use super::Function;
use crate::template::runes::{
    LETTER, LOWER, NUMBER, PUNCTUATION, TITLE, UPPER, is_space, to_lower, to_title, to_upper,
};
use crate::template::types::Type;

const TEXT: &[Type] = &[Type::String];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("snakecase", TEXT, Type::String, |heap, args| {
        heap.text(joined_words(&super::text::characters(args.text(0)), '_'))
    }),
    Function::new("kebabcase", TEXT, Type::String, |heap, args| {
        heap.text(joined_words(&super::text::characters(args.text(0)), '-'))
    }),
    Function::new("camelcase", TEXT, Type::String, |heap, args| {
        heap.text(pascal(&super::text::characters(args.text(0))))
    }),
    Function::new("swapcase", TEXT, Type::String, |heap, args| {
        heap.text(swapped(&super::text::characters(args.text(0))))
    }),
    Function::new("untitle", TEXT, Type::String, |heap, args| {
        heap.text(untitled(&super::text::characters(args.text(0))))
    }),
];

/// Swaps the case of each letter; the first lower case one of a word becomes title case.
fn swapped(text: &[char]) -> String {
    let mut after_space = true;
    text.iter()
        .map(|&c| {
            if UPPER.contains(c) || TITLE.contains(c) {
                after_space = false;
                to_lower(c)
            } else if LOWER.contains(c) {
                if std::mem::take(&mut after_space) {
                    to_title(c)
                } else {
                    to_upper(c)
                }
            } else {
                after_space = is_space(c);
                c
            }
        })
        .collect()
}

/// Lower-cases the first letter of each word.
fn untitled(text: &[char]) -> String {
    let mut after_space = true;
    text.iter()
        .map(|&c| {
            if is_space(c) {
                after_space = true;
                c
            } else if std::mem::take(&mut after_space) {
                to_lower(c)
            } else {
                c
            }
        })
        .collect()
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

/// Joins words in Pascal case; connectors at the beginning and repeated ones stay.
fn pascal(text: &[char]) -> String {
    let mut pascal = String::with_capacity(text.len());
    let leading = text.iter().take_while(|c| is_connector(**c)).count();
    pascal.extend(&text[..leading]);
    let Some((&first, rest)) = text[leading..].split_first() else {
        // The last of the connectors is the current rune as well, and is written once more.
        pascal.extend(text.last());
        return pascal;
    };
    let mut in_capitals = UPPER.contains(first);
    let mut current = to_upper(first);
    for &c in rest {
        let previous = std::mem::replace(&mut current, c);
        if is_connector(c) && is_connector(previous) {
            pascal.push(previous);
            continue;
        }
        if is_connector(previous) {
            in_capitals = UPPER.contains(c);
            current = to_upper(c);
            continue;
        }
        if in_capitals {
            if UPPER.contains(c) {
                current = to_lower(c);
            } else {
                in_capitals = false;
            }
        }
        pascal.push(previous);
    }
    pascal.push(current);
    pascal
}

/// What a run of characters is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Nothing,
    Number,
    Upper,
    Letters,
    Connector,
    Punctuation,
    Other,
}

fn is_letter(c: char) -> bool {
    LETTER.contains(c)
}

/// The length of the run of characters that pass the test.
fn run(text: &[char], test: impl Fn(char) -> bool) -> usize {
    text.iter().take_while(|c| test(**c)).count()
}

/// The word a text begins with, and its length.
fn next_word(text: &[char]) -> (Word, usize) {
    let lower = |c: char| is_letter(c) && !UPPER.contains(c);
    let Some((&first, rest)) = text.split_first() else {
        return (Word::Nothing, 0);
    };
    match first {
        char::REPLACEMENT_CHARACTER => (Word::Nothing, 1),
        c if is_connector(c) => (Word::Connector, 1 + run(rest, is_connector)),
        c if PUNCTUATION.contains(c) => (
            Word::Punctuation,
            1 + run(rest, |c| PUNCTUATION.contains(c)),
        ),
        c if UPPER.contains(c) => {
            let capitals = run(rest, |c| UPPER.contains(c));
            if capitals == 0 {
                return (Word::Upper, 1 + run(rest, lower));
            }
            // Of `HTTPStatus` the `S` belongs to the next word.
            let followed = rest.get(capitals).is_some_and(|c| is_letter(*c));
            (Word::Upper, 1 + capitals - usize::from(followed))
        }
        c if is_letter(c) => (Word::Letters, 1 + run(rest, lower)),
        c if NUMBER.contains(c) => (Word::Number, 1 + run(rest, |c| NUMBER.contains(c))),
        _ => {
            let other = |c: char| {
                !is_connector(c) && !is_letter(c) && !NUMBER.contains(c) && !PUNCTUATION.contains(c)
            };
            (Word::Other, 1 + run(rest, other))
        }
    }
}

/// The words of a text, read one after another, and the lower-cased result.
struct Words<'t> {
    rest: &'t [char],
    kind: Word,
    word: &'t [char],
    connector: char,
    out: String,
}

impl<'t> Words<'t> {
    fn advance(&mut self) {
        let (kind, length) = next_word(self.rest);
        let (word, rest) = self.rest.split_at(length);
        self.kind = kind;
        self.word = word;
        self.rest = rest;
    }

    fn write(&mut self, kind: Word, word: &[char]) {
        if !matches!(kind, Word::Upper | Word::Connector) {
            self.out.extend(word);
            return;
        }
        let connector = self.connector;
        self.out.extend(word.iter().map(|&c| match c {
            c if is_connector(c) => connector,
            c if UPPER.contains(c) => to_lower(c),
            c => c,
        }));
    }

    /// Writes the run of letters and digits that goes on here.
    fn write_alphanumeric(&mut self) {
        while matches!(self.kind, Word::Letters | Word::Number) {
            self.write(self.kind, self.word);
            self.advance();
        }
    }

    fn connect_unless(&mut self, kinds: &[Word]) {
        if !kinds.contains(&self.kind) {
            self.out.push(self.connector);
        }
    }

    /// After a word, a number may belong to it (`bld4_floor`) or to what follows (`http_2xx`).
    fn after_word(&mut self) {
        const JOINED: [Word; 2] = [Word::Connector, Word::Punctuation];
        if self.kind != Word::Number {
            self.connect_unless(&JOINED);
            return;
        }
        if self.rest.is_empty() {
            return;
        }
        let number = self.word;
        self.advance();
        if self.kind != Word::Letters {
            self.write(Word::Number, number);
            self.connect_unless(&JOINED);
            return;
        }
        self.out.push(self.connector);
        self.write(Word::Number, number);
        self.write_alphanumeric();
        self.connect_unless(&[Word::Nothing, Word::Connector, Word::Punctuation]);
    }
}

/// Lower-cases a text and joins its words with a connector.
fn joined_words(text: &[char], connector: char) -> String {
    let mut words = Words {
        rest: text,
        kind: Word::Nothing,
        word: &[],
        connector,
        out: String::with_capacity(text.len() + 8),
    };
    words.advance();
    while !words.rest.is_empty() {
        let (previous, last) = (words.kind, words.word);
        if previous != Word::Connector {
            words.write(previous, last);
        }
        words.advance();
        match previous {
            Word::Number => {
                words.write_alphanumeric();
                words.connect_unless(&[Word::Nothing, Word::Punctuation, Word::Connector]);
            }
            Word::Connector => words.write(previous, last),
            Word::Punctuation => {}
            _ => words.after_word(),
        }
    }
    let (kind, word) = (words.kind, words.word);
    words.write(kind, word);
    words.out
}
