//! Walks a file once and gathers marked scalars and faults.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::comment::Setter;
use super::fault::{Fault, FaultKind};
use super::gap::{Gap, Scalar, Target, Token, TokenKind, block_scalar, line_breaks};
use super::identity::Drafts;
use super::stack::{Role, Stack};
use super::{BeyondFlux, Context, FileScan, Site, Style, holds_token, mentions_marker};

/// Finds the markers of a file and what is wrong with them.
///
/// A file that cannot be used as a whole has no sites and at least one fault that
/// [disables](Fault::disables_file) it. Time and memory are linear in the size of the file.
pub fn scan(source: &[u8]) -> FileScan {
    if !mentions_marker(source) {
        return FileScan::default();
    }
    let text = match std::str::from_utf8(source) {
        Ok(text) => text,
        Err(error) => {
            let valid = source.get(..error.valid_up_to()).unwrap_or_default();
            return broken(not_utf8(&String::from_utf8_lossy(valid)));
        }
    };
    let mut walk = Walk::new(text);
    match walk.run() {
        Ok(()) => walk.finish(holds_token(source)),
        Err(fault) => broken(fault),
    }
}

fn broken(fault: Fault) -> FileScan {
    FileScan {
        faults: vec![fault],
        ..FileScan::default()
    }
}

fn not_utf8(valid: &str) -> Fault {
    let line_start = valid.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let column = valid[line_start..].chars().count() + 1;
    Fault {
        line: line_breaks(valid) + 1,
        column,
        kind: FaultKind::NotUtf8,
    }
}

/// A parser without comments: [`Gap`] finds them in the text between the tokens.
pub(super) fn parser(text: &str) -> Parser<'_, granit_parser::StrInput<'_>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    Parser::new_from_str_with_options(text, options)
}

struct Walk<'a> {
    text: &'a str,
    stack: Stack<'a>,
    drafts: Drafts,
    before: Token<'a>,
    /// The end of the token before `before`.
    gap_start: usize,
    closes: bool,
    /// Mappings that ended since the last token, for a comment behind their last value.
    closed: Vec<(usize, Option<Cow<'a, str>>)>,
    documents: usize,
    /// Whether the document began after `...` without `---`.
    bare: bool,
    sites: Vec<Site>,
    faults: Vec<Fault>,
    beyond_flux: Option<BeyondFlux>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        let before = Token {
            span: 0..0,
            lines: (1, 1),
            column: 0,
            kind: TokenKind::Start,
        };
        Self {
            text,
            stack: Stack::default(),
            drafts: Drafts::default(),
            before,
            gap_start: 0,
            closes: false,
            closed: Vec::new(),
            documents: 0,
            bare: false,
            sites: Vec::new(),
            faults: Vec::new(),
            beyond_flux: None,
        }
    }

    fn run(&mut self) -> Result<(), Fault> {
        for event in parser(self.text) {
            let (event, span) = event.map_err(|error| not_yaml(&error))?;
            match event {
                Event::DocumentStart(explicit, _) => self.document(explicit, &span)?,
                Event::DocumentEnd => self.separator(&span),
                Event::Scalar(value, style, _, tag) => {
                    self.scalar(value, style, tag.as_deref(), &span);
                }
                Event::Alias(_) => {
                    let kind = match self.stack.enter(None) {
                        Role::Key => TokenKind::Key,
                        Role::Value | Role::Root => TokenKind::Alias,
                    };
                    self.token(&span, kind);
                }
                Event::MappingStart(style, ..) => {
                    let role = self.stack.enter(None);
                    self.stack.open_mapping(
                        role,
                        context(style),
                        span.start.col(),
                        &mut self.drafts,
                    );
                    self.bracket(&span, TokenKind::Open);
                }
                Event::SequenceStart(style, ..) => {
                    let role = self.stack.enter(None);
                    self.note(role, BeyondFlux::RootList);
                    self.stack.open_sequence(
                        role,
                        context(style),
                        span.start.col(),
                        &mut self.drafts,
                    );
                    self.bracket(&span, TokenKind::Open);
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    self.bracket(&span, TokenKind::Close);
                    self.close();
                }
                _ => {}
            }
        }
        self.gap(None);
        Ok(())
    }

    fn finish(mut self, holds_token: bool) -> FileScan {
        if !holds_token {
            // Flux does not parse such a file, so even well-formed long markers in it are dead.
            self.sites.clear();
        }
        let objects = self.drafts.finish(&mut self.sites);
        FileScan {
            sites: self.sites,
            faults: self.faults,
            objects,
            beyond_flux: self.beyond_flux,
        }
    }

    fn document(&mut self, explicit: bool, span: &Span) -> Result<(), Fault> {
        self.stack.clear();
        self.bare = !explicit && self.documents > 0;
        self.documents += 1;
        if !explicit {
            return Ok(());
        }
        let range = bytes(span);
        let above = &self.text[self.before.span.end..range.start];
        if above.lines().any(|line| line.starts_with('%')) {
            self.beyond_flux.get_or_insert(BeyondFlux::Directive);
        }
        let behind = self.text[range.end..]
            .split(['\n', '\r'])
            .next()
            .unwrap_or_default()
            .trim();
        if span.start.line() > 1 && !behind.is_empty() && !behind.starts_with('#') {
            return Err(Fault {
                line: span.start.line(),
                column: span.start.col() + 1,
                kind: FaultKind::SeparatorWithContent,
            });
        }
        self.separator(span);
        Ok(())
    }

    fn separator(&mut self, span: &Span) {
        if !bytes(span).is_empty() {
            self.token(span, TokenKind::Separator);
        }
    }

    fn scalar(&mut self, value: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, span: &Span) {
        let role = self.stack.enter(Some(&value));
        if role == Role::Key {
            return self.token(span, TokenKind::Key);
        }
        if style == ScalarStyle::Plain && bytes(span).is_empty() {
            return self.token(span, TokenKind::Empty);
        }
        if !matches!(value.as_ref(), "null" | "~") || style != ScalarStyle::Plain {
            self.note(role, BeyondFlux::RootScalar);
        }
        let range = scalar_span(self.text, &value, span);
        let place = self.stack.place();
        if let Some(field) = place.identity {
            self.drafts.set(place.object, field, &value);
        }
        let foreign_tag = tag.and_then(foreign_tag);
        self.token_at(
            range,
            span,
            TokenKind::Value(Scalar {
                value,
                style,
                role,
                place,
                foreign_tag,
            }),
        );
    }

    /// Takes note of a list or scalar that Flux cannot have where it is.
    fn note(&mut self, role: Role, root: BeyondFlux) {
        let what = match role {
            Role::Root => root,
            Role::Value if self.stack.is_metadata() => BeyondFlux::Metadata,
            Role::Key | Role::Value => return,
        };
        self.beyond_flux.get_or_insert(what);
    }

    /// The end or beginning of a collection, which is a token only if it is a bracket.
    fn bracket(&mut self, span: &Span, kind: TokenKind<'a>) {
        if !bytes(span).is_empty() {
            self.token(span, kind);
        }
    }

    fn close(&mut self) {
        let Some(closed) = self.stack.close() else {
            return;
        };
        self.closes |= closed.context == Context::Block;
        let Some((serial, name, sites)) = closed.mapping else {
            return;
        };
        if let Some(name) = &name {
            for site in sites {
                if let Some(site) = self.sites.get_mut(site) {
                    site.container = Some(name.as_ref().into());
                }
            }
        }
        self.closed.push((serial, name));
    }

    fn token(&mut self, span: &Span, kind: TokenKind<'a>) {
        self.token_at(bytes(span), span, kind);
    }

    fn token_at(&mut self, range: Range<usize>, span: &Span, kind: TokenKind<'a>) {
        let start = range.start.max(self.before.span.end);
        let token = Token {
            span: start..range.end.max(start),
            lines: (span.start.line(), span.end.line()),
            column: span.start.col(),
            kind,
        };
        self.gap(Some(&token));
        self.gap_start = self.before.span.end;
        self.before = token;
        self.closes = false;
        self.closed.clear();
    }

    /// Reads the text between the last token and the next.
    fn gap(&mut self, after: Option<&Token<'a>>) {
        let gap = Gap {
            source: self.text,
            before: &self.before,
            after,
            closes: self.closes,
        };
        let findings = gap.findings();
        let (mut line, mut at) = (self.before.lines.1, self.before.span.end);
        for finding in findings {
            line += line_breaks(&self.text[at.min(finding.at)..finding.at]);
            at = finding.at;
            match finding.outcome {
                Err(kind) => self.fault(line, at, kind),
                Ok(_) if self.bare => self.fault(line, at, FaultKind::BareDocument),
                Ok((setter, Target::Before)) => {
                    let site = site(self.text, self.gap_start, &self.before, setter);
                    self.add(site);
                }
                Ok((setter, Target::After)) => {
                    let from = self.before.span.end;
                    let site = after.and_then(|token| site(self.text, from, token, setter));
                    self.add(site);
                }
            }
        }
    }

    fn fault(&mut self, line: usize, at: usize, kind: FaultKind) {
        let line_start = self.text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1);
        let before = self.text[line_start..at].trim_start_matches('\u{feff}');
        self.faults.push(Fault {
            line,
            column: before.chars().count() + 1,
            kind,
        });
    }

    fn add(&mut self, site: Option<(Site, Option<usize>)>) {
        let Some((mut site, mapping)) = site else {
            return;
        };
        if let Some(serial) = mapping
            && !self.stack.attach(serial, self.sites.len())
        {
            let closed = self.closed.iter().find(|(closed, _)| *closed == serial);
            site.container = closed.and_then(|(_, name)| name.as_deref()).map(Into::into);
        }
        self.sites.push(site);
    }
}

/// Makes a site of a token that is a value, and names the mapping it is in.
fn site(
    text: &str,
    from: usize,
    token: &Token<'_>,
    setter: Setter,
) -> Option<(Site, Option<usize>)> {
    let TokenKind::Value(scalar) = &token.kind else {
        return None;
    };
    let mut line = token.lines.0;
    let style = match scalar.style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let block = block_scalar(text, from, token)?;
            line = token.lines.1
                - line_breaks(&text[block.header.end..token.span.end]).min(token.lines.1 - 1);
            Style::Block(Box::new(block))
        }
    };
    let place = &scalar.place;
    let site = Site {
        span: token.span.clone(),
        style,
        context: place.context,
        value: scalar.value.as_ref().into(),
        line,
        column: token.column + 1,
        setter: setter.text,
        field: setter.field,
        object: place.object,
        container: None,
        identity: place.identity,
        kustomize: place.kustomize,
        foreign_tag: scalar.foreign_tag.clone(),
    };
    Some((site, place.mapping))
}

/// The bytes of a scalar. The parser counts the header of a block scalar in if nothing but it is
/// there; here it never belongs to the scalar.
pub(super) fn scalar_span(text: &str, value: &str, span: &Span) -> Range<usize> {
    let range = bytes(span);
    let bare_header = text
        .get(range.clone())
        .is_some_and(|token| token.starts_with(['|', '>']));
    if bare_header && value.trim_matches('\n').is_empty() {
        range.end..range.end
    } else {
        range
    }
}

fn bytes(span: &Span) -> Range<usize> {
    // Parsers of strings give offsets for every span.
    span.byte_range().unwrap_or_default()
}

fn context(style: StructureStyle) -> Context {
    match style {
        StructureStyle::Block => Context::Block,
        StructureStyle::Flow => Context::Flow,
    }
}

/// A tag of YAML's own types other than a string.
fn foreign_tag(tag: &Tag) -> Option<Box<str>> {
    let suffix = tag.suffix_in_namespace("tag:yaml.org,2002:")?;
    (suffix != "str").then(|| tag.original().into())
}

fn not_yaml(error: &ScanError) -> Fault {
    let marker = error.marker();
    Fault {
        line: marker.line(),
        column: marker.col() + 1,
        kind: FaultKind::NotYaml(error.info()),
    }
}
