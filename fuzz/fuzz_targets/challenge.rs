//! Whatever a registry writes into the lines of `WWW-Authenticate`: a token server that is taken can be asked, and one in
//! a line before is taken.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::registry::fuzzing::token_server;

fuzz_target!(|input: &str| {
    let lines: Vec<&str> = input.split('\n').collect();
    if let Some(realm) = token_server(&lines) {
        assert!(realm.has_host());
    }
    let mut lines = lines;
    lines.insert(0, "Bearer realm=\"https://t.example/token\"");
    let realm = token_server(&lines).expect("the first line is in order");
    assert_eq!(realm.as_str(), "https://t.example/token");
});
