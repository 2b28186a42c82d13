//! Escapes that stand for one character.

use super::error::{Advice, PatternError, PatternErrorKind};
use super::parser::Parser;

pub(super) const BACK_REFERENCE: Advice = Advice {
    reason: "back-references are not supported",
    hint: "write out what the group may match",
};

impl Parser<'_> {
    /// Reads an escape and returns its code point, which may be a surrogate; the next byte is the backslash.
    pub(super) fn escape(&mut self) -> Result<u32, PatternError> {
        let start = self.at;
        self.at += 1;
        let Some(character) = self.next_character() else {
            let kind = PatternErrorKind::TrailingBackslash;
            return Err(PatternError::at(kind, self.pattern, start..self.at).unquoted());
        };
        let digit_follows = matches!(self.rest().bytes().next(), Some(b'0'..=b'7'));
        let code = match character {
            '0' => Some(self.octal(0)),
            '1'..='7' if digit_follows => Some(self.octal(u32::from(character) - u32::from('0'))),
            'x' => self.hexadecimal(),
            'a' => Some(0x07),
            'f' => Some(0x0c),
            'n' => Some(0x0a),
            'r' => Some(0x0d),
            't' => Some(0x09),
            'v' => Some(0x0b),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
            _ => None,
        };
        code.ok_or_else(|| {
            PatternError::at(PatternErrorKind::Escape, self.pattern, start..self.at)
                .advised(advice(character))
        })
    }

    /// Reads up to two more octal digits.
    fn octal(&mut self, first: u32) -> u32 {
        let mut code = first;
        for _ in 0..2 {
            let Some(digit @ b'0'..=b'7') = self.rest().bytes().next() else {
                break;
            };
            code = code * 8 + u32::from(digit - b'0');
            self.at += 1;
        }
        code
    }

    /// Reads two hexadecimal digits, or any number of them in braces.
    fn hexadecimal(&mut self) -> Option<u32> {
        let first = self.next_character()?;
        if first != '{' {
            let second = self.next_character()?;
            return Some(first.to_digit(16)? * 16 + second.to_digit(16)?);
        }
        let mut code = None;
        loop {
            match self.next_character()? {
                '}' => return code,
                c => {
                    let next = code.unwrap_or(0) * 16 + c.to_digit(16)?;
                    code = (next <= u32::from(char::MAX)).then_some(next);
                    code?;
                }
            }
        }
    }
}

/// What is known about an escape of another language.
fn advice(character: char) -> Option<Advice> {
    match character {
        '1'..='9' | 'k' | 'g' => Some(BACK_REFERENCE),
        'Z' => Some(Advice {
            reason: r"\Z is not supported",
            hint: r"write \z for the end of the text",
        }),
        'u' | 'U' => Some(Advice {
            reason: "escapes of this form are not supported",
            hint: r"write \x{0041}, with the code point in braces",
        }),
        'h' => Some(Advice {
            reason: r"\h is not supported",
            hint: r"write [ \t]",
        }),
        'C' => Some(Advice {
            reason: "single bytes cannot be matched",
            hint: "write (?s:.) for any character",
        }),
        _ => None,
    }
}
