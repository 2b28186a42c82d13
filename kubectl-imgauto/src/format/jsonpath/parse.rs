//! How a template is read.

use serde_json::Value;

use super::{End, Filter, Operator, Piece, Slice, Step};

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at position {position}", position = .at + 1)]
pub(crate) struct Mistake {
    /// What is wrong.
    pub(crate) problem: String,
    /// The place, in characters from the start of the template.
    pub(crate) at: usize,
}

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<Vec<Piece>, Mistake> {
    let text: Vec<char> = text.chars().collect();
    let (pieces, _) = Reader::new(&text, 0).pieces(Level::Outside)?;
    Ok(pieces)
}

/// Reads one path, with or without braces and the dot in front.
pub(super) fn path(text: &str) -> Result<Vec<Step>, Mistake> {
    let bare = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    let offset = usize::from(bare.is_some());
    let mut text: Vec<char> = bare.unwrap_or(text).chars().collect();
    if !matches!(text.first(), Some('.' | '[' | '$' | '@')) {
        text.insert(0, '.');
        return steps(&text, offset.saturating_sub(1));
    }
    steps(&text, offset)
}

/// Reads what stands between braces, or a part of it that stands by itself.
fn steps(text: &[char], offset: usize) -> Result<Vec<Step>, Mistake> {
    let mut reader = Reader::new(text, offset);
    let action = reader.action(Closing::AtEnd)?;
    match action.keyword {
        None => Ok(action.steps),
        Some((_, at)) => Err(reader.mistake("a keyword cannot stand here", at)),
    }
}

/// Where an action ends.
#[derive(Clone, Copy, PartialEq)]
enum Closing {
    /// With a brace.
    AtBrace,
    /// With the text.
    AtEnd,
}

/// What pieces are in.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    /// In the template alone.
    Outside,
    /// In a range.
    InRange,
}

/// What pieces end with.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    OfRange,
    OfText,
}

/// What stands between two braces.
struct Action {
    steps: Vec<Step>,
    keyword: Option<(Keyword, usize)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Keyword {
    Range,
    End,
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
    /// Where the text begins in the template.
    offset: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [char], offset: usize) -> Self {
        Self {
            text,
            at: 0,
            offset,
        }
    }

    fn mistake(&self, problem: impl Into<String>, at: usize) -> Mistake {
        Mistake {
            problem: problem.into(),
            at: self.offset + at,
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn rest_starts_with(&self, prefix: &str) -> bool {
        let rest = self.text[self.at..].iter().copied();
        rest.take(prefix.len()).eq(prefix.chars())
    }

    /// Reads pieces up to the end of the range they are in, or else of the text.
    fn pieces(&mut self, level: Level) -> Result<(Vec<Piece>, Ending), Mistake> {
        let mut pieces = Vec::new();
        while let Some(letter) = self.peek() {
            if letter != '{' {
                let start = self.at;
                while self.peek().is_some_and(|letter| letter != '{') {
                    self.at += 1;
                }
                pieces.push(Piece::Text(self.text[start..self.at].iter().collect()));
                continue;
            }
            let brace = self.at;
            self.at += 1;
            let action = self.action(Closing::AtBrace)?;
            match action.keyword.map(|(keyword, _)| keyword) {
                Some(Keyword::Range) => {
                    let (body, ending) = self.pieces(Level::InRange)?;
                    let over = action.steps;
                    let rest = body.clone();
                    pieces.push(Piece::Range { over, body });
                    if ending == Ending::OfText {
                        // kubectl does not know where such a range ends, and prints its pieces once more behind it.
                        pieces.extend(rest);
                    }
                }
                Some(Keyword::End) if level == Level::InRange => {
                    return Ok((pieces, Ending::OfRange));
                }
                Some(Keyword::End) => return Err(self.mistake("there is no range to end", brace)),
                None => pieces.push(Piece::Values(action.steps)),
            }
        }
        Ok((pieces, Ending::OfText))
    }

    fn action(&mut self, closing: Closing) -> Result<Action, Mistake> {
        let start = self.at;
        let mut steps = Vec::new();
        let mut keyword = None;
        loop {
            let at = self.at;
            let Some(letter) = self.peek() else {
                if closing == Closing::AtEnd {
                    return Ok(Action { steps, keyword });
                }
                let open = start.saturating_sub(1);
                return Err(self.mistake("the brace is never closed", open));
            };
            match letter {
                '}' if closing == Closing::AtBrace => {
                    self.at += 1;
                    return Ok(Action { steps, keyword });
                }
                ' ' | '\t' | '@' | '$' => self.at += 1,
                '.' if self.rest_starts_with("..") => {
                    if steps.last() == Some(&Step::Descendants) {
                        return Err(self.mistake("two descents in a row", at));
                    }
                    self.at += 2;
                    steps.push(Step::Descendants);
                    if self.peek().is_some_and(is_of_word) {
                        steps.push(self.field());
                    }
                }
                '.' => {
                    self.at += 1;
                    steps.push(self.field());
                }
                '[' if self.rest_starts_with("[?(") => steps.push(self.filter()?),
                '[' => self.brackets(&mut steps)?,
                '"' | '\'' => steps.push(Step::Literal(Value::String(self.quoted(letter)?))),
                '+' | '-' | '0'..='9' => steps.push(self.number()?),
                letter if is_of_word(letter) => match &*self.word() {
                    "true" => steps.push(Step::Literal(Value::Bool(true))),
                    "false" => steps.push(Step::Literal(Value::Bool(false))),
                    "range" => keyword = Some((Keyword::Range, at)),
                    "end" => keyword = Some((Keyword::End, at)),
                    word => {
                        let problem = format!("unknown word {word}: a field begins with a dot");
                        return Err(self.mistake(problem, at));
                    }
                },
                '\n' | '\r' => {
                    return Err(self.mistake("a line ends between braces", at));
                }
                letter => return Err(self.mistake(format!("unexpected {letter}"), at)),
            }
        }
    }

    /// Reads a name up to what ends it; a backslash takes what follows as it is.
    fn field(&mut self) -> Step {
        let mut name = String::new();
        while let Some(letter) = self.peek() {
            if letter == '\\' {
                name.extend(self.text.get(self.at + 1));
                self.at = self.text.len().min(self.at + 2);
            } else if ends_word(letter) {
                break;
            } else {
                name.push(letter);
                self.at += 1;
            }
        }
        if name == "*" {
            Step::Wildcard
        } else {
            Step::Field(name)
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|letter| !ends_word(letter)) {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn number(&mut self) -> Result<Step, Mistake> {
        let start = self.at;
        self.at += 1;
        while self
            .peek()
            .is_some_and(|letter| letter == '.' || letter.is_ascii_digit())
        {
            self.at += 1;
        }
        let text: String = self.text[start..self.at].iter().collect();
        let whole = text.parse::<i64>().ok().map(Value::from);
        let number = whole.or_else(|| text.parse::<f64>().ok().map(Value::from));
        number
            .map(Step::Literal)
            .ok_or_else(|| self.mistake(format!("{text} is no number"), start))
    }

    /// Reads a text between quotes, with Go's escapes.
    fn quoted(&mut self, quote: char) -> Result<String, Mistake> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None | Some('\n') => return Err(self.mistake("the quote is never closed", start)),
                Some('\\') => text.push(self.escape()?),
                Some(letter) => {
                    self.at += 1;
                    if letter == quote {
                        return Ok(text);
                    }
                    text.push(letter);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Mistake> {
        let start = self.at;
        let letter = self.text.get(start + 1).copied();
        self.at = self.text.len().min(start + 2);
        let short = match letter {
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some(same @ ('\\' | '\'' | '"')) => same,
            Some('x') => return self.coded(start, 2),
            Some('u') => return self.coded(start, 4),
            Some('U') => return self.coded(start, 8),
            _ => return Err(self.mistake("unknown escape", start)),
        };
        Ok(short)
    }

    /// Reads the digits of an escaped character.
    fn coded(&mut self, start: usize, digits: usize) -> Result<char, Mistake> {
        let end = self.text.len().min(self.at + digits);
        let text: String = self.text[self.at..end].iter().collect();
        let code = u32::from_str_radix(&text, 16)
            .ok()
            .filter(|_| text.len() == digits);
        self.at = end;
        code.and_then(char::from_u32).ok_or_else(|| {
            self.mistake(
                format!("the escape takes {digits} hex digits of a character"),
                start,
            )
        })
    }

    /// Reads `[…]`: an index, a slice, a name between quotes, or several of these.
    fn brackets(&mut self, steps: &mut Vec<Step>) -> Result<(), Mistake> {
        let open = self.at;
        let inside = self.text[open..].iter().position(|letter| *letter == ']');
        let Some(length) = inside else {
            return Err(self.mistake("the bracket is never closed", open));
        };
        self.at = open + length + 1;
        let inside = &self.text[open + 1..open + length];
        let at = self.offset + open + 1;
        if !inside.contains(&',') {
            steps.extend(bracket(inside, at)?);
            return Ok(());
        }
        let mut paths = Vec::new();
        let mut start = 0;
        for part in inside.split(|letter| *letter == ',') {
            let blanks = part.iter().take_while(|letter| **letter == ' ').count();
            let end = part
                .iter()
                .rposition(|letter| *letter != ' ')
                .map_or(blanks, |last| last + 1);
            paths.push(bracket(&part[blanks..end], at + start + blanks)?);
            start += part.len() + 1;
        }
        steps.push(Step::Union(paths));
        Ok(())
    }

    /// Reads `[?(…)]`.
    fn filter(&mut self) -> Result<Step, Mistake> {
        let open = self.at;
        self.at += 3;
        let start = self.at;
        let mut quote = None;
        loop {
            match (self.peek(), quote) {
                (None | Some('\n'), _) => {
                    return Err(self.mistake("the filter is never closed", open));
                }
                (Some('\\'), Some(_)) => self.at += 1,
                (Some(letter), Some(quoted)) if letter == quoted => quote = None,
                (Some(letter @ ('"' | '\'')), None) => quote = Some(letter),
                (Some(')'), None) => break,
                _ => {}
            }
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        self.at += 1;
        if self.peek() != Some(']') {
            return Err(self.mistake("a filter ends with )]", self.at));
        }
        self.at += 1;
        condition(text, self.offset + start).map(Step::Filter)
    }
}

/// Reads what stands in a filter: a path, or two values with an operator between.
fn condition(text: &[char], offset: usize) -> Result<Filter, Mistake> {
    let is_operator = |letter: &char| matches!(letter, '!' | '<' | '>' | '=');
    let Some(start) = text.iter().position(is_operator).filter(|start| *start > 0) else {
        return steps(text, offset).map(Filter::Exists);
    };
    let length = text[start..]
        .iter()
        .take_while(|letter| is_operator(letter))
        .count();
    let end = start + length;
    let mistake = |problem: &str| Mistake {
        problem: problem.to_owned(),
        at: offset + start,
    };
    if end == text.len() {
        return Err(mistake("nothing follows the operator"));
    }
    let operator = match &*text[start..end].iter().collect::<String>() {
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        _ => return Err(mistake("the operators are ==, !=, <, <=, > and >=")),
    };
    Ok(Filter::Compare {
        left: steps(&text[..start], offset)?,
        operator,
        right: steps(&text[end..], offset + end)?,
    })
}

/// Reads one of what may stand in brackets.
fn bracket(text: &[char], offset: usize) -> Result<Vec<Step>, Mistake> {
    if text == ['*'] {
        return Ok(vec![Step::Slice(Slice::default())]);
    }
    if let ['\'', name @ .., '\''] = text
        && !name.contains(&'\'')
    {
        // Dots inside have to be escaped here too: kubectl reads the name as a path.
        let dotted: Vec<_> = std::iter::once('.').chain(name.iter().copied()).collect();
        return steps(&dotted, offset);
    }
    if let ['?', '(', inside @ .., ')'] = text {
        return Ok(vec![Step::Filter(condition(inside, offset + 2)?)]);
    }
    let written: String = text.iter().collect();
    let mistake = |problem: String| Mistake {
        problem,
        at: offset,
    };
    let number = |text: &str| {
        let number = (!text.is_empty()).then(|| text.parse::<i64>()).transpose();
        number.map_err(|_| {
            mistake(format!(
                "{written} is no index, slice or name in single quotes"
            ))
        })
    };
    let parts: Vec<_> = written.split(':').collect();
    let slice = match parts.as_slice() {
        [index] => Slice {
            start: Some(number(index)?.ok_or_else(|| mistake("an index is missing".to_owned()))?),
            end: End::AfterFirst,
            step: None,
        },
        [start, end, step @ ..] if step.len() < 2 => Slice {
            start: number(start)?,
            end: number(end)?.map_or(End::Open, End::Before),
            step: step.first().map_or(Ok(None), |step| number(step))?,
        },
        _ => return Err(mistake("a slice has at most three numbers".to_owned())),
    };
    Ok(vec![Step::Slice(slice)])
}

fn is_of_word(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

/// Whether a character cannot be part of a name.
fn ends_word(letter: char) -> bool {
    matches!(
        letter,
        ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}'
    )
}
