//! What an error says and where it points.

use super::{error, pattern};
use crate::pattern::{Pattern, PatternErrorKind};

#[test]
fn messages_are_those_of_go() {
    for (source, message) in [
        ("(", "missing closing ): `(`"),
        ("^test-(.*", "missing closing ): `^test-(.*`"),
        ("a)b", "unexpected ): `a)b`"),
        ("[", "missing closing ]: `[`"),
        ("x[a-", "missing closing ]: `[a-`"),
        ("[=", "missing closing ]: `[=`"),
        ("[[:alpha:", "missing closing ]: `[[:alpha:`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        (r"[a-\d]", r"invalid escape sequence: `\d`"),
        ("\\", "trailing backslash at end of expression: ``"),
        (r"[a-\", "trailing backslash at end of expression: ``"),
        (r"a\1", r"invalid escape sequence: `\1`"),
        (r"\18", r"invalid escape sequence: `\1`"),
        (r"\é", r"invalid escape sequence: `\é`"),
        (r"\xé1", r"invalid escape sequence: `\xé1`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"\x", r"invalid escape sequence: `\x`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\pé", r"invalid character class range: `\pé`"),
        (r"\p{L", r"invalid character class range: `\p{L`"),
        (r"\p", r"invalid character class range: `\p`"),
        ("|*", "missing argument to repetition operator: `*`"),
        ("(?:*)", "missing argument to repetition operator: `*`"),
        ("{1}?", "missing argument to repetition operator: `{1}?`"),
        ("(?i)+", "missing argument to repetition operator: `+`"),
        ("x*?*", "invalid nested repetition operator: `*?*`"),
        ("x{2}??", "invalid nested repetition operator: `{2}??`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("(((a{10}){10}){10}){2}", "invalid repeat count: `{2}`"),
        ("(?", "invalid or unsupported Perl syntax: `(?`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?--i)", "invalid or unsupported Perl syntax: `(?--`"),
        ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?P<", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?<", "invalid or unsupported Perl syntax: `(?<`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?<n", "invalid named capture: `(?<n`"),
        ("(?P<>x)", "invalid named capture: `(?P<>`"),
        ("(?P<é>x)", "invalid named capture: `(?P<é>`"),
        ("(?<=a)b", "invalid named capture: `(?<=a)b`"),
    ] {
        assert_eq!(
            error(source),
            format!("error parsing regexp: {message}"),
            "{source:?}"
        );
    }
}

#[test]
fn the_place_and_the_reason_say_more_than_go() {
    for (source, position, underlined, reason) in [
        (
            r"^main-(?!rc)(?P<n>\d+)$",
            6,
            "(?!",
            "look-ahead is not supported",
        ),
        ("é(?=a)", 2, "(?=", "look-ahead is not supported"),
        ("(?<!a)b", 0, "(?<!a)b", "look-behind is not supported"),
        (r"(a)\1", 3, r"\1", "back-references are not supported"),
        (r"\k<a>", 0, r"\k", "back-references are not supported"),
        ("(?P=n)", 0, "(?P", "back-references are not supported"),
        ("xa++", 2, "++", "possessive repetition is not supported"),
        ("a{2}+", 1, "{2}+", "possessive repetition is not supported"),
        ("a**", 1, "**", "invalid nested repetition operator `**`"),
        ("x(?>a)", 1, "(?>", "atomic groups are not supported"),
        ("(?R)", 0, "(?R", "recursion is not supported"),
        ("a(b(c", 3, "(", "missing closing )"),
        ("a(b(c)", 1, "(", "missing closing )"),
        ("ab)", 2, ")", "unexpected )"),
        ("ab[c", 2, "[c", "missing closing ]"),
        ("[b-a]", 1, "b-a", "invalid character class range `b-a`"),
        ("ab\\", 2, "\\", "trailing backslash at end of expression"),
        (r"ab\Z", 2, r"\Z", r"\Z is not supported"),
        (r"a{1001}", 1, "{1001}", "invalid repeat count `{1001}`"),
    ] {
        let error = Pattern::new(source).unwrap_err();
        assert_eq!(error.position(), position, "{source:?}");
        assert_eq!(&source[error.span()], underlined, "{source:?}");
        assert_eq!(error.reason(), reason, "{source:?}");
    }
}

#[test]
fn people_count_characters_from_one() {
    for (source, column) in [(r"^main-(?!rc)", 7), ("é(?=a)", 2), ("(", 1)] {
        assert_eq!(
            Pattern::new(source).unwrap_err().column(source),
            column,
            "{source:?}"
        );
    }
}

#[test]
fn constructs_of_other_languages_come_with_a_way_out() {
    for source in [
        "(?!a)", "(?<=a)b", r"(a)\1", "a++", "(?>a)", "(?#c)", "(?x)a", r"\u0041", r"\C",
    ] {
        let error = Pattern::new(source).unwrap_err();
        assert!(
            error.hint().is_some_and(|hint| !hint.is_empty()),
            "{source:?}"
        );
    }
    assert_eq!(Pattern::new("(a").unwrap_err().hint(), None);
}

#[test]
fn the_kind_tells_errors_apart() {
    for (source, kind, expression) in [
        ("a(", PatternErrorKind::MissingParenthesis, "a("),
        ("a[b", PatternErrorKind::MissingBracket, "[b"),
        ("a(?!b)", PatternErrorKind::PerlSyntax, "(?!"),
    ] {
        let error = Pattern::new(source).unwrap_err();
        assert_eq!((error.kind(), error.expression()), (kind, expression));
    }
}

#[test]
fn a_pattern_may_nest_a_thousand_levels() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, inner, close, deepest) in [
        ("(", "a", ")", 999),
        ("(", "a", "b)", 500),
        ("(?:", "a", ")*", 999),
        ("(?:", "a", "\\d)*", 499),
        ("(", "a", "|\\d\\d)", 499),
        ("(", "a", "|[0-9])", 500),
        ("(?:x|", "a", ")+", 500),
        ("(?:", "", ")*", 999),
    ] {
        let text = format!("a{}", "b".repeat(deepest));
        let deep = pattern(&nested(open, inner, close, deepest));
        assert!(deep.is_match(&text), "{open}{close}");
        let deeper = Pattern::new(&nested(open, inner, close, deepest + 1)).unwrap_err();
        assert_eq!(
            deeper.kind(),
            PatternErrorKind::NestingDepth,
            "{open}{close}"
        );
        assert!(
            deeper
                .to_string()
                .starts_with("error parsing regexp: expression nests too deeply: `(")
        );
    }
}

#[test]
fn a_pattern_that_would_take_too_much_memory_is_refused() {
    for source in [
        r"\pL{1000}".to_owned(),
        "[^a]".repeat(60_000),
        r"\pL".repeat(80_000),
        "(?i)[\u{0}-\u{ffff}]".repeat(300),
        "a".repeat(300_000),
    ] {
        let error = Pattern::new(&source).unwrap_err();
        assert_eq!(error.kind(), PatternErrorKind::TooLarge);
        assert_eq!(
            error.reason(),
            "the compiled pattern would take more than 16 MiB"
        );
        assert!(
            error
                .to_string()
                .starts_with("error parsing regexp: expression too large: `")
        );
    }
    assert!(pattern(r"\pL{255}").is_match(&"é".repeat(255)));
}

#[test]
fn classes_that_never_end_are_read_once() {
    let error = Pattern::new(&format!("[{}", "[:".repeat(130_000))).unwrap_err();
    assert_eq!(error.kind(), PatternErrorKind::MissingBracket);
    assert_eq!(error.position(), 0);
}

#[test]
fn endless_open_groups_are_refused_at_once() {
    let error = Pattern::new(&"(?:".repeat(80_000)).unwrap_err();
    assert_eq!(error.kind(), PatternErrorKind::NestingDepth);
}
