//! Any policy on any tags: the choice is one of them, whatever their order, and every tag has a verdict that agrees.
//!
//! Lines of the input: kind and rule (`semver 1.x`), filter pattern, filter extract, then one tag each.

#![no_main]

use engine::policy::{Policy, PolicySpec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let Some((kind, rule)) = line().split_once(' ') else {
        return;
    };
    let mut spec = PolicySpec {
        filter_pattern: Some(line()),
        filter_extract: Some(line()),
        ..PolicySpec::default()
    };
    match kind {
        "semver" => spec.semver_range = Some(rule),
        "alphabetical" => spec.alphabetical_order = Some(rule),
        "numerical" => spec.numerical_order = Some(rule),
        _ => return,
    }
    let Ok(policy) = Policy::new(&spec) else {
        return;
    };
    let mut tags: Vec<&str> = lines.collect();
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
