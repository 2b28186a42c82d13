//! Laws that hold for any pattern, template and text.

use proptest::prelude::*;

use super::pattern;
use crate::pattern::{Extract, Group, Pattern, quote_meta};

/// Patterns that Go and the `regex` crate read alike.
fn plain_pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-c1.-]".prop_map(|c| quote_meta(&c)),
        Just("[a-b]".to_owned()),
        Just("[^a]".to_owned()),
        Just("(?-u:\\d)".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
        Just(String::new()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            inner.clone().prop_map(|a| format!("({a})")),
            (inner, "\\*|\\+|\\?|\\*\\?|\\{2\\}|\\{1,3\\}")
                .prop_map(|(a, operator)| format!("(?:{a}){operator}")),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_a_pattern_or_an_error_with_a_place(
        source in prop_oneof![
            "\\PC{0,20}",
            "[a\\[\\]\\\\(){}?*+|^$:<>=!PQEdpxi0-9,.&~-]{0,24}",
        ],
        text in "\\PC{0,10}",
    ) {
        match Pattern::new(&source) {
            Ok(pattern) => {
                prop_assert_eq!(pattern.source(), &source);
                prop_assert_eq!(pattern.is_match(&text), pattern.find(&text).is_some());
            }
            Err(error) => {
                prop_assert!(source.get(error.span()).is_some());
                prop_assert!(error.column(&source) <= source.chars().count() + 1);
                prop_assert!(error.to_string().starts_with("error parsing regexp: "));
            }
        }
    }

    #[test]
    fn plain_patterns_match_as_in_the_regex_crate(
        source in plain_pattern(),
        texts in proptest::collection::vec("[a-c1.-]{0,8}", 4),
    ) {
        let source_for_go = source.replace("(?-u:\\d)", "\\d");
        let reference = regex::Regex::new(&source).unwrap();
        let pattern = pattern(&source_for_go);
        for text in &texts {
            let captures = reference.captures(text);
            let mut out = String::new();
            let extract = Extract::parse("$0|$1|$2|$3");
            prop_assert_eq!(extract.expand(&pattern, text, &mut out), captures.is_some());
            if let Some(captures) = captures {
                let group = |i| captures.get(i).map_or("", |m: regex::Match<'_>| m.as_str());
                prop_assert_eq!(out, format!("{}|{}|{}|{}", group(0), group(1), group(2), group(3)));
            }
        }
    }

    #[test]
    fn quoted_text_matches_itself_only(text in "\\PC{0,12}", other in "\\PC{0,12}") {
        let pattern = pattern(&format!("^{}$", quote_meta(&text)));
        prop_assert!(pattern.is_match(&text));
        prop_assert_eq!(pattern.is_match(&other), text == other);
    }

    #[test]
    fn templates_without_dollars_are_literal(template in "[^$]{1,12}", text in "\\PC{0,8}") {
        let mut out = String::new();
        prop_assert!(Extract::parse(&template).expand(&pattern(""), &text, &mut out));
        prop_assert_eq!(out, template);
    }

    #[test]
    fn doubled_dollars_give_back_any_text(text in "[a$1{}n]{1,12}") {
        let template = text.replace('$', "$$");
        let extract = Extract::parse(&template);
        prop_assert_eq!(extract.references().count(), 0);
        prop_assert_eq!(extract.malformed(), None);
        let mut out = String::new();
        prop_assert!(extract.expand(&pattern("x"), "x", &mut out));
        prop_assert_eq!(out, text);
    }

    #[test]
    fn the_whole_match_is_what_find_finds(source in plain_pattern(), text in "[a-c1.-]{0,8}") {
        let pattern = pattern(&source.replace("(?-u:\\d)", "\\d"));
        let mut out = String::new();
        let matched = Extract::parse("$0").expand(&pattern, &text, &mut out);
        prop_assert_eq!(matched.then_some(out.as_str()), pattern.find(&text));
        let first = pattern.find_all(&text, Some(1));
        prop_assert_eq!(first.first().copied(), pattern.find(&text));
        prop_assert_eq!(pattern.replace_all(&text, &Extract::parse("$0")), text);
    }

    #[test]
    fn every_dollar_of_a_template_is_accounted_for(template in "[$a1{}é_-]{0,16}") {
        let extract = Extract::parse(&template);
        for reference in extract.references() {
            let after = &template[reference.position..];
            prop_assert!(after.starts_with('$'));
            let written = match reference.group {
                Group::Number(number) => number.to_string(),
                Group::Name(name) => name.to_owned(),
            };
            let name = after[1..].trim_start_matches('{');
            prop_assert!(name.starts_with(&written));
        }
        if let Some(position) = extract.malformed() {
            prop_assert!(template[position..].starts_with('$'));
        }
    }

    #[test]
    fn splitting_leaves_out_the_matches_only(text in "[ab,]{0,12}") {
        let pattern = pattern(",");
        prop_assert_eq!(pattern.split(&text, None).join(","), text);
    }
}
