//! Markers and files as Flux's engine treats them, row by row; the last column is what is reported.

use super::*;

#[test]
fn rows_001_to_019_marker_grammar() {
    check(&[
        (
            "001 whole image",
            "image: ghcr.io/org/app:1.0.0 M\n",
            "image: NEW M\n",
            &[],
        ),
        (
            "002 no blank behind the hash",
            "image: x:1 #{\"$imagepolicy\":\"ns:p\"}\n",
            "image: NEW #{\"$imagepolicy\":\"ns:p\"}\n",
            &[],
        ),
        (
            "003 many hashes",
            "image: x:1 ### {\"$imagepolicy\":\"ns:p\"}\n",
            "image: NEW ### {\"$imagepolicy\":\"ns:p\"}\n",
            &[],
        ),
        (
            "004 blanks everywhere",
            "image: x:1 #   {   \"$imagepolicy\"   :   \"ns:p\"   }   \n",
            "image: NEW #   {   \"$imagepolicy\"   :   \"ns:p\"   }   \n",
            &[],
        ),
        (
            "005 tabs",
            "image: x:1\t#\t{\"$imagepolicy\":\t\"ns:p\"}\t\n",
            "image: NEW\t#\t{\"$imagepolicy\":\t\"ns:p\"}\t\n",
            &[],
        ),
        (
            "006 text behind",
            "image: x:1 M do not edit\n",
            "",
            &["1: text around the marker"],
        ),
        (
            "007 text before",
            "image: x:1 # auto {\"$imagepolicy\": \"ns:p\"}\n",
            "",
            &["1: text around the marker"],
        ),
        (
            "008 other string",
            "image: x:1 # {\"$imagepolicy\": \"ns:p\", \"note\": \"x\"}\n",
            "image: NEW # {\"$imagepolicy\": \"ns:p\", \"note\": \"x\"}\n",
            &[],
        ),
        (
            "009 other number",
            "image: x:1 # {\"$imagepolicy\": \"ns:p\", \"note\": 1}\n",
            "",
            &["1: marker with a value that is no string"],
        ),
        (
            "010 other null",
            "image: x:1 # {\"$imagepolicy\": \"ns:p\", \"note\": null}\n",
            "image: NEW # {\"$imagepolicy\": \"ns:p\", \"note\": null}\n",
            &[],
        ),
        (
            "011 last key wins",
            "image: x:1 # {\"$imagepolicy\": \"ns:nope\", \"$imagepolicy\": \"ns:p\"}\n",
            "image: NEW # {\"$imagepolicy\": \"ns:nope\", \"$imagepolicy\": \"ns:p\"}\n",
            &[],
        ),
        (
            "012 single quotes",
            "image: x:1 # {'$imagepolicy': 'ns:p'}\n",
            "",
            &["1: marker in single quotes"],
        ),
        (
            "013 wrong case",
            "image: x:1 # {\"$ImagePolicy\": \"ns:p\"}\n",
            "",
            &["1: misspelt marker key"],
        ),
        (
            "014 JSON escape",
            "image: x:1 # {\"$imagepolicy\": \"ns\\u003ap\"}\n",
            "image: NEW # {\"$imagepolicy\": \"ns\\u003ap\"}\n",
            &[],
        ),
        (
            "014 percent escape",
            "image: x:1 # {\"$imagepolicy\": \"ns%3Ap\"}\n",
            "image: NEW # {\"$imagepolicy\": \"ns%3Ap\"}\n",
            &[],
        ),
        (
            "016 other namespace",
            "image: x:1 # {\"$imagepolicy\": \"other:p\"}\n",
            "",
            &["1: policy of namespace other, but the automation is in ns"],
        ),
        (
            "017 two objects",
            "image: x:1 # {\"$imagepolicy\": \"ns:p\"}{\"$imagepolicy\": \"ns:p\"}\n",
            "",
            &["1: two markers in one comment"],
        ),
        (
            "017 two comments",
            "image: x:1 M M\n",
            "",
            &["1: two markers in one comment"],
        ),
        (
            "018 long form",
            "image: x:1 # {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:p\"}\ntag: 1.0.0 M:tag\n",
            "image: NEW # {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:p\"}\ntag: 2.0.0 M:tag\n",
            &[],
        ),
        (
            "019 long form without the token",
            "image: x:1 # {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:p\"}\n",
            "",
            &[],
        ),
        (
            "019 long form beside another spelling",
            "image: x:1 # {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:p\"}\n# $imagepolicy\n",
            "",
            &["2: marker is no JSON object"],
        ),
    ]);
}

#[test]
fn row_015_values_that_name_no_policy() {
    for value in [
        " ns:p",
        "p",
        "ns/p",
        "ns:p:",
        "ns:p:foo",
        "",
        "ns:p ",
        ":p",
        "ns:",
        "ns:p:tag:x",
        "ns%zz:p",
        "ns~p:p",
    ] {
        let source = format!("image: x:1 # {{\"$imagepolicy\": \"{value}\"}}\n");
        let (result, scan, plan) = run("f.yaml", &source);
        assert_eq!(result, source, "{value:?}");
        assert_eq!(reports(&scan, &plan).len(), 1, "{value:?}");
        assert!(
            matches!(scan.faults[0].kind, FaultKind::BadSetter(_)),
            "{value:?}"
        );
    }
}

#[test]
fn rows_020_to_027_values_written() {
    check(&[
        (
            "020 tag in quotes",
            "tag: \"1.0.0\" M:tag\n",
            "tag: \"2.0.0\" M:tag\n",
            &[],
        ),
        (
            "021 name",
            "name: x M:name\n",
            "name: ghcr.io/org/app M:name\n",
            &[],
        ),
        (
            "022 digest in image",
            "image: x M(d)\n",
            "image: ghcr.io/org/app:2.0.0@sha256:aa M(d)\n",
            &[],
        ),
        (
            "023 digest",
            "digest: sha256:old M(d):digest\n",
            "digest: sha256:aa M(d):digest\n",
            &[],
        ),
        (
            "024 no digest",
            "digest: sha256:old M:digest\n",
            "",
            &["1: policy p has no digest"],
        ),
        (
            "025 empty digest",
            "digest: \"\" M(d):digest\n",
            "digest: \"sha256:aa\" M(d):digest\n",
            &[],
        ),
        (
            "026 no normalisation",
            "image: docker.io/library/nginx:1.25 M(bare)\n",
            "image: nginx:1.27 M(bare)\n",
            &[],
        ),
        (
            "027 variable",
            "image: ${REPO}/x:1.0.0 M\n",
            "image: NEW M\n",
            &[],
        ),
        (
            "registry with a port",
            "image: x M(port)\n",
            "image: localhost:5000/org/app:2.0.0 M(port)\n",
            &[],
        ),
    ]);
}

#[test]
fn rows_028_to_047_places() {
    check(&[
        (
            "028 above a mapping",
            "M\nimage: x:1\n",
            "",
            &["1: marker on a line of its own"],
        ),
        (
            "029 above an item",
            "l:\n  M\n  - x:1\n",
            "l:\n  M\n  - NEW\n",
            &[],
        ),
        (
            "030 in a comment block",
            "l:\n  # about\n  M\n  - x:1\n",
            "",
            &["3: marker among other comment lines"],
        ),
        (
            "031 blank line between",
            "l:\n  M\n\n  - x:1\n",
            "l:\n  M\n\n  - NEW\n",
            &[],
        ),
        (
            "032 line comment wins",
            "l:\n  M\n  - x:1 # note\n",
            "",
            &["2: marker above a value that has a comment"],
        ),
        (
            "033 line marker wins",
            "l:\n  M(num)\n  - x:1 M\n",
            "l:\n  M(num)\n  - NEW M\n",
            &["2: marker above a value that has a comment"],
        ),
        (
            "034 above an item that is a mapping",
            "l:\n  M\n  - image: x:1\n",
            "",
            &["2: marker on a line of its own"],
        ),
        (
            "035 behind a key",
            "a: M\n  image: x:1\n",
            "",
            &["1: marker behind a key"],
        ),
        (
            "036 below",
            "image: x:1\nM\n",
            "",
            &["2: marker on a line of its own"],
        ),
        (
            "037 behind a bracket",
            "a: {image: \"x:1\"} M\n",
            "",
            &["1: marker behind a bracket"],
        ),
        (
            "038 in a flow mapping",
            "a: {\n  image: \"x:1\", M\n  b: c\n}\n",
            "a: {\n  image: \"NEW\", M\n  b: c\n}\n",
            &[],
        ),
        (
            "039 in a flow sequence",
            "a: [\n  \"x:1\", M\n  \"y:2\" M:tag\n]\n",
            "a: [\n  \"NEW\", M\n  \"2.0.0\" M:tag\n]\n",
            &[],
        ),
        (
            "040 last before the comment",
            "l: [a, M\n b]\n",
            "l: ['NEW', M\n b]\n",
            &[],
        ),
        (
            "041 literal",
            "image: | M\n  x:1\n",
            "image: |- M\n  NEW\n",
            &[],
        ),
        (
            "041 folded",
            "image: >2+ M\n  x:1\n  y\n\nb: c\n",
            "image: >- M\n  NEW\n\nb: c\n",
            &[],
        ),
        (
            "041 literal with a blank first line",
            "image: |- M\n\n  x:1\n",
            "image: |- M\n  NEW\n",
            &[],
        ),
        (
            "041 literal without text",
            "image: | M\nb: c\n",
            "image: NEW M\nb: c\n",
            &[],
        ),
        (
            "041 literal below a comment",
            "l:\n  M\n  - |\n    x:1\n",
            "l:\n  M\n  - |-\n    NEW\n",
            &[],
        ),
        (
            "042 plain of two lines",
            "image: x:1\n  y M\n",
            "image: NEW M\n",
            &[],
        ),
        (
            "042 quoted of two lines",
            "image: \"x:1\n  y\" M\n",
            "image: \"NEW\" M\n",
            &[],
        ),
        (
            "043 text in a literal",
            "data: |\n  image: x:1 M\n",
            "",
            &[],
        ),
        ("043 text in quotes", "a: '\n  image: x:1 M\n  '\n", "", &[]),
        (
            "044 empty value",
            "tag: M:tag\n",
            "",
            &["1: marker on an empty value"],
        ),
        (
            "045 anchor",
            "a: &i x:1 M\nb: *i\n",
            "a: &i NEW M\nb: *i\n",
            &[],
        ),
        (
            "046 alias",
            "a: &i x:1\nb: *i M\n",
            "",
            &["2: marker on an alias"],
        ),
        (
            "047 beside a merge key",
            "base: &base\n  a: b\nb:\n  <<: *base\n  c: x:1 M\n",
            "base: &base\n  a: b\nb:\n  <<: *base\n  c: NEW M\n",
            &[],
        ),
    ]);
}

#[test]
fn rows_048_to_060_quotes_and_tags() {
    check(&[
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
    ]);
}

#[test]
fn rows_061_to_072_files_and_documents() {
    check(&[
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
    ]);
}

#[test]
fn rows_073_to_087_untouched_surroundings() {
    check(&[
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
    ]);
}

#[test]
fn rows_104_to_107_policies_that_cannot_be_used() {
    check(&[
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
    ]);
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
