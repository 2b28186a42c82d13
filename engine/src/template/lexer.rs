//! Splits a template into tokens, as Go's text/template does.

use super::runes::{is_letter_or_digit, quote_rune_code};

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// A token, its text, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Byte offset in the template.
    pub(super) offset: usize,
    /// 1-based line.
    pub(super) line: usize,
    /// The text as written; the message of an error.
    pub(super) text: String,
}

/// The scanner.
pub(super) struct Lexer<'a> {
    input: &'a str,
    at: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    inside_action: bool,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

fn has_left_trim_marker(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

fn has_right_trim_marker(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_space) && chars.next() == Some('-')
}

fn keyword(word: &str) -> Option<TokenKind> {
    Some(match word {
        "block" => TokenKind::Block,
        "break" => TokenKind::Break,
        "continue" => TokenKind::Continue,
        "define" => TokenKind::Define,
        "else" => TokenKind::Else,
        "end" => TokenKind::End,
        "if" => TokenKind::If,
        "nil" => TokenKind::Nil,
        "range" => TokenKind::Range,
        "template" => TokenKind::Template,
        "with" => TokenKind::With,
        "true" | "false" => TokenKind::Bool,
        _ => return None,
    })
}

impl<'a> Lexer<'a> {
    /// A scanner at the beginning of `input`.
    pub(super) fn new(input: &'a str) -> Self {
        Self {
            input,
            at: 0,
            start: 0,
            line: 1,
            start_line: 1,
            parens: 0,
            inside_action: false,
        }
    }

    /// The next token; after the end or an error, the end again and again.
    pub(super) fn next_token(&mut self) -> Token {
        if self.inside_action {
            return self.scan_action();
        }
        self.scan_text()
    }

    fn rest(&self) -> &'a str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn skip(&mut self, bytes: usize) {
        let end = self.at + bytes;
        self.line += self.input[self.at..end].matches('\n').count();
        self.at = end;
    }

    fn emit(&mut self, kind: TokenKind) -> Token {
        let token = Token {
            kind,
            offset: self.start,
            line: self.start_line,
            text: self.input[self.start..self.at].to_owned(),
        };
        self.ignore();
        token
    }

    fn ignore(&mut self) {
        self.start = self.at;
        self.start_line = self.line;
    }

    fn error(&mut self, message: impl Into<String>) -> Token {
        let token = Token {
            kind: TokenKind::Error,
            offset: self.start,
            line: self.start_line,
            text: message.into(),
        };
        self.at = self.input.len();
        self.inside_action = false;
        self.ignore();
        token
    }

    fn scan_text(&mut self) -> Token {
        loop {
            let Some(length) = self.rest().find("{{") else {
                self.skip(self.rest().len());
                if self.at > self.start {
                    return self.emit(TokenKind::Text);
                }
                let mut end = self.emit(TokenKind::Eof);
                end.text = "EOF".to_owned();
                return end;
            };
            if length > 0 {
                let text = &self.rest()[..length];
                let kept = if has_left_trim_marker(&self.rest()[length + 2..]) {
                    text.trim_end_matches(SPACES).len()
                } else {
                    length
                };
                self.skip(kept);
                let token = self.emit(TokenKind::Text);
                self.skip(length - kept);
                self.ignore();
                if kept > 0 {
                    return token;
                }
            }
            if let Some(token) = self.scan_left_delim() {
                return token;
            }
        }
    }

    /// Scans `{{`, with its trim marker; a comment is skipped and gives no token.
    fn scan_left_delim(&mut self) -> Option<Token> {
        self.at += 2;
        let marker = if has_left_trim_marker(self.rest()) {
            2
        } else {
            0
        };
        if self.rest()[marker..].starts_with("/*") {
            self.skip(marker);
            self.ignore();
            return self.scan_comment();
        }
        let token = self.emit(TokenKind::LeftDelim);
        self.inside_action = true;
        self.skip(marker);
        self.ignore();
        self.parens = 0;
        Some(token)
    }

    fn scan_comment(&mut self) -> Option<Token> {
        let Some(length) = self.rest()[2..].find("*/") else {
            return Some(self.error("unclosed comment"));
        };
        self.skip(length + 4);
        let Some(trims) = self.right_delim() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.skip_right_delim(trims);
        None
    }

    /// Whether a right delimiter is next, and if so, whether it trims.
    fn right_delim(&self) -> Option<Trim> {
        let rest = self.rest();
        if has_right_trim_marker(rest) && rest[2..].starts_with("}}") {
            return Some(Trim::Space);
        }
        rest.starts_with("}}").then_some(Trim::Nothing)
    }

    fn skip_right_delim(&mut self, trim: Trim) {
        match trim {
            Trim::Nothing => self.skip(2),
            Trim::Space => {
                self.skip(4);
                let spaces = self.rest().len() - self.rest().trim_start_matches(SPACES).len();
                self.skip(spaces);
            }
        }
        self.ignore();
    }

    fn scan_right_delim(&mut self, trim: Trim) -> Token {
        if trim == Trim::Space {
            self.skip(2);
            self.ignore();
        }
        self.skip(2);
        let token = self.emit(TokenKind::RightDelim);
        if trim == Trim::Space {
            let spaces = self.rest().len() - self.rest().trim_start_matches(SPACES).len();
            self.skip(spaces);
            self.ignore();
        }
        self.inside_action = false;
        token
    }

    fn scan_action(&mut self) -> Token {
        if let Some(trim) = self.right_delim() {
            if self.parens == 0 {
                return self.scan_right_delim(trim);
            }
            return self.error("unclosed left paren");
        }
        let Some(c) = self.peek() else {
            return self.error("unclosed action");
        };
        if is_space(c) {
            return self.scan_space();
        }
        self.bump();
        match c {
            '=' => self.emit(TokenKind::Assign),
            ':' if self.bump() == Some('=') => self.emit(TokenKind::Declare),
            ':' => self.error("expected :="),
            '|' => self.emit(TokenKind::Pipe),
            '"' => self.scan_quoted('"', TokenKind::String, "unterminated quoted string"),
            '\'' => self.scan_quoted(
                '\'',
                TokenKind::CharConstant,
                "unterminated character constant",
            ),
            '`' => self.scan_raw(),
            '$' => self.scan_field(TokenKind::Variable),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) && self.peek().is_some() => {
                self.scan_field(TokenKind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.at -= 1;
                self.scan_number()
            }
            '(' => {
                self.parens += 1;
                self.emit(TokenKind::LeftParen)
            }
            ')' => {
                let Some(parens) = self.parens.checked_sub(1) else {
                    return self.error("unexpected right paren");
                };
                self.parens = parens;
                self.emit(TokenKind::RightParen)
            }
            c if is_letter_or_digit(c) => self.scan_identifier(),
            ' '..='~' => self.emit(TokenKind::Char),
            c => self.error(format!(
                "unrecognized character in action: {}",
                quote_rune_code(c)
            )),
        }
    }

    /// Scans a run of spaces, but leaves the one that belongs to a trim marker.
    fn scan_space(&mut self) -> Token {
        let length = self.rest().len() - self.rest().trim_start_matches(SPACES).len();
        let last = self.at + length - 1;
        if self.input[last + 1..].starts_with("-}}") {
            if length == 1 {
                return self.scan_right_delim(Trim::Space);
            }
            self.skip(length - 1);
        } else {
            self.skip(length);
        }
        self.emit(TokenKind::Space)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with("}}"),
        }
    }

    fn skip_word(&mut self) {
        while self.peek().is_some_and(is_letter_or_digit) {
            self.bump();
        }
    }

    fn bad_character(&mut self) -> Token {
        let code = quote_rune_code(self.peek().unwrap_or('\u{fffd}'));
        self.error(format!("bad character {code}"))
    }

    fn scan_identifier(&mut self) -> Token {
        self.skip_word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = keyword(&self.input[self.start..self.at]).unwrap_or(TokenKind::Identifier);
        self.emit(kind)
    }

    fn scan_field(&mut self, kind: TokenKind) -> Token {
        if self.at_terminator() {
            return self.emit(match kind {
                TokenKind::Field => TokenKind::Dot,
                other => other,
            });
        }
        self.skip_word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    fn scan_quoted(&mut self, quote: char, kind: TokenKind, unterminated: &str) -> Token {
        loop {
            match self.bump() {
                Some('\\') => {
                    if matches!(self.bump(), None | Some('\n')) {
                        return self.error(unterminated);
                    }
                }
                None | Some('\n') => return self.error(unterminated),
                Some(c) if c == quote => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn scan_raw(&mut self) -> Token {
        match self.rest().find('`') {
            Some(length) => {
                self.skip(length + 1);
                self.emit(TokenKind::RawString)
            }
            None => self.error("unterminated raw quoted string"),
        }
    }

    fn accept(&mut self, allowed: &str) -> bool {
        let found = self.peek().is_some_and(|c| allowed.contains(c));
        if found {
            self.bump();
        }
        found
    }

    fn accept_run(&mut self, allowed: &str) {
        while self.accept(allowed) {}
    }

    fn scan_number(&mut self) -> Token {
        if !self.accept_number() {
            return self.bad_number();
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return self.emit(TokenKind::Number);
        }
        // A sum without spaces is a complex constant, which ends in `i`.
        if self.accept_number() && self.input[..self.at].ends_with('i') {
            return self.emit(TokenKind::Complex);
        }
        self.bad_number()
    }

    fn bad_number(&mut self) -> Token {
        let text = &self.input[self.start..self.at];
        let message = format!(
            "bad number syntax: {}",
            super::runes::quote(text.as_bytes())
        );
        self.error(message)
    }

    fn accept_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        const HEX: &str = "0123456789abcdefABCDEF_";
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = HEX;
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent =
            (digits == DECIMAL && self.accept("eE")) || (digits == HEX && self.accept("pP"));
        if exponent {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        let ends = !self.peek().is_some_and(is_letter_or_digit);
        if !ends {
            self.bump();
        }
        ends
    }
}

/// Whether a right delimiter also removes the white space after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trim {
    Nothing,
    Space,
}
