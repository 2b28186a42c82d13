#![no_main]

use engine::policy::{Policy, PolicySpec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str, &str, &str, Vec<&str>)| {
    let (kind, rule, pattern, extract, mut tags) = input;
    let mut spec = PolicySpec {
        filter_pattern: Some(pattern),
        filter_extract: Some(extract),
        ..PolicySpec::default()
    };
    match kind % 3 {
        0 => spec.semver_range = Some(rule),
        1 => spec.alphabetical_order = Some(rule),
        _ => spec.numerical_order = Some(rule),
    }
    let Ok(policy) = Policy::new(&spec) else {
        return;
    };
    let selection = policy.select(&tags, None);
    let verdicts = policy.verdicts(&tags, None);
    tags.reverse();
    assert_eq!(selection, policy.select(&tags, None));
    match selection {
        Ok(selected) => {
            assert!(tags.contains(&selected.tag.as_str()));
            assert_eq!(verdicts.selected.as_ref(), Some(&selected.tag));
            let again = policy.select(&tags, Some(&selected.tag));
            assert_eq!(again.as_ref(), Ok(&selected));
        }
        Err(error) => assert_eq!(verdicts.error, Some(error)),
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(verdicts.tags.len(), tags.len());
});
