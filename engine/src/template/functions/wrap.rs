//! Lines of a width, and texts cut to one.

use super::{Args, Function};
use crate::template::fault::Fault;
use crate::template::types::Type;
use crate::template::value::{Heap, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "wrap",
        &[Type::Int, Type::String],
        Type::String,
        |heap, args| wrap(heap, args.text(1), args.int(0), b"\n", LongWords::Kept),
    ),
    Function::new(
        "wrapWith",
        &[Type::Int, Type::String, Type::String],
        Type::String,
        |heap, args| {
            let separator = match args.text(1) {
                b"" => b"\n",
                separator => separator,
            };
            wrap(
                heap,
                args.text(2),
                args.int(0),
                separator,
                LongWords::Broken,
            )
        },
    ),
    Function::new(
        "abbrev",
        &[Type::Int, Type::String],
        Type::String,
        |heap, args| {
            let width = args.int(0);
            if width < 4 {
                return Ok(args.any(1).clone());
            }
            heap.text(abbreviated(args.text(1), 0, width))
        },
    ),
    Function::new(
        "abbrevboth",
        &[Type::Int, Type::Int, Type::String],
        Type::String,
        abbreviate_both,
    ),
];

/// What happens to a word longer than a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LongWords {
    Kept,
    Broken,
}

/// Replaces spaces by separators so that lines have at most so many bytes.
fn wrap(
    heap: &mut Heap,
    text: &[u8],
    width: i64,
    separator: &[u8],
    long_words: LongWords,
) -> Result<Value, Fault> {
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut wrapped = Vec::with_capacity(text.len());
    let mut at = 0;
    while text.len() - at > width {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        let line = &text[at..=at + width];
        let (length, skipped) = match line.iter().rposition(|byte| *byte == b' ') {
            Some(space) => (space, 1),
            None if long_words == LongWords::Broken => (width, 0),
            None => match memchr::memchr(b' ', &text[at + width..]) {
                Some(space) => (width + space, 1),
                None => break,
            },
        };
        heap.charge(length + separator.len() + 1)?;
        wrapped.extend_from_slice(&text[at..at + length]);
        wrapped.extend_from_slice(separator);
        at += length + skipped;
    }
    wrapped.extend_from_slice(&text[at..]);
    heap.text(wrapped)
}

fn abbreviate_both(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let (left, right) = (args.int(0), args.int(1));
    if right < 4 || (left > 0 && right < 7) {
        return Ok(args.any(2).clone());
    }
    heap.text(abbreviated(args.text(2), left, right))
}

/// Cuts a text to a width, leaving out `offset` bytes at the beginning; dots stand for what is left out.
fn abbreviated(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let length = super::signed(text.len());
    if text.is_empty() || length <= width {
        return text.to_vec();
    }
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    let cut = |from: i64, to: i64| {
        let bounds = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        bounds
            .and_then(|(from, to)| text.get(from..to))
            .unwrap_or_default()
    };
    if offset <= 4 {
        return [cut(0, width - 3), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < length {
        let rest = abbreviated(cut(offset, length), 0, width - 3);
        return [b"...", rest.as_slice()].concat();
    }
    [b"...", cut(length - (width - 3), length)].concat()
}
