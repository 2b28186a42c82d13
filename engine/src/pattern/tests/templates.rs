//! Templates: values for policies, references, and dollars that mean nothing.

use super::{error, expand, pattern};
use crate::pattern::{Extract, Group};

/// What a template makes of each tag that matches.
fn values(source: &str, template: &str, tags: &[&str]) -> Vec<String> {
    tags.iter()
        .filter_map(|tag| expand(source, template, tag))
        .collect()
}

#[test]
fn policies_see_the_extracted_values() {
    for (row, source, template, tags, expected) in [
        (
            61,
            "^test-(.*)$",
            "$1",
            &["test-0.1.0", "test-0.1.1", "dev-0.2.0"][..],
            &["0.1.0", "0.1.1"][..],
        ),
        (62, "^nomatch$", "", &["1.0.0"], &[]),
        (63, "", "", &["a", "b", "c"], &["a", "b", "c"]),
        (64, "", "$v", &["1.0.0", "2.0.0"], &["", ""]),
        (65, "^v(.*)$", "$nosuch", &["v1", "v2", "v3"], &["", "", ""]),
        (67, r"^v(\d+)?$", "$1", &["v", "v1", "v2"], &["", "1", "2"]),
        (68, r"^v(\d+)$", "$1x", &["v1", "v2"], &["", ""]),
        (69, r"^v(\d+)$", "${1}x", &["v1", "v2"], &["1x", "2x"]),
        (70, r"\d+", "$0", &["a1b", "c3", "z2"], &["1", "3", "2"]),
        (71, r"^v(\d+)$", "$$", &["v1", "v2"], &["$", "$"]),
        (
            72,
            r"^app-(?P<v>\d+\.\d+)$",
            "$v.0",
            &["app-1.9", "app-1.10"],
            &["1.9.0", "1.10.0"],
        ),
        (
            73,
            r"^app-(?P<v>\d+\.\d+)$",
            "$v0",
            &["app-1.9", "app-1.10"],
            &["", ""],
        ),
        (
            74,
            r"^(?P<ts>\d{8})-(?P<tm>\d{6})-",
            "$ts$tm",
            &["20260528-153652-a", "20260530-101500-d"],
            &["20260528153652", "20260530101500"],
        ),
        (
            75,
            r"^(?P<ts>\d{8}-\d{6})-",
            "$ts",
            &["20260528-153652-a"],
            &["20260528-153652"],
        ),
        (
            76,
            r"^main-([a-f0-9]+)-(?P<ts>\d+)$",
            "$ts",
            &["main-aaa-100", "main-ccc-99"],
            &["100", "99"],
        ),
        (77, "(a|ab)(c|bcd)(d*)", "$1-$2-$3", &["abcd"], &["a-bcd-"]),
        (
            78,
            "rc",
            "",
            &["1.0-rc1", "prc", "zzz"],
            &["1.0-rc1", "prc"],
        ),
        (79, "(?i)^rc", "", &["RC1", "rc9", "zz"], &["RC1", "rc9"]),
    ] {
        assert_eq!(values(source, template, tags), expected, "row {row}");
    }
}

#[test]
fn row_080_patterns_no_policy_can_have() {
    for source in ["^(?!dev)", r"(a)\1", "[=", "^test-(.*"] {
        assert!(
            error(source).starts_with("error parsing regexp: "),
            "{source:?}"
        );
    }
}

#[test]
fn names_are_read_as_long_as_possible() {
    for (template, value) in [
        ("$01", ""),
        ("${01}", ""),
        ("$0", "v7é"),
        ("$00", ""),
        ("$1x", ""),
        ("${1}x", "7x"),
        ("$10", ""),
        ("$n.$n", "7.7"),
        ("$n_", ""),
        ("$é", ""),
        ("$ключ-", "-"),
        ("$1é", ""),
        ("$٣", ""),
        ("$ª", ""),
        ("$1日", ""),
        ("$1ⅷ", "7ⅷ"),
        ("$1²", "7²"),
        ("$$1", "$1"),
        ("$$$1", "$7"),
        (r"\$1", r"\7"),
        ("%1", "%1"),
        ("$999999999999999999999", ""),
    ] {
        assert_eq!(
            expand(r"v(?P<n>\d+)é", template, "v7é").as_deref(),
            Some(value),
            "{template:?}"
        );
    }
}

#[test]
fn a_malformed_dollar_stands_for_itself() {
    for (template, value, position) in [
        ("$", "$", Some(0)),
        ("a$", "a$", Some(1)),
        ("$-", "$-", Some(0)),
        ("${", "${", Some(0)),
        ("${}", "${}", Some(0)),
        ("${1", "${1", Some(0)),
        ("${1 }", "${1 }", Some(0)),
        ("${a-b}", "${a-b}", Some(0)),
        ("$(1)", "$(1)", Some(0)),
        ("${$1}", "${7}", Some(0)),
        ("$1$", "7$", Some(2)),
        ("$1$$", "7$", None),
        ("$$${n", "$${n", Some(2)),
        ("é${n", "é${n", Some(2)),
        ("$1", "7", None),
        ("", "v7", None),
    ] {
        assert_eq!(
            expand(r"v(\d+)", template, "v7").as_deref(),
            Some(value),
            "{template:?}"
        );
        assert_eq!(
            Extract::parse(template).malformed(),
            position,
            "{template:?}"
        );
    }
}

#[test]
fn of_groups_with_one_name_the_first_that_took_part_counts() {
    for (source, template, text, value) in [
        ("(?P<n>a)|(?P<n>b)", "$n", "b", "b"),
        ("(?P<n>a)(?P<n>b)", "$n-$2", "ab", "a-b"),
        ("(?P<n>a?)(?P<n>b)", "[$n]", "b", "[]"),
        ("(?P<01>x)", "$01${01}$1", "x", "xxx"),
        ("(?P<2>x)(y)", "$2", "xy", "y"),
        ("(?P<1000000000>x)", "$1000000000|$999999999", "x", "x|"),
    ] {
        assert_eq!(
            expand(source, template, text).as_deref(),
            Some(value),
            "{source:?}"
        );
    }
}

#[test]
fn an_empty_template_stands_for_the_whole_text() {
    assert_eq!(expand(r"\d", "", "a1b").as_deref(), Some("a1b"));
    assert_eq!(expand(r"\d", "", "ab"), None);
}

#[test]
fn expanding_appends_and_leaves_the_output_alone_without_a_match() {
    let pattern = pattern(r"\d+");
    let extract = Extract::parse("<$0>");
    let mut out = "x".to_owned();
    assert!(extract.expand(&pattern, "a1b22", &mut out));
    assert!(!extract.expand(&pattern, "ab", &mut out));
    assert_eq!(out, "x<1>");
    assert_eq!(extract.source(), "<$0>");
}

#[test]
fn references_come_in_order_with_their_places() {
    let extract = Extract::parse("é$ts.${1}$$n${minor}$10$ts");
    let references: Vec<_> = extract
        .references()
        .map(|r| (r.group, r.position))
        .collect();
    assert_eq!(
        references,
        [
            (Group::Name("ts"), 2),
            (Group::Number(1), 6),
            (Group::Name("minor"), 13),
            (Group::Number(10), 21),
            (Group::Name("ts"), 24),
        ]
    );
}

#[test]
fn patterns_with_many_groups_expand_too() {
    let source = "(.)".repeat(100);
    let text: String = ('\u{100}'..='\u{163}').collect();
    let value = expand(&source, "$1$33$100", &text);
    assert_eq!(value.as_deref(), Some("\u{100}\u{120}\u{163}"));
}
