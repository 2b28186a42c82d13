//! The reader of JSON, with the errors of encoding/json.

use std::collections::BTreeMap;

use crate::template::fault::Fault;
use crate::template::number::parse_float;
use crate::template::runes::{Escape, lossy, quote_with};
use crate::template::types::Type;
use crate::template::value::{Heap, Key, Value};

/// How deep arrays and objects may nest.
const DEPTH: usize = 100;

/// Reads a text that is one JSON value: numbers are floats, objects are dictionaries.
pub(super) fn decode(heap: &mut Heap, text: &[u8]) -> Result<Value, Fault> {
    heap.charge(text.len())?;
    let mut decoder = Decoder {
        heap,
        text,
        at: 0,
        depth: 0,
    };
    decoder.skip_space();
    let value = decoder.value("looking for beginning of value")?;
    decoder.skip_space();
    match decoder.peek() {
        Some(_) => decoder.fail("after top-level value"),
        None => Ok(value),
    }
}

struct Decoder<'a> {
    heap: &'a mut Heap,
    text: &'a [u8],
    at: usize,
    depth: usize,
}

type Decoded<T> = Result<T, Fault>;

impl Decoder<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The error for the byte at hand, or for the end.
    fn fail<T>(&self, context: &str) -> Decoded<T> {
        match self.peek() {
            Some(_) => self.fail_inside(context),
            None => Err(Fault::refused("unexpected end of JSON input")),
        }
    }

    /// The error within a word or number, where Go takes the end for a space.
    fn fail_inside<T>(&self, context: &str) -> Decoded<T> {
        let byte = self.peek().unwrap_or(b' ');
        let c = char::from(byte);
        let shown = match byte {
            b'\'' => "'\\''".to_owned(),
            b'"' => "'\"'".to_owned(),
            _ => quote_with(
                c.encode_utf8(&mut [0; 4]).as_bytes(),
                '\'',
                Escape::Unprintable,
            ),
        };
        Err(Fault::refused(format!(
            "invalid character {shown} {context}"
        )))
    }

    fn value(&mut self, context: &str) -> Decoded<Value> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let text = self.string()?;
                self.heap.text(text)
            }
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.fail(context),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Decoded<Value> {
        self.at += 1;
        for expected in word[1..].chars() {
            if self.peek().map(char::from) != Some(expected) {
                return self.fail_inside(&format!("in literal {word} (expecting '{expected}')"));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self, context: &str) -> Decoded<()> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return self.fail_inside(context);
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Decoded<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = lossy(&self.text[start..self.at]);
        match parse_float(&text) {
            Some(number) => Ok(Value::Float(number)),
            None => Err(Fault::refused(format!(
                "json: cannot unmarshal number {text} into Go value of type float64"
            ))),
        }
    }

    fn deeper(&mut self) -> Decoded<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault::refused("exceeded max depth"));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn array(&mut self) -> Decoded<Value> {
        self.deeper()?;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                self.heap.charge_items(1)?;
                items.push(self.value("looking for beginning of value")?);
                self.skip_space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => {
                        self.at += 1;
                        break;
                    }
                    _ => return self.fail("after array element"),
                }
                self.skip_space();
            }
        }
        self.depth -= 1;
        self.heap.list(Type::Anys, items)
    }

    fn object(&mut self) -> Decoded<Value> {
        self.deeper()?;
        let mut entries = BTreeMap::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.heap.charge_items(1)?;
                if self.peek() != Some(b'"') {
                    return self.fail("looking for beginning of object key string");
                }
                let key = self.string()?;
                self.skip_space();
                if self.peek() != Some(b':') {
                    return self.fail("after object key");
                }
                self.at += 1;
                self.skip_space();
                let value = self.value("looking for beginning of value")?;
                entries.insert(Key::Text(key.into_bytes().into()), value);
                self.skip_space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => {
                        self.at += 1;
                        break;
                    }
                    _ => return self.fail("after object key:value pair"),
                }
                self.skip_space();
            }
        }
        self.depth -= 1;
        self.heap.map(Type::Dict, entries)
    }

    fn string(&mut self) -> Decoded<String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(lossy(&bytes));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(byte) if byte >= b' ' => {
                    bytes.push(byte);
                    self.at += 1;
                }
                _ => return self.fail("in string literal"),
            }
        }
    }

    fn escape(&mut self) -> Decoded<char> {
        let c = match self.peek() {
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return self.fail_inside("in string escape code"),
        };
        self.at += 1;
        Ok(c)
    }

    /// Reads the four digits behind `\u`, and a second half; a half alone is U+FFFD.
    fn unicode_escape(&mut self) -> Decoded<char> {
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.text[before..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Decoded<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return self.fail_inside("in \\u hexadecimal character escape");
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}
