//! An edit changes the marked scalars and nothing else, whatever the file.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Values that policies could hold, and some that none should.
fn values() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(vec![
        "1.10",
        "1e3",
        "0755",
        "yes",
        "null",
        "~",
        "2024-01-01",
        "12e4567",
        ".5",
        "+1",
        "0o17",
        "0x1F",
        "1_000",
        "1:20",
        "=",
        "<<",
        "a: b",
        "a #b",
        " a",
        "a ",
        "",
        "a,b",
        "[a]",
        "{a}",
        "- a",
        "---",
        "a\nb",
        "a\tb",
        "'a'",
        "\"a\\",
        "é😀",
        "\u{7f}",
        "\u{feff}a",
        "@a",
        "%a",
        "a:",
        "?",
        "...",
        "\u{2028}",
        "tag: x # y",
    ]);
    prop_oneof![
        3 => "[a-z0-9][a-z0-9.-]{0,12}".prop_map(String::from),
        2 => awkward.prop_map(String::from),
        1 => "\\PC{0,8}".prop_map(String::from),
        1 => any::<String>(),
    ]
}

fn policies() -> impl Strategy<Value = Wanted> {
    (values(), values(), prop::option::of(values())).prop_map(|(name, tag, digest)| Wanted {
        namespace: "ns".into(),
        policies: [(
            "p".to_owned(),
            Policy::Latest(LatestRef { name, tag, digest }),
        )]
        .into(),
        ..Wanted::default()
    })
}

/// Scalars as they can be written at an indentation of two; `old` marks those that may be edited.
fn scalars() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "old",
        "old:1",
        "'old'",
        "\"old\\n\"",
        "&a old",
        "!!str old",
        "!t 'old'",
        "old\n          more",
        "'old\n\n          more'",
        "|\n          old\n          more",
        ">-\n          old\n\n          more\n",
        "|2+\n          old\n\n",
        "|\n\n          old",
        "1",
        "1.5",
        "true",
        "~",
        "2024-01-01",
        "\"\"",
        "''",
        "",
        "*x",
        "[old, b]",
        "{a: old}",
        "[\n          old, M\n          b]",
        "{a:\n          old M\n          }",
    ])
}

fn comments() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        " M",
        " M:tag",
        " M:name",
        " M:digest",
        "  # note",
        " M x",
        "\tM",
    ])
}

/// Lines of a block mapping or sequence; markers above and behind.
fn lines() -> impl Strategy<Value = String> {
    let above = prop::sample::select(vec!["", "  M\n", "  # note\n", "\n", "  M\n\n"]);
    (
        prop::sample::select(vec!["k", "l", "name"]),
        above,
        scalars(),
        comments(),
        any::<[bool; 2]>(),
    )
        .prop_map(|(key, above, scalar, comment, [item, nested])| {
            let scalar = match scalar.split_once('\n') {
                Some((first, rest)) if first.starts_with(['|', '>']) => {
                    format!("{first}{comment}\n{rest}")
                }
                _ => format!("{scalar}{comment}"),
            };
            match (item, nested) {
                (true, false) => format!("{above}  - {scalar}\n"),
                (true, true) => format!("{above}  - {key}: {scalar}\n"),
                (false, _) => format!("{above}  - {key}:\n      {key}: {scalar}\n"),
            }
        })
}

fn documents() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec![
        "x: &x y\nl:\n",
        "---\nx: &x y\nl:\n",
        "x: &x {{ .y }}\nl:\n",
        "\u{feff}x: &x y\nl:\n",
    ]);
    let document = (head, prop::collection::vec(lines(), 1..6))
        .prop_map(|(head, lines)| head.to_owned() + &lines.concat());
    (
        prop::collection::vec(document, 1..3),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(documents, crlf, trim)| {
            let text = marked(&documents.join("---\n"));
            let text = if trim {
                text.trim_end().to_owned()
            } else {
                text
            };
            if crlf {
                text.replace('\n', "\r\n")
            } else {
                text
            }
        })
}

/// Text with bytes inserted, removed or replaced.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let snippet = prop::sample::select(vec![
        "\n", " ", "  ", ":", "- ", "#", " #", "\"", "'", "{", "}", "[", "]", ",", "|", ">", "&a ",
        "*a", "!t ", "---\n", "...\n", "%", "\t", "\r", "\u{feff}", "M\n", "é", "? ", "\0",
        "\u{85}",
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, snippet), 0..5);
    (documents(), edits, any::<bool>()).prop_map(|(text, edits, raw)| {
        let mut bytes = text.into_bytes();
        for (at, removed, snippet) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, marked(snippet).into_bytes());
        }
        if raw {
            bytes
        } else {
            String::from_utf8_lossy(&bytes).into_owned().into_bytes()
        }
    })
}

/// Fragments of YAML in any order.
fn heaps() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "\n",
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "x M",
        " M\n",
        "\nM\n",
        "\n  M\n",
        "'x' M",
        "\"x\"",
        "|\n  x\n",
        "> M\n  x\n",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ",",
        "&a ",
        "*a",
        "!!int ",
        "!t ",
        "---\n",
        "...\n",
        "# c\n",
        "\r",
        "\t",
        "\u{feff}",
        "name: n\n",
        "{{ .x }}",
        "images:\n",
        "- newTag: x M\n",
        "1.5",
        "M:tag",
        "kind: List\nitems:\n",
    ]);
    prop::collection::vec(fragment, 1..25).prop_map(|fragments| marked(&fragments.concat()))
}

/// The stretches of a file that no edit covers.
fn untouched<'s>(source: &'s [u8], edits: &[Edit]) -> Vec<&'s [u8]> {
    let mut at = 0;
    let mut kept = Vec::new();
    for splice in edits.iter().flat_map(|edit| &edit.splices) {
        kept.push(&source[at..splice.span.start]);
        at = splice.span.end;
    }
    kept.push(&source[at..]);
    kept
}

/// Checks the laws for any bytes; returns the file after the edits.
fn laws(source: &[u8], wanted: &Wanted) -> (Vec<u8>, FilePlan) {
    let found = scan(source);
    let planned = plan("f.yaml", &found, wanted);
    let result = apply(source, &planned.edits)
        .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(source)));
    let kept = untouched(source, &planned.edits);
    let texts: Vec<&[u8]> = planned
        .edits
        .iter()
        .flat_map(|edit| &edit.splices)
        .map(|splice| splice.text.as_bytes())
        .collect();
    let mut rebuilt = Vec::new();
    for (index, stretch) in kept.iter().enumerate() {
        rebuilt.extend_from_slice(stretch);
        rebuilt.extend_from_slice(texts.get(index).copied().unwrap_or_default());
    }
    assert_eq!(rebuilt, result);
    let again = scan(&result);
    assert_eq!(again.sites.len(), found.sites.len());
    for resolved in &planned.resolved {
        assert_eq!(*again.sites[resolved.site].value, *resolved.value);
        assert_eq!(
            again.sites[resolved.site].setter,
            found.sites[resolved.site].setter
        );
    }
    assert_eq!(
        plan("f.yaml", &again, wanted).edits,
        [],
        "a second run has nothing to do"
    );
    (result, planned)
}

/// What another parser reads.
fn read(source: &[u8]) -> Option<Vec<Value>> {
    serde_saphyr::from_multiple(std::str::from_utf8(source).ok()?).ok()
}

/// Whether two readings differ in nothing but strings that were wanted.
fn differ_only_in(before: &Value, after: &Value, wanted: &[&str]) -> bool {
    match (before, after) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| differ_only_in(a, b, wanted))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((k, a), (l, b))| k == l && differ_only_in(a, b, wanted))
        }
        (a, b) => a == b || b.as_str().is_some_and(|text| wanted.contains(&text)),
    }
}

proptest! {
    #[test]
    fn edits_touch_marked_scalars_only(source in documents(), wanted in policies()) {
        let (result, planned) = laws(source.as_bytes(), &wanted);
        if let Some(before) = read(source.as_bytes()) {
            let after = read(&result).expect("another parser reads the result");
            let values: Vec<&str> = planned.edits.iter().map(|edit| edit.value.as_str()).collect();
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(differ_only_in(before, after, &values), "{} {}", before, after);
            }
        }
    }

    #[test]
    fn edits_of_damaged_files_touch_marked_scalars_only(source in mutated(), wanted in policies()) {
        laws(&source, &wanted);
    }

    #[test]
    fn heaps_of_fragments_are_survived(source in heaps(), wanted in policies()) {
        laws(source.as_bytes(), &wanted);
    }

    #[test]
    fn any_bytes_are_survived(source in prop::collection::vec(any::<u8>(), 0..40), wanted in policies()) {
        let marked = marked("a: x M\n");
        laws(&[source.as_slice(), b"\n", marked.as_bytes()].concat(), &wanted);
        laws(&[marked.as_bytes(), source.as_slice()].concat(), &wanted);
    }

    #[test]
    fn scalars_read_back_as_the_string(value in values(), flow in any::<bool>()) {
        let context = if flow { Context::Flow } else { Context::Block };
        for text in [quote::plain(&value, context), quote::single(&value), quote::double(&value)] {
            let source = if flow { format!("a: [{text}, b]\n") } else { format!("a: {text}\n") };
            let read: Value = serde_saphyr::from_str(&source).expect("YAML");
            let read = if flow { &read["a"][0] } else { &read["a"] };
            prop_assert_eq!(read.as_str(), Some(value.as_str()), "{}", source);
        }
    }
}
