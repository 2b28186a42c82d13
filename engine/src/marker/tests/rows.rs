//! Markers as Flux's engine treats them, row by row; the last column is what is reported.

use super::*;

#[test]
fn rows_001_to_019_marker_grammar() {
    check(ROWS_001_TO_019_MARKER_GRAMMAR);
}

const ROWS_001_TO_019_MARKER_GRAMMAR: &[Case] = &[
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
];

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
    check(ROWS_020_TO_027_VALUES_WRITTEN);
}

const ROWS_020_TO_027_VALUES_WRITTEN: &[Case] = &[
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
];

#[test]
fn rows_028_to_047_places() {
    check(ROWS_028_TO_047_PLACES);
}

const ROWS_028_TO_047_PLACES: &[Case] = &[
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
];
