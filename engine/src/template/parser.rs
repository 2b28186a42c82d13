//! Builds the tree of a template from its tokens, with the errors Go gives.

mod pipeline;

use std::collections::BTreeMap;

use super::ast::{Branch, Invocation, Node};
use super::lexer::{Lexer, Token, TokenKind};
use super::number::unquote;
use super::runes::quote;
use super::{NAME, TemplateError};

/// How deep control structures and parentheses may nest.
const DEPTH: usize = 100;

/// The bodies of the template itself and of those it defines, by name.
pub(super) type Bodies = BTreeMap<Vec<u8>, Vec<Node>>;

/// Parses a template and the templates defined in it.
pub(super) fn parse(text: &str) -> Result<Bodies, TemplateError> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        last: Token {
            kind: TokenKind::Eof,
            offset: 0,
            line: 1,
            text: String::new(),
        },
        pending: Vec::new(),
        variables: vec!["$".to_owned()],
        loops: 0,
        depth: 0,
        action_line: None,
        bodies: Bodies::new(),
    };
    parser.parse_all()?;
    Ok(parser.bodies)
}

/// What ended a list of nodes.
enum Terminator {
    End,
    Else,
}

impl Terminator {
    fn text(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node, or the end of the list it would be in.
enum Item {
    Node(Node),
    Terminator(Terminator),
}

/// Which control structure is being parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    Range,
    With,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token read last from the lexer: its line is the line of an error.
    last: Token,
    /// Tokens put back, the next one last.
    pending: Vec<Token>,
    variables: Vec<String>,
    loops: usize,
    depth: usize,
    action_line: Option<usize>,
    bodies: Bodies,
}

type Parsed<T> = Result<T, TemplateError>;

impl Parser<'_> {
    fn next(&mut self) -> Token {
        if let Some(token) = self.pending.pop() {
            return token;
        }
        let token = self.lexer.next_token();
        self.last = token.clone();
        token
    }

    fn put_back(&mut self, token: Token) {
        self.pending.push(token);
    }

    fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != TokenKind::Space {
                return token;
            }
        }
    }

    fn peek(&mut self) -> Token {
        let token = self.next();
        self.put_back(token.clone());
        token
    }

    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.put_back(token.clone());
        token
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Parsed<T> {
        let line = self.last.line;
        Err(TemplateError::Parse {
            line,
            text: format!("template: {NAME}:{line}: {}", message.as_ref()),
        })
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Parsed<T> {
        if token.kind != TokenKind::Error {
            return self.error(format!("unexpected {} in {context}", describe(token)));
        }
        let started = match self.action_line {
            Some(line) if line != token.line && token.text.ends_with(" action") => {
                format!(" started at {NAME}:{line}")
            }
            Some(line) if line != token.line => format!(" in action started at {NAME}:{line}"),
            _ => String::new(),
        };
        self.error(format!("{}{started}", token.text))
    }

    fn expect(&mut self, kind: TokenKind, context: &str) -> Parsed<Token> {
        let token = self.next_non_space();
        if token.kind == kind {
            return Ok(token);
        }
        self.unexpected(&token, context)
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.error("max expression depth exceeded");
        }
        Ok(())
    }

    fn parse_all(&mut self) -> Parsed<()> {
        let mut root = Vec::new();
        while self.peek().kind != TokenKind::Eof {
            if self.peek().kind == TokenKind::LeftDelim {
                let delim = self.next();
                let token = self.next_non_space();
                if token.kind == TokenKind::Define {
                    self.parse_definition()?;
                    continue;
                }
                self.put_back(token);
                self.put_back(delim);
            }
            match self.text_or_action()? {
                Item::Node(node) => root.push(node),
                Item::Terminator(end) => {
                    return self.error(format!("unexpected {}", end.text()));
                }
            }
        }
        self.add(NAME.as_bytes().to_vec(), root)
    }

    fn add(&mut self, name: Vec<u8>, body: Vec<Node>) -> Parsed<()> {
        match self.bodies.get(&name) {
            Some(known) if !is_blank(known) => {
                if !is_blank(&body) {
                    return self.error(format!(
                        "template: multiple definition of template {}",
                        quote(&name)
                    ));
                }
            }
            _ => {
                self.bodies.insert(name, body);
            }
        }
        Ok(())
    }

    fn parse_definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(TokenKind::RightDelim, CONTEXT)?;
        self.named_body(name, CONTEXT)
    }

    /// Parses the body of a definition, which sees no variables from outside.
    fn named_body(&mut self, name: Vec<u8>, context: &str) -> Parsed<()> {
        self.deeper()?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let action_line = self.action_line.take();
        let (body, end) = self.item_list()?;
        if let Terminator::Else = end {
            return self.error(format!("unexpected {} in {context}", end.text()));
        }
        self.variables = variables;
        self.loops = loops;
        self.action_line = action_line;
        self.depth -= 1;
        self.add(name, body)
    }

    fn item_list(&mut self) -> Parsed<(Vec<Node>, Terminator)> {
        let mut nodes = Vec::new();
        while self.peek_non_space().kind != TokenKind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                Item::Terminator(end) => return Ok((nodes, end)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::Text => Ok(Item::Node(Node::Text(token.text))),
            TokenKind::LeftDelim => {
                self.action_line = Some(token.line);
                let item = self.action();
                self.action_line = None;
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            TokenKind::Block => self.block()?,
            TokenKind::Break => self.jump("{{break}}", Node::Break)?,
            TokenKind::Continue => self.jump("{{continue}}", Node::Continue)?,
            TokenKind::Else => return self.else_control(),
            TokenKind::End => {
                self.expect(TokenKind::RightDelim, "end")?;
                return Ok(Item::Terminator(Terminator::End));
            }
            TokenKind::If => Node::If(self.branch(Control::If)?),
            TokenKind::Range => Node::Range(self.branch(Control::Range)?),
            TokenKind::With => Node::With(self.branch(Control::With)?),
            TokenKind::Template => self.invocation()?,
            _ => {
                self.put_back(token);
                Node::Action(self.pipeline("command", TokenKind::RightDelim)?)
            }
        };
        Ok(Item::Node(node))
    }

    fn jump(&mut self, name: &str, node: Node) -> Parsed<Node> {
        let token = self.next_non_space();
        if token.kind != TokenKind::RightDelim {
            return self.unexpected(&token, name);
        }
        if self.loops == 0 {
            return self.error(format!("{name} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn else_control(&mut self) -> Parsed<Item> {
        // `else if` and `else with` leave their second word to the structure they continue.
        if !matches!(self.peek_non_space().kind, TokenKind::If | TokenKind::With) {
            self.expect(TokenKind::RightDelim, "else")?;
        }
        Ok(Item::Terminator(Terminator::Else))
    }

    fn branch(&mut self, control: Control) -> Parsed<Branch> {
        self.deeper()?;
        let visible = self.variables.len();
        let context = match control {
            Control::If => "if",
            Control::Range => "range",
            Control::With => "with",
        };
        let pipe = self.pipeline(context, TokenKind::RightDelim)?;
        let inside = usize::from(control == Control::Range);
        self.loops += inside;
        let (body, end) = self.item_list()?;
        self.loops -= inside;
        let otherwise = match end {
            Terminator::End => None,
            Terminator::Else => Some(self.otherwise(control)?),
        };
        self.variables.truncate(visible);
        self.depth -= 1;
        Ok(Branch {
            pipe,
            body,
            otherwise,
        })
    }

    fn otherwise(&mut self, control: Control) -> Parsed<Vec<Node>> {
        let next = self.peek().kind;
        if control == Control::If && next == TokenKind::If {
            self.next();
            return Ok(vec![Node::If(self.branch(Control::If)?)]);
        }
        if control == Control::With && next == TokenKind::With {
            self.next();
            return Ok(vec![Node::With(self.branch(Control::With)?)]);
        }
        let (nodes, end) = self.item_list()?;
        match end {
            Terminator::End => Ok(nodes),
            Terminator::Else => self.error(format!("expected end; found {}", end.text())),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, TokenKind::RightDelim)?;
        self.named_body(name.clone(), CONTEXT)?;
        Ok(Node::Template(Invocation {
            offset: token.offset,
            name,
            pipe: Some(pipe),
        }))
    }

    fn invocation(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let next = self.next_non_space();
        let pipe = if next.kind == TokenKind::RightDelim {
            None
        } else {
            self.put_back(next);
            Some(self.pipeline(CONTEXT, TokenKind::RightDelim)?)
        };
        Ok(Node::Template(Invocation {
            offset: token.offset,
            name,
            pipe,
        }))
    }

    fn template_name(&mut self, token: &Token, context: &str) -> Parsed<Vec<u8>> {
        match token.kind {
            TokenKind::String | TokenKind::RawString => self.unquoted(token),
            _ => self.unexpected(token, context),
        }
    }

    fn unquoted(&mut self, token: &Token) -> Parsed<Vec<u8>> {
        match unquote(&token.text) {
            Some(bytes) => Ok(bytes),
            None => self.error("invalid syntax"),
        }
    }
}

/// Whether a body has nothing but white space.
fn is_blank(nodes: &[Node]) -> bool {
    nodes
        .iter()
        .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}

/// A token as errors name it.
fn describe(token: &Token) -> String {
    match token.kind {
        TokenKind::Eof => "EOF".to_owned(),
        TokenKind::Block
        | TokenKind::Break
        | TokenKind::Continue
        | TokenKind::Dot
        | TokenKind::Define
        | TokenKind::Else
        | TokenKind::End
        | TokenKind::If
        | TokenKind::Nil
        | TokenKind::Range
        | TokenKind::Template
        | TokenKind::With => format!("<{}>", token.text),
        _ => match token.text.char_indices().nth(10) {
            Some((end, _)) if token.text.len() > 10 => {
                format!("{}...", quote(&token.text.as_bytes()[..end]))
            }
            _ => quote(token.text.as_bytes()),
        },
    }
}
