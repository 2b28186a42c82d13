//! How values are written.

use super::*;

fn block(value: &str) -> String {
    quote::plain(value, Context::Block)
}

#[test]
fn what_readers_take_for_other_types_gets_quotes() {
    let typed = [
        "1",
        "1.10",
        "-1",
        "+1",
        ".5",
        "1.",
        "1e3",
        "1.e3",
        "1E5",
        "1e+5",
        "1e-5",
        "12e4567",
        "1e400",
        "1234567e8",
        "0755",
        "0899",
        "00",
        "007",
        "0x1F",
        "0X1F",
        "0xffffffffffffffffff",
        "0b11",
        "0B11",
        "0o17",
        "0O17",
        "1_000",
        "1_",
        "1__0",
        "1_2.3",
        "1_e3",
        "99999999999999999999999",
        "1:20",
        "10:20:30",
        "-1:20.5",
        "true",
        "True",
        "TRUE",
        "false",
        "yes",
        "Yes",
        "YES",
        "no",
        "on",
        "ON",
        "off",
        "y",
        "Y",
        "n",
        "N",
        "null",
        "Null",
        "NULL",
        "~",
        "=",
        "<<",
        "2024-01-01",
        "2024-1-1",
        "2024-01-01T10:20:30Z",
        "2024-01-01 1:20:30",
        ".inf",
        "-.Inf",
        ".NaN",
        "",
    ];
    for value in typed {
        assert_eq!(block(value), format!("\"{value}\""));
    }
}

#[test]
fn strings_stay_plain() {
    let strings = [
        "2.0.0",
        "main-abc",
        "1-2",
        "1.2e",
        "0o8",
        "0b12",
        "0x",
        "0xg1",
        "inf",
        "nan",
        "_1",
        "1e",
        "e1",
        "yEs",
        "oN",
        "tRue",
        "nUll",
        "t",
        "f",
        "v1",
        "2024-1",
        "2024-01-01T10",
        "2024-01-01-abc",
        "1.2.3",
        "--x",
        "x-",
        "a?b",
        "?x",
        "a:1",
        "ghcr.io/org/app:2.0.0",
        "localhost:5000/a:1",
        "nginx:1.27",
        "sha256:aa",
        "1.2.3+4",
        "a#b",
        "a,b",
        "😀",
        "12:60a",
    ];
    for value in strings {
        assert_eq!(block(value), value);
    }
}

#[test]
fn shapes_that_are_no_plain_scalar_get_quotes() {
    for value in [
        "- a", "-", "? a", ": a", "a: b", "a:", "a #b", "#a", " a", "a ", "&a", "*a", "!a", "|",
        ">", "%a", "@a", "`a", "[a", "{a", "]", "}", ",a", "---", "...", "--- a",
    ] {
        assert_eq!(block(value), format!("\"{value}\""));
    }
    assert_eq!(block("'a"), "\"'a\"");
    assert_eq!(block("\"a"), "\"\\\"a\"");
}

#[test]
fn flow_collections_need_more_quotes() {
    for value in ["a:1", "a,b", "a]b", "a}b", "a?b"] {
        assert_eq!(quote::plain(value, Context::Flow), format!("'{value}'"));
    }
    assert_eq!(quote::plain("2.0.0", Context::Flow), "2.0.0");
    assert_eq!(quote::plain("1.10", Context::Flow), "\"1.10\"");
}

#[test]
fn quotes_escape_what_they_must() {
    assert_eq!(quote::single("it's"), "'it''s'");
    assert_eq!(quote::single("a\nb"), "\"a\\nb\"");
    assert_eq!(
        quote::double("a\"b\\c\t\r\u{1}\u{85}\u{2028}\u{feff}é😀"),
        "\"a\\\"b\\\\c\\t\\r\\x01\\x85\\u2028\\ufeffé😀\""
    );
}

#[test]
fn block_scalars_keep_their_surroundings() {
    check(&[
        (
            "last in a file without final newline",
            "a: | M\n  x",
            "a: |- M\n  NEW",
            &[],
        ),
        (
            "blank lines behind",
            "a: |+ M\n  x\n  \n\nb: c\n",
            "a: |- M\n  NEW\n  \n\nb: c\n",
            &[],
        ),
        (
            "indentation indicator",
            "a: |4- M\n      x\n",
            "a: |- M\n      NEW\n",
            &[],
        ),
        (
            "anchor and tag",
            "a: &b !!str > M\n  x\n  y\nc: d\n",
            "a: &b !!str >- M\n  NEW\nc: d\n",
            &[],
        ),
        (
            "CRLF",
            "a: | M\r\n  x\r\n  y\r\nb: c\r\n",
            "a: |- M\r\n  NEW\r\nb: c\r\n",
            &[],
        ),
        (
            "list of lists",
            "a:\n- - | M\n    x\n  - b\n",
            "a:\n- - |- M\n    NEW\n  - b\n",
            &[],
        ),
        (
            "text like a header",
            "a: | M | > x\n",
            "",
            &["1: text around the marker"],
        ),
    ]);
}

#[test]
fn values_that_fit_no_block_are_quoted_in_place_of_the_header() {
    let source = marked("a: | M\n  x\n  y\nb: c\n");
    for (tag, written) in [(" a", "\" a\""), ("a\nb", "\"a\\nb\""), ("", "\"\"")] {
        let policies = [("p".to_owned(), latest(tag, "", None))].into();
        let wanted = Wanted {
            namespace: "ns".into(),
            policies,
            ..Wanted::default()
        };
        let source = source.replace("ns:p", "ns:p:name");
        let plan = plan("f.yaml", &scan(source.as_bytes()), &wanted);
        let result = String::from_utf8(apply(source.as_bytes(), &plan.edits).unwrap()).unwrap();
        assert_eq!(
            result,
            source.replace('|', written).replace("\n  x\n  y", "")
        );
    }
}
