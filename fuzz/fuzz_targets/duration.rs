//! Any text is a duration that prints and reads back, or is refused.

#![no_main]

use engine::duration::{GoDuration, is_interval, is_timeout};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    assert!(is_interval(text) || !is_timeout(text));
    match text.parse::<GoDuration>() {
        Ok(duration) => assert_eq!(duration.to_string().parse(), Ok(duration)),
        Err(error) => assert!(error.to_string().starts_with("time: ")),
    }
});
