//! Versions, one a line, have one order, and what prints reads back.

#![no_main]

use std::cmp::Ordering;

use engine::version::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let mut versions: Vec<_> = input
        .split('\n')
        .filter_map(Version::parse_loose)
        .take(16)
        .collect();
    for version in &versions {
        let printed = version.to_string();
        let again = Version::parse_loose(&printed).expect("a printed version is a version");
        assert!(again.precedence(version).is_eq());
        assert_eq!(again.to_string(), printed);
    }
    versions.sort_by(Version::precedence);
    for (index, lower) in versions.iter().enumerate() {
        for higher in &versions[index..] {
            assert_ne!(lower.precedence(higher), Ordering::Greater);
            assert_eq!(lower.precedence(higher), higher.precedence(lower).reverse());
        }
    }
});
