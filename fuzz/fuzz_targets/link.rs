//! Whatever a registry writes after a link to the next page, that link is found; and a target that is found was written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::registry::fuzzing::next_target;

fuzz_target!(|header: &str| {
    if let Some(target) = next_target(header) {
        assert!(header.contains(target) && !target.contains('>'));
        let first = format!("<{target}>; rel=next, {header}");
        assert_eq!(next_target(&first), Some(target));
    }
    let first = format!("</v2/a?last=b>; rel=\"next\"{header}");
    if header.starts_with([',', ';']) {
        assert_eq!(next_target(&first), Some("/v2/a?last=b"));
    }
});
