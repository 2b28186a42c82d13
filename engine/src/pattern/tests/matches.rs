//! Finding, splitting and replacing, above all with empty matches.

use super::pattern;
use crate::pattern::{Extract, quote_meta};

#[test]
fn every_match_is_found_by_the_rules_for_empty_ones() {
    for (source, text, all) in [
        ("a*", "baaac", &["", "aaa", ""][..]),
        ("a*", "", &[""]),
        ("", "日本", &["", "", ""]),
        ("a|", "ab", &["a", ""]),
        ("b*", "abb日b", &["", "bb", "b"]),
        (r"\b", "ab cd", &["", "", "", ""]),
        ("(?m)^", "a\nb\n", &["", "", ""]),
        ("z", "abc", &[]),
        ("x*", "xax", &["x", "x"]),
        ("a?", "aab", &["a", "a", ""]),
        ("(a|ab)(c|bcd)", "abcd", &["abcd"]),
    ] {
        let pattern = pattern(source);
        assert_eq!(pattern.find_all(text, None), all, "{source:?} in {text:?}");
        assert_eq!(
            pattern.find(text),
            all.first().copied(),
            "{source:?} in {text:?}"
        );
        for limit in 0..3 {
            let expected = &all[..limit.min(all.len())];
            assert_eq!(
                pattern.find_all(text, Some(limit)),
                expected,
                "{source:?} in {text:?}"
            );
        }
    }
}

#[test]
fn splitting_keeps_what_stands_between() {
    for (source, text, limit, parts) in [
        (",", "a,b,,c,", None, &["a", "b", "", "c", ""][..]),
        (",", "a,b,,c,", Some(2), &["a", "b,,c,"]),
        (",", "a,b,,c,", Some(1), &["a,b,,c,"]),
        (",", "a,b,,c,", Some(0), &[]),
        ("a*", "baaac", None, &["b", "c"]),
        ("a*", "baaac", Some(1), &["baaac"]),
        ("a*", "", None, &[""]),
        ("", "", None, &[]),
        ("", "日本", None, &["日", "本"]),
        ("a|", "ab", None, &["", "b"]),
        ("b*", "abb日b", None, &["a", "日", ""]),
        (r"\b", "ab cd", Some(2), &["ab", " cd"]),
        ("$", "ab", None, &["ab"]),
        ("a", "banana", Some(2), &["b", "nana"]),
        ("a?", "aab", None, &["", "", "b"]),
        ("z", "abc", None, &["abc"]),
    ] {
        let split = pattern(source).split(text, limit);
        assert_eq!(split, parts, "{source:?} in {text:?}, {limit:?}");
    }
}

#[test]
fn replacing_skips_empty_matches_behind_a_match() {
    for (source, text, replaced) in [
        ("a*", "baaac", "<>b<aaa>c<>"),
        ("", "日本", "<>日<>本<>"),
        ("a|", "ab", "<a>b<>"),
        ("b*", "abb日b", "<>a<bb>日<b>"),
        ("$", "ab", "ab<>"),
        ("", "", "<>"),
        ("z", "abc", "abc"),
    ] {
        let pattern = pattern(source);
        let template = Extract::parse("<$0>");
        assert_eq!(
            pattern.replace_all(text, &template),
            replaced,
            "{source:?} in {text:?}"
        );
        let literal = pattern.replace_all_literal(text, "<$0>");
        assert_eq!(
            literal.matches("<$0>").count(),
            replaced.matches('<').count()
        );
    }
    let swapped = pattern(r"(\w)(\w)").replace_all("abcde", &Extract::parse("$2$1"));
    assert_eq!(swapped, "badce");
    assert_eq!(pattern("b+").replace_all("abbc", &Extract::parse("")), "ac");
}

#[test]
fn groups_hold_what_they_matched_last() {
    for (source, template, text, value) in [
        ("(?:(a)|b)*", "[$1]", "ab", "[a]"),
        ("(a*)*", "[$1]", "aa", "[aa]"),
        ("(a*)+", "[$1]", "b", "[]"),
        ("(|a)*", "[$0][$1]", "aa", "[][]"),
        ("(|a)+", "[$0][$1]", "aa", "[][]"),
        ("(a|b)*?c", "$1", "abc", "b"),
    ] {
        assert_eq!(
            super::expand(source, template, text).as_deref(),
            Some(value),
            "{source:?}"
        );
    }
}

#[test]
fn a_boundary_is_never_seen_within_a_character() {
    for (source, text, found) in [
        (r"\B|.ſ", "sſ7", Some("sſ")),
        (r"(?:(?:\B|[^a-c](?:^)?){2})+", "Séb\nc", Some("Sé")),
        (r"\B", "éa", Some("")),
        (r"\B", "aéa", None),
    ] {
        let pattern = pattern(source);
        assert_eq!(pattern.find(text), found, "{source:?} in {text:?}");
        assert_eq!(
            pattern.is_match(text),
            found.is_some(),
            "{source:?} in {text:?}"
        );
    }
}

#[test]
fn quoting_escapes_every_metacharacter() {
    assert_eq!(
        quote_meta(r"a.b*[c]{2}\d^$|(x)?+-é"),
        r"a\.b\*\[c\]\{2\}\\d\^\$\|\(x\)\?\+-é"
    );
}

#[test]
fn a_pattern_keeps_its_source_and_can_be_shared() {
    let pattern = pattern(r"\d+");
    let copy = pattern.clone();
    let found = std::thread::spawn(move || copy.find("a12b").map(str::to_owned))
        .join()
        .unwrap();
    assert_eq!(found.as_deref(), Some("12"));
    assert_eq!(pattern.source(), r"\d+");
    assert_eq!(format!("{pattern:?}"), r#"Pattern("\\d+")"#);
}
