//! Where Go and Rust's `regex` crate read the same text differently.

use super::{error, expand, pattern};

/// Checks which of the texts a pattern matches.
fn check(source: &str, matching: &[&str], other: &[&str]) {
    let pattern = pattern(source);
    for text in matching {
        assert!(pattern.is_match(text), "{source:?} has to match {text:?}");
    }
    for text in other {
        assert!(
            !pattern.is_match(text),
            "{source:?} must not match {text:?}"
        );
    }
}

#[test]
fn set_operators_are_characters_of_a_class() {
    check("^[a&&b]$", &["a", "b", "&"], &["", "c"]);
    check("^[~~]$", &["~"], &["a"]);
    check("^[+--]$", &["+", ",", "-"], &[".", "*"]);
    check("^[a||b]$", &["|", "a", "b"], &["c"]);
    check("^[a-z&&[^b]]$", &["&]", "[]", "^]", "b]"], &["a", "]"]);
}

#[test]
fn a_bracket_in_a_class_is_a_character() {
    check("^[[a]$", &["[", "a"], &["b", "]"]);
    check("^[a[b]$", &["a", "[", "b"], &["c"]);
    check("^[]a]$", &["]", "a"], &["["]);
    check("^[^]a]$", &["[", "b", "\n"], &["]", "a"]);
    check("^[[.a.]]$", &["[]", ".]", "a]"], &["a", "]"]);
}

#[test]
fn quoting_takes_everything_as_it_stands() {
    check(r"^\Qv1.0\E$", &["v1.0"], &["v1x0"]);
    check(r"^\Qa.b", &["a.b"], &["axb"]);
    check(r"^\Qa\b\E*$", &[r"a\b", r"a\", r"a\bb"], &["a"]);
    check(r"^a\Q\E*$", &["", "aa"], &["b"]);
    check(r"^\Q(\\E$", &[r"(\"], &["("]);
}

#[test]
fn braces_without_a_count_are_literal() {
    check("^a{,2}$", &["a{,2}"], &["a", "aa", ""]);
    check("^x{$", &["x{"], &["x"]);
    check("^{$", &["{"], &[""]);
    check("^a{01}$", &["a{01}"], &["a"]);
    check("^a{1,$", &["a{1,"], &["a"]);
    check("^a{-1}$", &["a{-1}"], &["a"]);
    check("^a{0}b{2,}?$", &["bb", "bbb"], &["ab", "b"]);
}

#[test]
fn numbers_in_escapes_are_octal_or_hexadecimal() {
    check(r"^\101$", &["A"], &["101"]);
    check(r"^\08$", &["\u{0}8"], &["8"]);
    check(r"^\777$", &["\u{1ff}"], &[]);
    check(r"^\x41\x{e9}\x{000041}$", &["AéA"], &["Aé"]);
    check(r"^[\0-\x20]$", &["\t", "\u{0}"], &["!"]);
}

#[test]
fn escaped_punctuation_is_itself() {
    check(r"\<a", &["<a"], &["a"]);
    check(r"^\b{start}$", &[], &["start", "{start}"]);
    check(r"a\b{start}", &["a{start}"], &["a start"]);
    check(r"^\-\_\&\~\#\ \@$", &["-_&~# @"], &[]);
}

#[test]
fn a_class_before_a_hyphen_does_not_begin_a_range() {
    check(r"^[\d-z]$", &["1", "-", "z"], &["a"]);
    check("^[[:word:]-]$", &["a", "-"], &["."]);
    check("^[a-c-e]$", &["b", "-", "e"], &["d"]);
    check("^[a-]$", &["a", "-"], &["b"]);
}

#[test]
fn group_names_may_repeat_and_begin_with_digits() {
    let pattern = pattern("(?P<n>a)(?<n>b)(c)(?P<1a>d)");
    let names: Vec<_> = pattern.group_names().collect();
    assert_eq!(names, [None, Some("n"), Some("n"), None, Some("1a")]);
}

#[test]
fn what_only_the_crate_accepts_is_refused() {
    for (source, message) in [
        ("(?P<a.b>x)", "invalid named capture: `(?P<a.b>`"),
        ("(?P<a[0]>x)", "invalid named capture: `(?P<a[0]>`"),
        ("(?x) a b", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?R)a", "invalid or unsupported Perl syntax: `(?R`"),
        ("(?u)a", "invalid or unsupported Perl syntax: `(?u`"),
        ("(?-u)a", "invalid or unsupported Perl syntax: `(?-u`"),
        ("a++", "invalid nested repetition operator: `++`"),
        ("a**", "invalid nested repetition operator: `**`"),
        (r"\u0041", r"invalid escape sequence: `\u`"),
        (
            r"\p{Alphabetic}",
            r"invalid character class range: `\p{Alphabetic}`",
        ),
        ("[a--b]", "invalid character class range: `a--`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
    ] {
        assert_eq!(error(source), format!("error parsing regexp: {message}"));
    }
}

#[test]
fn perl_classes_and_boundaries_are_ascii() {
    check(r"^\d$", &["7"], &["٣"]);
    check(r"^\w$", &["a", "_"], &["é"]);
    check(r"^\s$", &[" ", "\t", "\x0c"], &["\u{a0}", "\x0b"]);
    check(r"^\D\W\S$", &["٣éé"], &[]);
    check(r"\bé", &["aé"], &["é", " é"]);
    check(r"é\Bé", &["éé"], &["éa"]);
    check("^[[:space:]]$", &["\x0b", " "], &["\u{a0}"]);
    check("^[[:^digit:]]$", &["a", "٣"], &["1"]);
}

#[test]
fn unicode_classes_are_named_as_in_go() {
    check(r"^\pL\PN$", &["éa", "日-"], &["é1"]);
    check(r"^\p{Greek}\p{^Greek}\P{^Greek}$", &["αaα"], &["aaα"]);
    check(
        r"^\p{gr_e-e k}\p{Uppercase_Letter}\p{lc}$",
        &["αÉe"],
        &["αéé"],
    );
    check(r"^\p{Any}\p{ASCII}\p{Assigned}$", &["日a日"], &["日日a"]);
    check(r"^\p{Cs}$", &[], &["a", "\u{fffd}"]);
    check(r"^\p{Cn}$", &["\u{378}", "\u{ffff}"], &["a"]);
    check(r"^\p{C}$", &["\u{378}", "\u{0}", "\u{e000}"], &["a"]);
    check(r"^\p{Zl}$", &["\u{2028}"], &["\n"]);
    for name in [
        "Old_Italic",
        "SignWriting",
        "Garay",
        "Grek",
        "",
        "^^L",
        "sc=Greek",
        "-",
    ] {
        let message =
            format!(r"error parsing regexp: invalid character class range: `\p{{{name}}}`");
        assert_eq!(error(&format!(r"\p{{{name}}}")), message);
    }
}

#[test]
fn characters_assigned_since_unicode_15_are_not_known() {
    check(r"\p{Cn}", &["\u{1c89}", "\u{10d40}"], &["\u{1e4f0}"]);
    check(r"\p{L}", &["\u{31350}"], &["\u{2ebf0}", "\u{a7cb}"]);
}

#[test]
fn case_does_not_count_under_i() {
    check("^(?i)k$", &["k", "K", "\u{212a}"], &["x"]);
    check("^(?i)É$", &["é", "É"], &["e"]);
    check("^(?i)[a-c]+$", &["aBC"], &["d"]);
    check("^(?i)[^k]$", &["x"], &["k", "K", "\u{212a}"]);
    check(r"^(?i)\w$", &["ſ"], &["é"]);
    check(r"^(?i)\W$", &["é"], &["ſ"]);
    check(r"^(?i)[[:upper:]]\p{Lu}$", &["aa"], &["1a"]);
    check(r"^(?i)\P{Lu}$", &["1"], &["a", "A"]);
    check(
        "^a(?i:b)c(?i)d(?-i)e$",
        &["aBcDe", "abcde"],
        &["Abcde", "abCde", "abcdE"],
    );
    check("^(?i)ab|c$", &["AB", "C"], &["d"]);
}

#[test]
fn other_flags_change_the_dot_anchors_and_greed() {
    check("^.$", &["a", "\r", "日"], &["\n"]);
    check("^(?s:.)$", &["\n"], &[""]);
    check("^b$", &["b"], &["b\n", "a\nb"]);
    check("(?m)^b$", &["a\nb\nc"], &["ab"]);
    check(r"(?m)\Ab\z", &["b"], &["a\nb"]);
    assert_eq!(pattern("(?U)a+").find("aaa"), Some("a"));
    assert_eq!(pattern("(?U)a+?").find("aaa"), Some("aaa"));
    assert_eq!(pattern("(?U:a+)a+").find("aaaa"), Some("aaaa"));
    check("^(?im-sU)$", &[""], &[]);
    check("(?)a", &["a"], &[]);
    check("^(?i)(?:a(?-i)b)c$", &["AbC"], &["ABC"]);
}

#[test]
fn an_operator_may_follow_flags_and_empty_quotes() {
    check("^a(?i)*$", &["", "aa"], &["A"]);
    check("^a*(?i)*$", &["aa"], &["A"]);
    check("^(?:ab)*$", &["abab"], &["aab"]);
    check("^ab*$", &["abb"], &["abab"]);
    check(r"^(?:^*$*)+\b*$", &[""], &["a"]);
}

#[test]
fn surrogates_are_accepted_and_match_nothing() {
    check(r"a\x{D800}|b", &["b"], &["a", "a\u{fffd}"]);
    check(
        r"^[\x{D7FF}-\x{E000}]$",
        &["\u{d7ff}", "\u{e000}"],
        &["\u{fffd}"],
    );
    check(r"^[\x{D800}-\x{DFFF}]$", &[], &["a"]);
    check(r"[^\x{0}-\x{10FFFF}]", &[], &["a", ""]);
}

#[test]
fn groups_keep_their_numbers_when_they_cannot_match() {
    assert_eq!(expand("(a){0}(b)", "$1|$2", "b").as_deref(), Some("|b"));
    assert_eq!(
        expand("((a){1000}){0}(b)", "$1|$2|$3", "b").as_deref(),
        Some("||b")
    );
}
