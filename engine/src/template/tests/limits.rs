//! Hostile templates end with a clear error, in little time and memory.

use super::{Limits, error, message, render_with};

/// Whether the template ends because of a bound.
fn is_bounded(template: &str) {
    let limits = Limits {
        work: 4 << 20,
        ..Limits::default()
    };
    let text = render_with("many", template, limits)
        .unwrap_err()
        .to_string();
    let bounds = [
        "the template does more work than allowed",
        "the message is longer than 65536 bytes",
        "exceeded maximum template depth",
        "max expression depth exceeded",
        "more than 1000 variables",
        "a value is nested too deeply",
    ];
    assert!(bounds.iter().any(|bound| text.contains(bound)), "{text}");
    assert!(text.starts_with("template: commit message:1:"), "{text}");
}

#[test]
fn endless_loops_end() {
    is_bounded("{{ range 9223372036854775807 }}{{ end }}");
    is_bounded("{{ range until 1000000000 }}x{{ end }}");
    is_bounded("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}");
    is_bounded("{{ range 1000000000 }}text{{ end }}");
}

#[test]
fn the_default_limits_end_a_loop() {
    let text = error("{{ range 1000000000 }}{{ end }}");
    assert!(text.contains("more work than allowed"), "{text}");
}

#[test]
fn patterns_are_paid_for_by_their_size() {
    is_bounded("{{ range 100000 }}{{ $x := regexMatch \"((a{10}){10}){9}\" (print .) }}{{ end }}");
    is_bounded(
        "{{ $i := 0 }}{{ range 100000 }}{{ $x := regexMatch (printf \"(\\\\pL{40}){20}%d\" .) \"a\" }}{{ end }}",
    );
    is_bounded("{{ regexMatch \"((a?){100}){50}b\" (repeat 20000 \"a\") }}");
    let same = "{{ range 5000 }}{{ if regexMatch \"^[0-9]{1,3}$\" \"123\" }}{{ else }}x{{ end }}{{ end }}ok";
    assert_eq!(message(same), "ok");
}

#[test]
fn reading_long_strings_is_work() {
    for function in ["int", "trim", "initials", "duration", "toDate \"2006\""] {
        is_bounded(&format!(
            "{{{{ $s := repeat 60000 \"1\" }}}}{{{{ range 100000 }}}}{{{{ $x := {function} $s }}}}{{{{ end }}}}"
        ));
    }
}

#[test]
fn variables_are_counted() {
    let many: String = (0..2000).map(|n| format!("{{{{ $v{n} := 1 }}}}")).collect();
    is_bounded(&many);
}

#[test]
fn huge_values_are_not_made() {
    is_bounded("{{ repeat 1000000000 \"abc\" | len }}");
    is_bounded("{{ repeat 9223372036854775807 \"abc\" }}");
    is_bounded("{{ until 1000000000 | len }}");
    is_bounded("{{ untilStep 0 9223372036854775807 1 | len }}");
    is_bounded("{{ seq 1000000000 }}");
    is_bounded("{{ indent 1000000000 \"a\" }}");
    is_bounded("{{ $s := \"abc\" }}{{ range 1000 }}{{ $s = print $s $s }}{{ end }}");
    is_bounded("{{ $s := repeat 5000 \"a\" }}{{ replace \"a\" $s $s | len }}");
    is_bounded("{{ $s := repeat 9000 \"a\" }}{{ regexReplaceAll \"\" $s $s | len }}");
    is_bounded("{{ printf \"%999999d%999999d\" 1 2 | repeat 100 }}");
    is_bounded(
        "{{ $n := 1e300 }}{{ range 100000 }}{{ $n = mulf 1.5 1e300 1e-300 1.23456789 }}{{ end }}",
    );
}

#[test]
fn recursion_ends() {
    is_bounded("{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}");
    is_bounded(
        "{{ define \"t\" }}{{ if true }}{{ with 1 }}{{ range 1 }}{{ template \"t\" (print (print (print .))) }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template \"t\" }}",
    );
}

#[test]
fn deep_nesting_is_refused() {
    for count in [101, 5000] {
        is_bounded(&format!(
            "{{{{ {}1{} }}}}",
            "(".repeat(count),
            ")".repeat(count)
        ));
        is_bounded(&"{{ if true }}".repeat(count));
        is_bounded(&format!(
            "{{{{ if 0 }}}}{}{{{{ end }}}}",
            "{{ else if 0 }}".repeat(count)
        ));
        is_bounded(&"{{ block \"x\" . }}".repeat(count));
    }
}

#[test]
fn nesting_that_people_write_is_fine() {
    let nested = format!(
        "{}x{}",
        "{{ if (not (not true)) }}".repeat(40),
        "{{ end }}".repeat(40)
    );
    assert_eq!(message(&nested), "x");
}

#[test]
fn values_that_contain_themselves_end() {
    for function in [
        "print",
        "toJson",
        "toPrettyJson",
        "quote",
        "deepCopy",
        "deepEqual $d",
    ] {
        let template = format!(
            "{{{{ $d := dict }}}}{{{{ $e := set $d \"self\" (dict \"up\" $d) }}}}{{{{ $d | {function} }}}}"
        );
        is_bounded(&template);
    }
    is_bounded(
        "{{ $d := dict }}{{ $e := dict \"a\" $d }}{{ $x := set $d \"a\" $e }}{{ merge $d $e }}",
    );
}

#[test]
fn deep_values_are_dropped_without_recursion() {
    let lists = "{{ $l := list }}{{ range 100000 }}{{ $l = list $l }}{{ end }}ok";
    assert_eq!(message(lists), "ok");
    let dicts = "{{ $d := dict }}{{ $at := $d }}{{ range 50000 }}{{ $new := dict }}{{ $x := set $at \"a\" $new }}{{ $at = $new }}{{ end }}ok";
    assert_eq!(message(dicts), "ok");
}

#[test]
fn shared_values_are_not_expanded_without_bound() {
    is_bounded(
        "{{ $l := list 1 2 3 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ $l | toJson | len }}",
    );
    is_bounded(
        "{{ $l := list 1 2 3 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ print $l | len }}",
    );
}

#[test]
fn the_longest_message_is_the_limit() {
    let limits = Limits {
        output: 10,
        ..Limits::default()
    };
    assert_eq!(
        render_with("one", "0123456789", limits).unwrap(),
        "0123456789"
    );
    let refused = render_with("one", "0123456789x", limits).unwrap_err();
    assert!(
        refused.to_string().contains("longer than 10 bytes"),
        "{refused}"
    );
}

#[test]
fn work_is_the_same_in_every_run() {
    let limits = Limits {
        work: 20_000,
        ..Limits::default()
    };
    let template = "{{ range 1000 }}{{ . }} {{ end }}";
    let first = render_with("many", template, limits);
    assert_eq!(first, render_with("many", template, limits));
    assert!(first.is_err());
}
