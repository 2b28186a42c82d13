//! Any range is refused with a place, or prints as a range that accepts the same versions.
//!
//! The first line of the input is the range; the others are versions.

#![no_main]

use engine::range::Range;
use engine::version::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (source, versions) = input.split_once('\n').unwrap_or((input, ""));
    let range = match Range::parse(source) {
        Ok(range) => range,
        Err(error) => {
            assert!(source.is_char_boundary(error.position()));
            return;
        }
    };
    let printed = range.to_string();
    // Rewriting hyphens makes a range longer, and there is a limit of 512 bytes.
    if printed.len() > 512 {
        return;
    }
    let again = Range::parse(&printed).expect("a printed range is a range");
    for version in versions.split('\n').filter_map(Version::parse_loose) {
        assert_eq!(range.matches(&version), again.matches(&version));
        assert_eq!(range.matches(&version), range.refusal(&version).is_none());
    }
});
