//! Any file and any image: what is planned applies, changes marked scalars and nothing else, reads back, and leaves
//! nothing to do.
//!
//! The first line of the input is the image's tag, the second its name; the rest is the file.

#![no_main]

use engine::change::LatestRef;
use engine::marker::{Edit, FileScan, Policy, Splice, Style, Wanted, apply, plan, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let latest = LatestRef {
        tag: line(),
        name: line(),
        digest: Some("sha256:aa".into()),
    };
    let source = lines.next().unwrap_or_default();
    let wanted = Wanted {
        namespace: "ns".into(),
        policies: [("p".into(), Policy::Latest(latest))].into(),
        ..Wanted::default()
    };
    let found = scan(source);
    let planned = plan("f.yaml", &found, &wanted);
    let edited = apply(source, &planned.edits).expect("a planned edit applies");
    assert_eq!(edited, spliced(source, &found, &planned.edits));
    let again = scan(&edited);
    assert_eq!(again.sites.len(), found.sites.len());
    for resolved in &planned.resolved {
        assert_eq!(*again.sites[resolved.site].value, *resolved.value);
        assert_eq!(
            again.sites[resolved.site].setter,
            found.sites[resolved.site].setter
        );
    }
    assert!(plan("f.yaml", &again, &wanted).edits.is_empty());
});

/// The file with the splices made, all of them within what is marked.
fn spliced(source: &[u8], found: &FileScan, edits: &[Edit]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut at = 0;
    for edit in edits {
        for splice in &edit.splices {
            assert!(is_within(found, edit, splice), "{edit:?}");
            result.extend_from_slice(&source[at..splice.span.start]);
            result.extend_from_slice(splice.text.as_bytes());
            at = splice.span.end;
        }
    }
    result.extend_from_slice(&source[at..]);
    result
}

/// Whether a splice lies within its scalar, or the header of one that has its marker behind the header.
fn is_within(found: &FileScan, edit: &Edit, splice: &Splice) -> bool {
    let mut sites = found.sites.iter().filter(|site| site.span == edit.scalar);
    let within = |start, end| start <= splice.span.start && splice.span.end <= end;
    sites.any(|site| match &site.style {
        Style::Block(block) => {
            within(block.header.start, block.header.end) || within(block.header_end, site.span.end)
        }
        _ => within(site.span.start, site.span.end),
    })
}
