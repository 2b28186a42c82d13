//! Tests of patterns; what Go says was written down from Go 1.26.

mod errors;
mod matches;
mod properties;
mod recorded;
mod syntax;
mod templates;

use super::{Extract, Pattern};

/// The pattern, which has to be one.
fn pattern(source: &str) -> Pattern {
    match Pattern::new(source) {
        Ok(pattern) => pattern,
        Err(error) => panic!("{source:?}: {error}"),
    }
}

/// What `template` makes of the first match of `source` in `text`.
fn expand(source: &str, template: &str, text: &str) -> Option<String> {
    value(&pattern(source), template, text)
}

/// What `template` makes of the first match of `pattern` in `text`.
fn value(pattern: &Pattern, template: &str, text: &str) -> Option<String> {
    let mut out = String::new();
    let extract = Extract::parse(template);
    extract.expand(pattern, text, &mut out).then_some(out)
}

/// The message for a pattern that is refused.
fn error(source: &str) -> String {
    match Pattern::new(source) {
        Ok(_) => panic!("{source:?} is accepted"),
        Err(error) => error.to_string(),
    }
}
