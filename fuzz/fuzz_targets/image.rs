//! An image that is taken prints as one that is read back the same.

#![no_main]

use engine::image::{Reference, Repository, check_reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(repository) = Repository::parse(text) {
        assert!(check_reference(text).is_ok());
        if repository.repository().len() <= 255 {
            assert_eq!(Repository::parse(&repository.canonical()), Ok(repository));
        }
    }
    if let Ok(reference) = Reference::parse(text) {
        assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
    }
});
