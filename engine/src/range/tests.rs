use proptest::prelude::*;

use super::{Range, RangeFault, Refusal};
use crate::version::Version;

/// `true`, `false`, or `error` when the range or the version is refused.
fn outcome(range: &str, version: &str) -> &'static str {
    let Ok(range) = Range::parse(range) else {
        return "error";
    };
    match Version::parse_loose(version) {
        None => "error",
        Some(version) if range.matches(&version) => "true",
        Some(_) => "false",
    }
}

/// Splits a CSV record; fields with commas are quoted, no field holds a quote.
fn fields(record: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in record.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields
}

#[test]
fn every_case_of_the_data_set_holds() {
    let cases = include_str!("../../tests/data/semver-cases.csv");
    let mut seen = 0;
    for record in cases.lines().skip(1) {
        let fields = fields(record);
        let [range, version, expected, ..] = fields.as_slice() else {
            panic!("short record {record}");
        };
        assert_eq!(outcome(range, version), expected, "{record}");
        seen += 1;
    }
    assert!(seen > 300, "{seen} cases");
}

#[test]
fn range_syntax_rows() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("row_081 empty", "", "1.0.0", "error"),
        ("row_081 blank", "  ", "1.0.0", "error"),
        ("row_081 word", "latest", "1.0.0", "error"),
        ("row_081 digit and wildcard", "1x", "1.0.0", "error"),
        ("row_081 wildcard and digit", "x1", "1.0.0", "error"),
        ("row_081 leading hyphen", "-1", "1.0.0", "error"),
        ("row_081 trailing letter", "1.0.0p", "1.0.0", "error"),
        ("row_081 wildcard pre-release", "*-*", "1.0.0", "error"),
        ("row_082 no separator", ">=1.0<2.0", "1.0.0", "error"),
        ("row_082 double comma", ">=1.0,,<2.0", "1.0.0", "error"),
        ("row_082 trailing comma", ">=1.0,", "1.0.0", "error"),
        ("row_082 empty branch", "1.x || ", "1.0.0", "error"),
        ("row_083 ==", "==1.0.0", "1.0.0", "error"),
        ("row_083 ~=", "~=1.2", "1.2.0", "error"),
        ("row_083 blank in operator", "> = 1.0", "1.0.0", "error"),
        ("row_083 &&", "1.0 && 2.0", "1.0.0", "error"),
        ("row_084 =>", "=>1.0.0", "1.0.0", "true"),
        ("row_084 =<", "=<1.0.0", "1.0.0", "true"),
        ("row_084 ~>", "~>1.2", "1.2.5", "true"),
        (
            "row_085 hyphen without comma",
            "<1.9 1.0 - 2.0",
            "1.5.0",
            "error",
        ),
        (
            "row_085 hyphen after comma",
            "<1.9, 1.0 - 2.0",
            "1.5.0",
            "true",
        ),
        (
            "row_086 hyphen without blanks is a pre-release",
            "1.0-2.0",
            "1.0.5",
            "true",
        ),
        ("row_087 blank is and", "1.0 2.0", "1.0.5", "false"),
        (
            "row_088 metadata is ignored",
            "1.2.3",
            "1.2.3+build",
            "true",
        ),
        ("row_089 leading zeros", "=1.2.3", "01.02.03", "true"),
        ("row_090 != partial", "!=1.2", "1.2.9", "false"),
        ("row_090 != partial, other minor", "!=1.2", "1.3.0", "true"),
        (
            "row_091 gate is per branch",
            ">=1.0.0 || >=5.0.0-0",
            "1.5.0-rc.1",
            "false",
        ),
        (
            "row_091 gate is per branch, open",
            ">=1.0.0 || >=5.0.0-0",
            "5.5.0-rc.1",
            "true",
        ),
        ("row_092 overflow", "18446744073709551616", "1.0.0", "error"),
        ("row_093 lower-case v", "v1.0.x", "1.0.1", "true"),
        ("row_093 upper-case V", "V1.0.x", "1.0.1", "error"),
    ];
    for (name, range, version, expected) in cases {
        assert_eq!(outcome(range, version), *expected, "{name}");
    }
}

#[test]
fn odd_input_means_what_it_means_to_masterminds() {
    let cases = [
        // Found by comparing random ranges with the original.
        ("1.0 - 2.0<3", "1.5.0", "true"),
        ("1.0 - 2.0,<1.2", "1.5.0", "false"),
        ("1.0 - 2.0v1.2", "1.2.5", "true"),
        ("1.x ||2.0 - 3.0", "2.5.0", "error"),
        ("1||2 - 3", "0.5.0", "false"),
        ("1||2 - 3", "2.5.0", "true"),
        ("^1.0 - 2.0", "1.5.0", "error"),
        ("*.1|2", "9.9.9", "true"),
        ("1.x.1|2", "1.9.9", "true"),
        ("1|2", "1.0.0", "error"),
        (">=1.0\u{b}<2.0", "1.0.0", "error"),
        (">=1.0\u{c}<2.0", "1.0.0", "true"),
        (">=1.0\u{a0}<2.0", "1.0.0", "error"),
    ];
    for (range, version, expected) in cases {
        assert_eq!(outcome(range, version), expected, "{range:?} {version}");
    }
}

#[test]
fn limits_are_those_of_masterminds() {
    let long = |length: usize| format!("1.2.3{}", " ".repeat(length - 5));
    assert_eq!(outcome(&long(512), "1.2.3"), "true");
    assert_eq!(outcome(&long(513), "1.2.3"), "error");
    assert_eq!(outcome(&vec!["1"; 32].join("||"), "1.2.3"), "true");
    assert_eq!(outcome(&vec!["1"; 33].join("||"), "1.2.3"), "error");
    let pre = |length: usize| format!("1.2-{}", "a".repeat(length));
    assert_eq!(outcome(&pre(250), "2.0.0"), "false");
    assert_eq!(outcome(&pre(251), "2.0.0"), "error");
}

#[test]
fn an_error_names_place_and_cure() {
    let cases: &[(&str, usize, &str)] = &[
        (
            "==1.0.0",
            0,
            "write = or no operator for exactly one version",
        ),
        (
            ">=1.0 ~=1.2",
            6,
            "write ~ for patch updates or ^ for minor updates",
        ),
        ("1.0 && 2.0", 4, "write a comma or a blank for and"),
        (">=1.0&&<2.0", 5, "write a comma or a blank for and"),
        (">=1.0; <2.0", 5, "write a comma or a blank for and"),
        ("1.x | 2.x", 4, "write || for or"),
        ("1.x or 2.x", 4, "write || for or"),
        (
            ">=1.0<2.0",
            5,
            "write a comma or a blank between two conditions",
        ),
        (
            "1.0 -2.0",
            4,
            "write a range as A - B with blanks on both sides, or as >=A, <=B",
        ),
        (
            "1.0 - 2.0 || latest",
            13,
            "write numbers, such as >=1.0.0, or an alphabetical policy for names",
        ),
        (
            "<1.9 1.0 - 2.0",
            5,
            "write A - B first in its branch or after a comma, without an operator",
        ),
        (
            "^1.0 - 2.0",
            0,
            "write A - B first in its branch or after a comma, without an operator",
        ),
        ("", 0, "write * for every release"),
        ("1.x || ", 6, "write * for every release"),
    ];
    for (range, position, hint) in cases {
        let error = Range::parse(range).unwrap_err();
        assert_eq!(
            (error.position(), error.hint()),
            (*position, Some(*hint)),
            "{range:?} {error}"
        );
    }
}

#[test]
fn an_error_begins_with_the_sentence_of_flux() {
    let error = Range::parse(">=1.0<2.0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "improper constraint: \">=1.0<2.0\": a comma or blank is missing, at position 6"
    );
    let error = Range::parse(">=1x").unwrap_err();
    assert_eq!(error.fault(), &RangeFault::Number("1x".to_owned()));
    assert_eq!(
        error.to_string(),
        "constraint parser error: \">=1x\": \"1x\" is no number, at position 3"
    );
}

#[test]
fn in_the_words_of_flux_the_improper_branch_is_quoted() {
    for (range, words) in [
        ("nonsense", "improper constraint: \"nonsense\""),
        ("", "improper constraint: \"\""),
        ("1.0 || foo || 2.0", "improper constraint: \" foo \""),
        (">=1.0<2.0 || 3", "improper constraint: \">=1.0<2.0 \""),
        ("||", "improper constraint: \"\""),
        (">=1x", "constraint parser error"),
    ] {
        assert_eq!(Range::parse(range).unwrap_err().flux(), words);
    }
    let long = Range::parse(&"1".repeat(513)).unwrap_err();
    assert_eq!(long.flux(), "constraint string is too long (max 512 bytes)");
}

#[test]
fn a_refusal_tells_the_gate_from_the_range() {
    let refusal = |range: &str, version| {
        Range::parse(range)
            .unwrap()
            .refusal(&Version::parse_loose(version).unwrap())
    };
    assert_eq!(refusal(">=5.0.0", "5.1.0"), None);
    assert_eq!(refusal(">=5.0.0", "5.1.0-rc.1"), Some(Refusal::PreRelease));
    assert_eq!(refusal(">=5.0.0", "4.9.0"), Some(Refusal::OutOfRange));
    assert_eq!(refusal(">=5.0.0", "4.9.0-rc.1"), Some(Refusal::OutOfRange));
    assert_eq!(
        refusal(">=1 || >=5.0.0-0", "1.5.0-rc.1"),
        Some(Refusal::PreRelease)
    );
}

#[test]
fn a_range_of_one_version_names_it() {
    for (range, exact) in [
        ("1.2.3", Some("1.2.3")),
        ("=v1.2.3", Some("v1.2.3")),
        ("1.2.3-rc.1", Some("1.2.3-rc.1")),
        ("1.2.3 <2", Some("1.2.3")),
        ("1.2", None),
        ("~1.2.3", None),
        (">=1.2.3 <=1.2.3", None),
        ("1.2.3 || 1.2.4", None),
        ("*", None),
        ("!=1.2.3", None),
    ] {
        assert_eq!(Range::parse(range).unwrap().exact(), exact, "{range}");
    }
}

/// Texts near the language: its own alphabet, in pieces that often fit together.
fn range_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "1", "0", "12", "x", "*", "X", ".", ".", "1.2", "1.2.3", "0.0.0", "0.1", "-0", "-rc.1",
        "+b", " ", " ", ", ", " - ", "||", " || ", "|", ">=", "<", "<=", ">", "=", "!=", "~", "~>",
        "^", "v", "-", "é",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = Range::parse(&text);
    }

    #[test]
    fn printing_and_reading_again_keeps_the_range(text in range_text()) {
        match Range::parse(&text) {
            Ok(range) => {
                let again = Range::parse(&range.to_string()).unwrap();
                prop_assert_eq!(&again.branches, &range.branches);
                prop_assert_eq!(range.source(), text.as_str());
            }
            Err(error) => {
                prop_assert!(error.position() <= text.len());
                prop_assert!(text.is_char_boundary(error.position()));
            }
        }
    }
}
