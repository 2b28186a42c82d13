//! Values, files and documents as Flux's engine treats them, or better, row by row.

use super::*;

#[test]
fn rows_048_to_060_quotes_and_tags() {
    check(ROWS_048_TO_060_QUOTES_AND_TAGS);
}

const ROWS_048_TO_060_QUOTES_AND_TAGS: &[Case] = &[
    (
        "048 was an integer",
        "tag: 1 M:tag\n",
        "tag: 2.0.0 M:tag\n",
        &[],
    ),
    (
        "049 was a float",
        "tag: 1.5 M:tag\n",
        "tag: 2.0.0 M:tag\n",
        &[],
    ),
    (
        "050 was null",
        "tag: null M:tag\n",
        "tag: 2.0.0 M:tag\n",
        &[],
    ),
    (
        "051 becomes like a float",
        "tag: 1 M(num):tag\n",
        "tag: \"1.10\" M(num):tag\n",
        &[],
    ),
    (
        "052 null to float",
        "tag: null M(num):tag\n",
        "tag: \"1.10\" M(num):tag\n",
        &[],
    ),
    (
        "053 single quotes",
        "tag: 'a' M(num):tag\n",
        "tag: '1.10' M(num):tag\n",
        &[],
    ),
    (
        "054 int",
        "tag: a M(int):tag\n",
        "tag: \"20240101\" M(int):tag\n",
        &[],
    ),
    (
        "054 exponent",
        "tag: a M(exp):tag\n",
        "tag: \"1e3\" M(exp):tag\n",
        &[],
    ),
    (
        "054 octal",
        "tag: a M(oct):tag\n",
        "tag: \"0755\" M(oct):tag\n",
        &[],
    ),
    (
        "054 bool",
        "tag: a M(bool):tag\n",
        "tag: \"true\" M(bool):tag\n",
        &[],
    ),
    (
        "054 yes",
        "tag: a M(yes):tag\n",
        "tag: \"yes\" M(yes):tag\n",
        &[],
    ),
    (
        "054 null",
        "tag: a M(null):tag\n",
        "tag: \"null\" M(null):tag\n",
        &[],
    ),
    (
        "055 date",
        "tag: 1 M(date):tag\n",
        "tag: \"2024-01-01\" M(date):tag\n",
        &[],
    ),
    (
        "056 float overflow",
        "tag: a M(huge):tag\n",
        "tag: \"12e4567\" M(huge):tag\n",
        &[],
    ),
    ("057 equal text", "tag: 20240101 M(int):tag\n", "", &[]),
    (
        "058 equal text beside a change",
        "tag: 20240101 M(int):tag\nimage: x M\n",
        "tag: 20240101 M(int):tag\nimage: NEW M\n",
        &[],
    ),
    (
        "059 nothing stale",
        "image:   NEW     M\n\n\nl:\n    - a\n",
        "",
        &[],
    ),
    (
        "060 string tag",
        "image: !!str x:1 M\n",
        "image: !!str NEW M\n",
        &[],
    ),
    (
        "060 own tag",
        "image: !foo x:1 M\n",
        "image: !foo NEW M\n",
        &[],
    ),
    (
        "tag that the value would belie",
        "tag: !!int 1 M:tag\n",
        "",
        &["1: value carries the tag !!int"],
    ),
];

#[test]
fn rows_061_to_072_files_and_documents() {
    check(ROWS_061_TO_072_FILES_AND_DOCUMENTS);
}

const ROWS_061_TO_072_FILES_AND_DOCUMENTS: &[Case] = &[
    (
        "061 CRLF",
        "a: b\r\nimage: x:1 M\r\nc: d\r\n",
        "a: b\r\nimage: NEW M\r\nc: d\r\n",
        &[],
    ),
    (
        "061 CR",
        "a: b\rimage: x:1 M\rc: d\r",
        "a: b\rimage: NEW M\rc: d\r",
        &[],
    ),
    (
        "062 no final newline",
        "a: b\nimage: x:1 M",
        "a: b\nimage: NEW M",
        &[],
    ),
    (
        "063 byte order mark",
        "\u{feff}image: x:1 M\n",
        "\u{feff}image: NEW M\n",
        &[],
    ),
    (
        "064 leading separator",
        "---\nimage: x:1 M\n",
        "---\nimage: NEW M\n",
        &[],
    ),
    (
        "065 licence",
        "# licence\n---\nimage: x:1 M\n",
        "# licence\n---\nimage: NEW M\n",
        &[],
    ),
    (
        "066 document of comments",
        "a: 1\n---\n# only\n---\nimage: x:1 M\n",
        "a: 1\n---\n# only\n---\nimage: NEW M\n",
        &[],
    ),
    (
        "067 commented separator",
        "a: 1\n--- # sep\nimage: x:1 M\n",
        "a: 1\n--- # sep\nimage: NEW M\n",
        &[],
    ),
    (
        "068 text behind a separator",
        "a: 1\n--- foo\nimage: x:1 M\n",
        "",
        &["2: content behind the document"],
    ),
    (
        "068 object behind a separator",
        "a: x M\n--- {b: c}\n",
        "",
        &["2: content behind the document"],
    ),
    (
        "069 directive",
        "%YAML 1.2\n---\nimage: x:1 M\n",
        "%YAML 1.2\n---\nimage: NEW M\n",
        &[],
    ),
    (
        "070 three documents",
        "a:   1\n---\nimage: x:1 M\n---\nb:   2\n",
        "a:   1\n---\nimage: NEW M\n---\nb:   2\n",
        &[],
    ),
    (
        "071 one broken document",
        "image: x:1 M\n---\na: [\n---\nb: x M\n",
        "",
        &["3: not YAML"],
    ),
    (
        "072 blank lines",
        "\na: 1\n\n\nimage: x:1 M\n\n",
        "\na: 1\n\n\nimage: NEW M\n\n",
        &[],
    ),
    (
        "document after three dots",
        "a: b\n...\nimage: x M\n",
        "",
        &["3: marker in a document that does not"],
    ),
];

#[test]
fn rows_073_to_087_untouched_surroundings() {
    check(ROWS_073_TO_087_UNTOUCHED_SURROUNDINGS);
}

const ROWS_073_TO_087_UNTOUCHED_SURROUNDINGS: &[Case] = &[
    (
        "073 four spaces",
        "spec:\n    values:\n        l:\n            - a\n        image: x:1 M\n",
        "spec:\n    values:\n        l:\n            - a\n        image: NEW M\n",
        &[],
    ),
    (
        "074 mixed lists",
        "l:\n- a\nm:\n  - b\nc: x M\n",
        "l:\n- a\nm:\n  - b\nc: NEW M\n",
        &[],
    ),
    (
        "075 aligned comments",
        "a: b     # c\nimage: x     M\n",
        "a: b     # c\nimage: NEW     M\n",
        &[],
    ),
    (
        "076 flow spaces",
        "f: { a: 1, b: [ x ] }\nc: x M\n",
        "f: { a: 1, b: [ x ] }\nc: NEW M\n",
        &[],
    ),
    (
        "077 folded",
        "f: >\n  a\n  b\n  c\nd: x M\n",
        "f: >\n  a\n  b\n  c\nd: NEW M\n",
        &[],
    ),
    (
        "078 trailing blanks",
        "f: |\n  a  \n  b\nd: x M\n",
        "f: |\n  a  \n  b\nd: NEW M\n",
        &[],
    ),
    (
        "079 beyond the plane",
        "a: 😀\nb: x M\n",
        "a: 😀\nb: NEW M\n",
        &[],
    ),
    (
        "080 template value",
        "a: {{ .Values.x }}\nimage: x:1 M\n",
        "a: {{ .Values.x }}\nimage: NEW M\n",
        &[],
    ),
    (
        "081 template lines",
        "{{- if .Values.x }}\nimage: x:1 M\n{{- end }}\n",
        "",
        &["1: not YAML"],
    ),
    ("082 root list", "- image: x:1 M\n", "- image: NEW M\n", &[]),
    (
        "083 scalar metadata",
        "metadata: foo\nimage: x:1 M\n",
        "metadata: foo\nimage: NEW M\n",
        &[],
    ),
    (
        "084 empty metadata",
        "metadata: {}\nimage: x:1 M\n",
        "metadata: {}\nimage: NEW M\n",
        &[],
    ),
    (
        "085 scalar annotations",
        "metadata: {name: a, annotations: foo}\nb: x M\n",
        "metadata: {name: a, annotations: foo}\nb: NEW M\n",
        &[],
    ),
    (
        "086 path annotation",
        "metadata:\n  annotations:\n    config.kubernetes.io/path: o.yaml\nb: x M\n",
        "metadata:\n  annotations:\n    config.kubernetes.io/path: o.yaml\nb: NEW M\n",
        &[],
    ),
    (
        "087 index annotation",
        "metadata:\n  annotations:\n    config.kubernetes.io/index: \"7\"\nb: x M\n",
        "metadata:\n  annotations:\n    config.kubernetes.io/index: \"7\"\nb: NEW M\n",
        &[],
    ),
    (
        "108 duplicate keys",
        "a: x M\na: x\n",
        "a: NEW M\na: x\n",
        &[],
    ),
];

#[test]
fn in_the_manner_of_flux_files_it_cannot_read_are_left_alone() {
    let wanted = Wanted {
        manner: Manner::Flux,
        ..wanted()
    };
    for (source, what) in [
        ("- x:1 M\n", "a document that is a list"),
        ("a: x M\n---\n- b\n", "a document that is a list"),
        ("a: x M\n--- \nb\n", "a document that is one value"),
        ("%YAML 1.2\n---\na: x M\n", "a directive"),
        ("a: x M\n...\n%TAG ! !t\n---\nb: 1\n", "a directive"),
        ("metadata: foo\na: x M\n", "metadata that is no mapping"),
        ("metadata: [foo]\na: x M\n", "metadata that is no mapping"),
    ] {
        let scan = scan(marked(source).as_bytes());
        let plan = plan("f.yaml", &scan, &wanted);
        assert!(plan.edits.is_empty(), "{source}");
        let reason = format!("Flux does not read a file with {what}");
        let told = reports(&scan, &plan);
        assert!(told.iter().all(|told| told.contains(&reason)), "{told:?}");
        assert_eq!(told.len(), 1, "{source}");
    }
    for source in [
        "# % M is meant\na: x M\n",
        "metadata: {}\na: x M\n",
        "metadata:\na: x M\n",
        "metadata: ~\na: x M\n",
        "spec:\n  metadata: foo\na: x M\n",
        "---\n# empty\n---\na: x M\n",
        "a: [x M\n]\n",
    ] {
        let plan = plan("f.yaml", &scan(marked(source).as_bytes()), &wanted);
        assert_eq!(plan.edits.len(), 1, "{source}");
    }
}

#[test]
fn in_the_manner_of_flux_a_digest_that_is_not_known_is_emptied() {
    let wanted = Wanted {
        manner: Manner::Flux,
        ..wanted()
    };
    for (source, written) in [
        ("digest: sha256:x M:digest\n", "digest: \"\" M:digest\n"),
        ("digest: 'x' M:digest\n", "digest: '' M:digest\n"),
        ("digest: '' M:digest\n", "digest: '' M:digest\n"),
        ("image: x M\n", "image: NEW M\n"),
    ] {
        let source = marked(source);
        let plan = plan("f.yaml", &scan(source.as_bytes()), &wanted);
        let edited = apply(source.as_bytes(), &plan.edits).unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), marked(written));
    }
}

#[test]
fn rows_104_to_107_policies_that_cannot_be_used() {
    check(ROWS_104_TO_107_POLICIES_THAT_CANNOT_BE_USED);
    let source = marked("a: x M\n");
    let none = Wanted {
        namespace: "ns".into(),
        ..Wanted::default()
    };
    let plan = plan("f.yaml", &scan(source.as_bytes()), &none);
    assert!(
        plan.edits.is_empty() && plan.unresolved.len() == 1,
        "107 no policies"
    );
}

const ROWS_104_TO_107_POLICIES_THAT_CANNOT_BE_USED: &[Case] = &[
    (
        "104 invalid image",
        "a: x M(upper)\nb: x M\n",
        "a: x M(upper)\nb: NEW M\n",
        &["1: policy upper has an invalid"],
    ),
    (
        "106 no latest image",
        "a: x M(pending)\n",
        "",
        &["1: policy pending has no latest image yet"],
    ),
    (
        "not selected",
        "a: x M(unselected)\n",
        "",
        &["1: policy unselected is not selected"],
    ),
    (
        "unknown, near",
        "a: x M(pendign)\n",
        "",
        &["1: no policy pendign in namespace ns: did you mean pending?"],
    ),
    (
        "unknown, far",
        "a: x M(something)\n",
        "",
        &["1: no policy something in namespace ns"],
    ),
];
