//! Pipelines: declarations, commands and their words.

use super::{Parsed, Parser};
use crate::template::ast::{Assignment, Command, Operand, Pipe, Term};
use crate::template::functions::{self, Known};
use crate::template::lexer::TokenKind;
use crate::template::number::Number;
use crate::template::runes::quote;

/// How many variables may be visible at one place.
const VARIABLES: usize = 1000;

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: TokenKind) -> Parsed<Pipe> {
        let offset = self.peek_non_space().offset;
        let (variables, kind) = self.declarations(context)?;
        let mut commands = Vec::new();
        loop {
            let token = self.next_non_space();
            if token.kind == end {
                break;
            }
            match token.kind {
                TokenKind::Bool
                | TokenKind::CharConstant
                | TokenKind::Complex
                | TokenKind::Dot
                | TokenKind::Field
                | TokenKind::Identifier
                | TokenKind::Number
                | TokenKind::Nil
                | TokenKind::RawString
                | TokenKind::String
                | TokenKind::Variable
                | TokenKind::LeftParen => {
                    self.put_back(token);
                    commands.push(self.command()?);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            if let Some(Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Text(..)) =
                command.args.first().map(|arg| &arg.term)
            {
                return self.error(format!(
                    "non executable command in pipeline stage {}",
                    index + 1
                ));
            }
        }
        Ok(Pipe {
            offset,
            variables,
            kind,
            commands,
        })
    }

    /// Reads `$x :=`, `$x =` and, for a range, `$x, $y :=`.
    fn declarations(&mut self, context: &str) -> Parsed<(Vec<String>, Assignment)> {
        let mut names = Vec::new();
        let mut kind = Assignment::Declare;
        while self.peek_non_space().kind == TokenKind::Variable {
            let variable = self.next_non_space();
            let after = self.next();
            let next = if after.kind == TokenKind::Space {
                self.next_non_space()
            } else {
                after.clone()
            };
            match next.kind {
                TokenKind::Assign | TokenKind::Declare => {
                    if next.kind == TokenKind::Assign {
                        kind = Assignment::Assign;
                    }
                    self.declare(&variable.text)?;
                    names.push(variable.text);
                    break;
                }
                TokenKind::Char if next.text == "," => {
                    self.declare(&variable.text)?;
                    names.push(variable.text);
                    if context != "range" || names.len() > 1 {
                        return self.error(format!("too many declarations in {context}"));
                    }
                    if !matches!(
                        self.peek_non_space().kind,
                        TokenKind::Variable | TokenKind::RightDelim | TokenKind::RightParen
                    ) {
                        return self.error("range can only initialize variables");
                    }
                }
                _ => {
                    if after.kind == TokenKind::Space {
                        self.put_back(next);
                    }
                    self.put_back(after);
                    self.put_back(variable);
                    break;
                }
            }
        }
        Ok((names, kind))
    }

    fn declare(&mut self, name: &str) -> Parsed<()> {
        if self.variables.len() > VARIABLES {
            return self.error(format!("more than {VARIABLES} variables"));
        }
        self.variables.push(name.to_owned());
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let offset = self.peek_non_space().offset;
        let mut args = Vec::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let token = self.next();
            match token.kind {
                TokenKind::Space => continue,
                TokenKind::RightDelim | TokenKind::RightParen => self.put_back(token),
                TokenKind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if args.is_empty() {
            return self.error("empty command");
        }
        Ok(Command { offset, args })
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(node) = self.term()? else {
            return Ok(None);
        };
        let first = self.peek();
        if first.kind != TokenKind::Field {
            return Ok(Some(node));
        }
        let mut fields = Vec::new();
        while self.peek().kind == TokenKind::Field {
            fields.push(self.next().text[1..].to_owned());
        }
        let term = match node.term {
            Term::Field(mut names) => {
                names.append(&mut fields);
                Term::Field(names)
            }
            Term::Variable(mut names) => {
                names.append(&mut fields);
                Term::Variable(names)
            }
            Term::Bool(_) | Term::Text(..) | Term::Number(_) | Term::Nil | Term::Dot => {
                let text = quote(node.to_string().as_bytes());
                return self.error(format!("unexpected . after term {text}"));
            }
            _ => Term::Chain(Box::new(node), fields),
        };
        Ok(Some(Operand {
            offset: first.offset,
            term,
        }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_non_space();
        let term = match token.kind {
            TokenKind::Identifier => match functions::find(&token.text) {
                Known::Function(function) => Term::Function(function),
                Known::LeftOut(reason) => {
                    return self.error(format!(
                        "function {} is not available in imgauto: {reason}",
                        quote(token.text.as_bytes())
                    ));
                }
                Known::No => {
                    let name = quote(token.text.as_bytes());
                    return self.error(format!("function {name} not defined"));
                }
            },
            TokenKind::Dot => Term::Dot,
            TokenKind::Nil => Term::Nil,
            TokenKind::Variable => {
                if !self.variables.contains(&token.text) {
                    let name = quote(token.text.as_bytes());
                    return self.error(format!("undefined variable {name}"));
                }
                Term::Variable(vec![token.text])
            }
            TokenKind::Field => Term::Field(vec![token.text[1..].to_owned()]),
            TokenKind::Bool => Term::Bool(token.text == "true"),
            TokenKind::CharConstant | TokenKind::Complex | TokenKind::Number => {
                let number = match token.kind {
                    TokenKind::CharConstant => Number::from_char_constant(&token.text),
                    TokenKind::Complex => Number::from_complex(&token.text),
                    _ => Number::from_text(&token.text),
                };
                match number {
                    Ok(number) => Term::Number(number),
                    Err(message) => return self.error(message),
                }
            }
            TokenKind::LeftParen => {
                self.deeper()?;
                let pipe = self.pipeline("parenthesized pipeline", TokenKind::RightParen)?;
                self.depth -= 1;
                Term::Pipe(pipe)
            }
            TokenKind::String | TokenKind::RawString => {
                let bytes = self.unquoted(&token)?;
                Term::Text(token.text, bytes)
            }
            _ => {
                self.put_back(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand {
            offset: token.offset,
            term,
        }))
    }
}
