#![no_main]

use engine::range::Range;
use engine::version::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let range = match Range::parse(texts.0) {
        Ok(range) => range,
        Err(error) => {
            assert!(texts.0.is_char_boundary(error.position()));
            return;
        }
    };
    let printed = range.to_string();
    // Rewriting hyphens makes a range longer, and there is a limit of 512 bytes.
    if printed.len() > 512 {
        return;
    }
    let again = Range::parse(&printed).expect("a printed range is a range");
    if let Some(version) = Version::parse_loose(texts.1) {
        assert_eq!(range.matches(&version), again.matches(&version));
        assert_eq!(range.matches(&version), range.refusal(&version).is_none());
    }
});
