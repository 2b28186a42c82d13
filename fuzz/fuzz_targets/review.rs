//! Any body is read or refused, and a UID that is read comes back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use webhook::wire::{Reply, read, write};

fuzz_target!(|body: &[u8]| {
    let Ok(incoming) = read(body) else {
        return;
    };
    let uid = incoming.uid.as_ref();
    let answer: Value =
        serde_json::from_slice(&write(uid, &Reply::default())).expect("answers are JSON");
    assert_eq!(answer["response"]["uid"], uid);
    // What is nested very deeply is passed over in the one and refused in the other.
    if let Ok(sent) = serde_json::from_slice::<Value>(body) {
        assert_eq!(sent["request"]["uid"], uid);
    }
});
