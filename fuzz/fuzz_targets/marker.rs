#![no_main]

use engine::change::LatestRef;
use engine::marker::{Policy, Wanted, apply, plan, scan};
use libfuzzer_sys::fuzz_target;

// Any file and any tag: nothing panics, a planned edit applies, and a second run has nothing to do.
fuzz_target!(|input: (&[u8], &str)| {
    let (source, tag) = input;
    let latest = LatestRef {
        name: "ghcr.io/org/app".into(),
        tag: tag.into(),
        digest: Some("sha256:aa".into()),
    };
    let wanted = Wanted {
        namespace: "ns".into(),
        policies: [("p".into(), Policy::Latest(latest))].into(),
    };
    let planned = plan("f.yaml", &scan(source), &wanted);
    let edited = apply(source, &planned.edits).expect("a planned edit applies");
    assert!(plan("f.yaml", &scan(&edited), &wanted).edits.is_empty());
});
