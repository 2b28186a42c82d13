//! What is reported, where, and with which next step.

use super::*;

fn faults(source: &[u8]) -> Vec<(usize, usize, FaultKind)> {
    scan(source)
        .faults
        .into_iter()
        .map(|fault| (fault.line, fault.column, fault.kind))
        .collect()
}

#[test]
fn faults_carry_line_and_column_of_the_comment() {
    let source = marked("a: 1\n\nü:\n  # about\n  M\n  b: x\nc: M\n");
    assert_eq!(
        faults(source.as_bytes()),
        [(5, 3, FaultKind::OwnLine), (7, 4, FaultKind::EmptyValue)]
    );
    let crlf = source.replace('\n', "\r\n");
    assert_eq!(faults(crlf.as_bytes()), faults(source.as_bytes()));
    let marked_first = marked("\u{feff}M\na: b\n");
    assert_eq!(
        faults(marked_first.as_bytes()),
        [(1, 1, FaultKind::OwnLine)]
    );
}

#[test]
fn invalid_utf8_disables_the_file_with_its_line() {
    let mut source = marked("image: x:1 M\n").into_bytes();
    source.extend(b"b: \xff\n");
    let scan = scan(&source);
    assert!(scan.sites.is_empty() && scan.faults[0].disables_file());
    assert_eq!(faults(&source), [(2, 4, FaultKind::NotUtf8)]);
}

#[test]
fn a_file_that_never_mentions_a_marker_is_not_even_parsed() {
    assert_eq!(scan(b"{{- if x }}\n\xff"), FileScan::default());
}

#[test]
fn syntax_errors_disable_the_file_and_say_why() {
    let source = marked("image: x:1 M\nb: c: d\n");
    let scan = scan(source.as_bytes());
    let [fault] = scan.faults.as_slice() else {
        panic!("{scan:?}")
    };
    assert!(scan.sites.is_empty() && fault.disables_file());
    assert_eq!(fault.line, 2);
    assert!(
        fault
            .message()
            .starts_with("not YAML, so the file is left alone: "),
        "{}",
        fault.message()
    );
}

#[test]
fn a_hash_without_a_blank_is_no_comment() {
    let scan = scan(b"image: x:1# {\"$imagepolicy\": \"ns:p\"}\n");
    assert!(matches!(scan.faults[0].kind, FaultKind::NotYaml(_)));
}

#[test]
fn every_place_where_a_marker_cannot_work() {
    let cases = [
        ("M\n", FaultKind::OwnLine),
        ("--- M\na: b\n", FaultKind::OnSeparator),
        ("? a M\n: b\n", FaultKind::OnKey),
        ("a: M\n  - b\n", FaultKind::OnKey),
        ("a: [ M\n  b]\n", FaultKind::OnBracket),
        ("a: [b] M\n", FaultKind::OnBracket),
        ("a: {b: [c], M\n  d: e}\n", FaultKind::OnBracket),
        ("a: !!str M\n", FaultKind::EmptyValue),
        ("a: &x M\nb: c\n", FaultKind::EmptyValue),
        ("a: |\n  b\nM\n", FaultKind::OwnLine),
        ("l:\n  M\n  # about\n  - b\n", FaultKind::CommentBlock),
        ("l:\n  M\n  - - b\n", FaultKind::OwnLine),
        ("l:\n  - a: b\n    M\n  - c\n", FaultKind::OwnLine),
        ("l:\n  - a\n  M\n\n  - b\n", FaultKind::OwnLine),
        ("l:\n  - - M\n      b # note\n", FaultKind::Shadowed),
        ("a M\n", FaultKind::RootScalar),
        ("M\n--- \na: b\n", FaultKind::OwnLine),
    ];
    for (source, kind) in cases {
        let scan = scan(marked(source).as_bytes());
        let kinds: Vec<_> = scan.faults.iter().map(|fault| fault.kind.clone()).collect();
        assert_eq!((kinds, scan.sites.len()), (vec![kind], 0), "{source:?}");
    }
}

#[test]
fn malformed_comments_are_told_apart() {
    let cases = [
        ("# {$imagepolicy: \"ns:p\"}", FaultKind::MalformedJson),
        ("# {\"$imagepolicy\": \"ns:p\",}", FaultKind::MalformedJson),
        ("# [\"$imagepolicy\"]", FaultKind::MalformedJson),
        ("# {\"$imagepolicy\": \"ns:p\"", FaultKind::MalformedJson),
        (
            "# {\"$imagepolicy\": null, \"$imagepolicy\": 1}",
            FaultKind::NonStringValue,
        ),
        (
            "# {\"$imagepolicy\": null}",
            FaultKind::BadSetter(String::new()),
        ),
        ("# {\"$imagePolicy\": \"ns:p\"}", FaultKind::WrongKey),
        ("# # {\"$imagepolicy\": \"ns:p\"}", FaultKind::TextAround),
        ("#! {\"$imagepolicy\": \"ns:p\"}", FaultKind::TextAround),
    ];
    for (comment, kind) in cases {
        let source = format!("a: x {comment}\n");
        assert_eq!(faults(source.as_bytes()), [(1, 6, kind)], "{comment}");
    }
    let other_objects = marked("a: x # {\"b\": 1}\nb: x # {c}\nc: x M\n");
    assert_eq!(faults(other_objects.as_bytes()), []);
}

#[test]
fn markers_work_behind_dashes_and_in_explicit_pairs() {
    check(&[
        (
            "behind a dash",
            "l:\n  - M\n    x\n",
            "l:\n  - M\n    NEW\n",
            &[],
        ),
        (
            "value on the next line",
            "a:\n  x M\n",
            "a:\n  NEW M\n",
            &[],
        ),
        (
            "above a value on the next line",
            "a:\n  M\n  x\n",
            "a:\n  M\n  NEW\n",
            &[],
        ),
        ("explicit pair", "? x\n: y M\n", "? x\n: NEW M\n", &[]),
        (
            "pair in a flow sequence",
            "a: [x: y M\n]\n",
            "a: [x: 'NEW' M\n]\n",
            &[],
        ),
        (
            "behind another item's comment",
            "l:\n  - a # n\n  M\n  - b\n",
            "l:\n  - a # n\n  M\n  - NEW\n",
            &[],
        ),
        (
            "above a flow item",
            "l: [a,\n  M\n  b]\n",
            "l: [a,\n  M\n  'NEW']\n",
            &[],
        ),
        (
            "above a property",
            "l:\n  M\n  - &a !!str x\n",
            "l:\n  M\n  - &a !!str NEW\n",
            &[],
        ),
        (
            "after a nested item",
            "l:\n  - a: b\n  M\n  - x\n",
            "l:\n  - a: b\n  M\n  - NEW\n",
            &[],
        ),
    ]);
}

#[test]
fn edits_of_another_file_are_refused() {
    let source = marked("a: x M\n");
    let plan = plan("f.yaml", &scan(source.as_bytes()), &wanted());
    assert!(matches!(
        apply(b"a", &plan.edits),
        Err(EditError::Misplaced { at: 3 })
    ));
    let shifted = marked("ab: x M\n");
    assert!(matches!(
        apply(shifted.as_bytes(), &plan.edits),
        Err(EditError::Collateral { line: 1 })
    ));
    assert!(matches!(
        apply(b"a: \xff", &plan.edits),
        Err(EditError::NotUtf8(_))
    ));
}

#[test]
fn an_edit_that_would_not_read_back_is_refused() {
    let source = "a: x\nb: y\n";
    let edit = |text: &str, value: &str| Edit {
        scalar: 3..4,
        value: value.into(),
        splices: vec![Splice {
            span: 3..4,
            text: text.into(),
        }],
    };
    for (text, value) in [
        ("1 # c", "1 # c"),
        ("c\nd: e", "c"),
        ("*z", "*z"),
        ("[", "["),
        ("!t c", "c"),
        ("", ""),
    ] {
        assert!(
            apply(source.as_bytes(), &[edit(text, value)]).is_err(),
            "{text:?}"
        );
    }
    assert_eq!(
        apply(source.as_bytes(), &[edit("c", "c")]).unwrap(),
        b"a: c\nb: y\n"
    );
}
