//! Any pattern is compiled or refused with a place, and what it finds in a text agrees with itself.
//!
//! The first line of the input is the pattern, the second the template; the rest is the text.

#![no_main]

use engine::pattern::{Extract, Pattern, quote_meta};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (source, template, text) = (line(), line(), line());
    let extract = Extract::parse(template);
    for reference in extract.references() {
        assert!(template[reference.position..].starts_with('$'));
    }
    if let Some(position) = extract.malformed() {
        assert!(template[position..].starts_with('$'));
    }

    let quoted = Pattern::new(&format!("^{}$", quote_meta(text)));
    assert!(quoted.is_ok_and(|quoted| quoted.is_match(text)) || text.len() > 10_000);

    let pattern = match Pattern::new(source) {
        Ok(pattern) => pattern,
        Err(error) => {
            assert!(source.get(error.span()).is_some());
            assert!(error.column(source) > 0 && !error.reason().is_empty());
            return;
        }
    };
    let mut out = String::new();
    assert_eq!(
        extract.expand(&pattern, text, &mut out),
        pattern.is_match(text)
    );
    assert_eq!(
        pattern.find_all(text, Some(1)).first().copied(),
        pattern.find(text)
    );
    assert_eq!(pattern.replace_all(text, &Extract::parse("$0")), text);
    assert!(pattern.split(text, Some(2)).len() <= 2);
    let kept: usize = pattern.split(text, None).iter().map(String::len).sum();
    assert!(kept <= text.len());
});
