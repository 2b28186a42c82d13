use std::cmp::Ordering;

use proptest::prelude::*;

use super::Version;

type Parts<'a> = (u64, u64, u64, &'a str, &'a str);

fn parts(text: &str) -> Option<Parts<'_>> {
    Version::parse_loose(text).map(|v| {
        (
            v.major(),
            v.minor(),
            v.patch(),
            v.prerelease(),
            v.metadata(),
        )
    })
}

fn order(left: &str, right: &str) -> Ordering {
    let read = |text| Version::parse_loose(text).unwrap();
    read(left).precedence(&read(right))
}

#[test]
fn loose_versions_may_lack_numbers_and_carry_a_v() {
    let cases: &[(&str, Parts<'_>)] = &[
        ("1.2.3", (1, 2, 3, "", "")),
        ("v1.2.3-rc.1+build.5", (1, 2, 3, "rc.1", "build.5")),
        ("1", (1, 0, 0, "", "")),
        ("v1.4", (1, 4, 0, "", "")),
        ("2024.01.05", (2024, 1, 5, "", "")),
        ("1.2-SNAPSHOT", (1, 2, 0, "SNAPSHOT", "")),
        ("1+a-b", (1, 0, 0, "", "a-b")),
        ("1.2.3--1", (1, 2, 3, "-1", "")),
        ("1.2.3-0", (1, 2, 3, "0", "")),
        ("1.2.3-0abc123", (1, 2, 3, "0abc123", "")),
        ("1.2.3+00", (1, 2, 3, "", "00")),
        ("18446744073709551615.0.0", (u64::MAX, 0, 0, "", "")),
    ];
    for (text, expected) in cases {
        assert_eq!(parts(text), Some(*expected), "{text}");
    }
}

#[test]
fn what_is_no_version_is_refused() {
    let cases = [
        "",
        "v",
        "V1.2.3",
        "vv1",
        "1.",
        "1.2.",
        ".1",
        "1..2",
        "1.2.3.4",
        "1.2.3_1",
        "1.2.3rc1",
        "1.2.3-",
        "1.2.3+",
        "1.2.3-a.",
        "1.2.3-.a",
        "1.2.3-a..b",
        "1.2.3-01",
        "1.2.3-a.00",
        "1.2.3+a_b",
        "1.2.3+a+b",
        " 1.2.3",
        "1.2.3 ",
        "1.2.3\n",
        "-1",
        "+1",
        "1.2.x",
        "１.2.3",
        "1.2.3-é",
        "18446744073709551616.0.0",
        "1.2.18446744073709551616",
    ];
    for text in cases {
        assert_eq!(parts(text), None, "{text:?}");
    }
}

#[test]
fn a_version_longer_than_256_bytes_is_refused() {
    let at_limit = format!("1.2.3-{}", "a".repeat(250));
    assert!(Version::parse_loose(&at_limit).is_some());
    assert!(Version::parse_loose(&format!("{at_limit}a")).is_none());
}

#[test]
fn a_tag_needs_two_dots_wherever_they_stand() {
    let cases = [
        ("1.2.3", true),
        ("v1.2.3", true),
        ("1.2-rc.1", true),
        ("5-a.b.c", true),
        ("20221209-a.b.c", true),
        ("1+a.b.c", true),
        ("1.2", false),
        ("v1", false),
        ("1.2-rc1", false),
        ("1.2.3.4", false),
        ("latest", false),
    ];
    for (tag, expected) in cases {
        assert_eq!(Version::from_tag(tag).is_some(), expected, "{tag}");
    }
}

#[test]
fn precedence_follows_masterminds() {
    // Each is lower than every later one.
    let ascending = [
        "0.0.0-0",
        "0.0.0-1",
        "0.0.0-a",
        "0.0.0",
        "1.0.0-1",
        "1.0.0-2",
        "1.0.0-10",
        "1.0.0-18446744073709551615",
        "1.0.0--1",
        "1.0.0-18446744073709551616",
        "1.0.0-99999999999999999998",
        "1.0.0-99999999999999999999",
        "1.0.0-BETA",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0-rc10",
        "1.0.0-rc9",
        "1.0.0",
        "1.0.1",
        "1.10.0",
        "2.0.0",
    ];
    for (index, lower) in ascending.iter().enumerate() {
        for higher in ascending.iter().skip(index + 1) {
            assert_eq!(order(lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(order(higher, lower), Ordering::Greater, "{higher} {lower}");
        }
    }
    assert_eq!(order("1.2.3+a", "v1.02.3+b"), Ordering::Equal);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = Version::from_tag(&text);
    }

    #[test]
    fn printing_and_reading_again_keeps_the_version(
        text in "v?[0-9]{1,4}(\\.[0-9]{1,4}){0,2}(-[0-9a-zA-Z]{1,3}(\\.[0-9a-z-]{1,4}){0,2})?(\\+[0-9a-z-]{1,4})?"
    ) {
        if let Some(version) = Version::parse_loose(&text) {
            let printed = version.to_string();
            prop_assert_eq!(
                parts(&printed),
                Some((version.major(), version.minor(), version.patch(), version.prerelease(), version.metadata()))
            );
            prop_assert_eq!(Version::parse_loose(&printed).unwrap().to_string(), printed);
            prop_assert_eq!(version.original(), text.as_str());
        }
    }

    #[test]
    fn precedence_is_antisymmetric(left in "[0-9]\\.[0-9]\\.[0-9](-[0-9a-c.-]{1,4})?", right in "[0-9]\\.[0-9]\\.[0-9](-[0-9a-c.-]{1,4})?") {
        if let (Some(a), Some(b)) = (Version::parse_loose(&left), Version::parse_loose(&right)) {
            prop_assert_eq!(a.precedence(&b), b.precedence(&a).reverse());
        }
    }
}
