#![no_main]

use engine::version::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let (Some(left), Some(right)) = (Version::parse_loose(texts.0), Version::parse_loose(texts.1))
    else {
        return;
    };
    assert_eq!(left.precedence(&right), right.precedence(&left).reverse());
    let printed = left.to_string();
    let again = Version::parse_loose(&printed).expect("a printed version is a version");
    assert!(again.precedence(&left).is_eq());
    assert_eq!(again.to_string(), printed);
});
