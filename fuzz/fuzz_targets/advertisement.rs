//! Whatever a Git server begins with, and wherever the network cuts it: the same is read.
//!
//! The first byte of the input says where the rest is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::git::fuzzing::advertised;

fuzz_target!(|input: &[u8]| {
    let Some((cut, bytes)) = input.split_first() else {
        return;
    };
    let whole = advertised(&[bytes]);
    let (start, end) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    assert_eq!(advertised(&[start, end]), whole);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(advertised(&single), whole);
});
