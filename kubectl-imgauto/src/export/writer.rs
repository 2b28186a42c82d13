//! Writes a JSON value as a block of YAML: two blanks of indent, lists not indented, long lines
//! folded.

use serde_json::{Map, Value};

use super::order;
use super::scalar::{self, Place, Style};

/// A line may be folded at the first single blank after this column.
const FOLD_AFTER: usize = 80;
/// Blanks per level.
const INDENT: usize = 2;

/// Returns the YAML of `value`, without the marks of a document.
pub(super) fn write(value: &Value) -> String {
    let mut writer = Writer {
        out: String::new(),
        column: 0,
        indent: None,
        after_blank: true,
        only_indent: true,
    };
    writer.node(value, Parent::Document);
    writer.out
}

/// What a node stands in.
#[derive(Clone, Copy, PartialEq)]
enum Parent {
    Document,
    Mapping,
    Sequence,
}

struct Writer {
    out: String,
    /// Characters on the current line.
    column: usize,
    /// Blanks in front of the current level; `None` outside of everything.
    indent: Option<usize>,
    /// The last character was a blank or a break.
    after_blank: bool,
    /// The line holds nothing but indent and the marks of sequences.
    only_indent: bool,
}

impl Writer {
    fn node(&mut self, value: &Value, parent: Parent) {
        match value {
            Value::Null => self.plain("null"),
            Value::Bool(flag) => self.plain(if *flag { "true" } else { "false" }),
            Value::Number(number) => self.plain(&number.to_string()),
            Value::String(text) => self.scalar(text, Place::Value),
            Value::Array(items) if items.is_empty() => self.indicator("[]"),
            Value::Array(items) => self.sequence(items, parent),
            Value::Object(fields) if fields.is_empty() => self.indicator("{}"),
            Value::Object(fields) => self.mapping(fields),
        }
    }

    fn mapping(&mut self, fields: &Map<String, Value>) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(0, |indent| indent + INDENT));
        let mut keys: Vec<&str> = fields.keys().map(String::as_str).collect();
        order::sort(&mut keys);
        for key in keys {
            self.line();
            if scalar::is_simple_key(key) {
                self.scalar(key, Place::SimpleKey);
                self.put(':');
                self.after_blank = false;
                self.only_indent = false;
            } else {
                self.mark('?');
                self.scalar(key, Place::Value);
                self.line();
                self.mark(':');
            }
            self.node(&fields[key], Parent::Mapping);
        }
        self.indent = outer;
    }

    fn sequence(&mut self, items: &[Value], parent: Parent) {
        let outer = self.indent;
        self.indent = match outer {
            None => Some(0),
            Some(indent) if parent == Parent::Mapping && !self.only_indent => Some(indent),
            Some(indent) => Some(indent + INDENT),
        };
        for item in items {
            self.line();
            self.mark('-');
            self.node(item, Parent::Sequence);
        }
        self.indent = outer;
    }

    fn scalar(&mut self, text: &str, place: Place) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(INDENT, |indent| indent + INDENT));
        match scalar::style(text, place) {
            Style::Plain if place == Place::SimpleKey => self.plain(text),
            Style::Plain => {
                self.blank_before();
                self.foldable(text);
            }
            Style::SingleQuoted => self.single_quoted(text, place),
            Style::DoubleQuoted => self.double_quoted(text, place),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    fn plain(&mut self, text: &str) {
        self.blank_before();
        text.chars().for_each(|c| self.put(c));
        self.ended();
    }

    fn single_quoted(&mut self, text: &str, place: Place) {
        self.indicator("'");
        let doubled = text.replace('\'', "''");
        match place {
            Place::SimpleKey => doubled.chars().for_each(|c| self.put(c)),
            Place::Value => self.foldable(&doubled),
        }
        self.put('\'');
        self.ended();
    }

    /// Writes the inside of a plain or single-quoted text, folding it at single blanks.
    ///
    /// Of the line breaks only U+2028 and U+2029 come here; the next line starts at the indent.
    fn foldable(&mut self, text: &str) {
        let mut after_space = false;
        let mut after_break = false;
        let mut rest = text.chars().enumerate().peekable();
        while let Some((index, c)) = rest.next() {
            let next = rest.peek().map(|(_, c)| *c);
            if c == ' ' {
                let single = !after_space && next.is_some_and(|c| c != ' ');
                if single && index > 0 && self.column > FOLD_AFTER {
                    self.line();
                } else {
                    self.put(c);
                }
                after_space = true;
            } else if scalar::is_break(c) {
                self.put_break(c);
                self.only_indent = true;
                after_break = true;
            } else {
                if after_break {
                    self.line();
                }
                self.put(c);
                self.only_indent = false;
                after_space = false;
                after_break = false;
            }
        }
        self.ended();
    }

    fn double_quoted(&mut self, text: &str, place: Place) {
        self.indicator("\"");
        let escapes_everything = scalar::escapes_everything(text);
        let mut after_space = false;
        let mut rest = text.chars().enumerate().peekable();
        while let Some((index, c)) = rest.next() {
            let next = rest.peek().map(|(_, c)| *c);
            let escaped = escapes_everything
                || !scalar::is_printable(c)
                || scalar::is_break(c)
                || matches!(c, '"' | '\\');
            if escaped {
                self.escape(c);
                after_space = false;
            } else if c == ' ' {
                let inside = index > 0 && next.is_some();
                if place == Place::Value && !after_space && inside && self.column > FOLD_AFTER {
                    self.line();
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = false;
            }
        }
        self.put('"');
        self.ended();
    }

    fn escape(&mut self, c: char) {
        let code = u32::from(c);
        let short = match code {
            0x00 => Some('0'),
            0x07 => Some('a'),
            0x08 => Some('b'),
            0x09 => Some('t'),
            0x0a => Some('n'),
            0x0b => Some('v'),
            0x0c => Some('f'),
            0x0d => Some('r'),
            0x1b => Some('e'),
            0x22 | 0x5c => Some(c),
            0x85 => Some('N'),
            0xa0 => Some('_'),
            0x2028 => Some('L'),
            0x2029 => Some('P'),
            _ => None,
        };
        let written = match short {
            Some(letter) => format!("\\{letter}"),
            None if code <= 0xff => format!("\\x{code:02X}"),
            None if code <= 0xffff => format!("\\u{code:04X}"),
            None => format!("\\U{code:08X}"),
        };
        written.chars().for_each(|c| self.put(c));
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|");
        if text.starts_with(|c| c == ' ' || scalar::is_break(c)) {
            self.put_text(&INDENT.to_string());
        }
        let mut backwards = text.chars().rev();
        let last = backwards.next().is_some_and(scalar::is_break);
        let only = text.chars().count() == 1;
        let last_but_one = backwards.next().is_some_and(scalar::is_break);
        match (last, only || last_but_one) {
            (false, _) => self.put('-'),
            (true, true) => self.put('+'),
            (true, false) => {}
        }
        self.put_break('\n');
        self.only_indent = true;
        self.after_blank = true;
        let mut after_break = true;
        for c in text.chars() {
            if scalar::is_break(c) {
                self.put_break(c);
                self.only_indent = true;
                after_break = true;
            } else {
                if after_break {
                    self.line();
                }
                self.put(c);
                self.only_indent = false;
                after_break = false;
            }
        }
    }

    /// Goes to the indent of a new line, unless the current line has got no further.
    fn line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        let fresh = self.only_indent
            && (self.column < indent || (self.column == indent && self.after_blank));
        if !fresh {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.after_blank = true;
        self.only_indent = true;
    }

    /// Writes `-`, `?` or `:`, after which a mapping may begin on the same line.
    fn mark(&mut self, mark: char) {
        self.blank_before();
        self.put(mark);
        self.after_blank = false;
    }

    fn indicator(&mut self, indicator: &str) {
        self.blank_before();
        self.put_text(indicator);
        self.ended();
    }

    fn blank_before(&mut self) {
        if !self.after_blank {
            self.put(' ');
        }
    }

    fn ended(&mut self) {
        self.after_blank = false;
        self.only_indent = false;
    }

    fn put_text(&mut self, text: &str) {
        text.chars().for_each(|c| self.put(c));
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }
}
