//! Any address of a Git remote: over HTTP it is shown as one that reads back the same, and never with its password.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::git::Address;

/// Stands for a password; it is taken out of the input.
const PASSWORD: &str = "hunter2-hunter2";

fuzz_target!(|text: &str| {
    match Address::parse(text) {
        Ok((address @ Address::Http(_), _)) => {
            let shown = address.to_string();
            let again = Address::parse(&shown).map(|(again, _)| again.to_string());
            assert_eq!(again, Ok(shown));
        }
        Ok((Address::Ssh(ssh), _)) => assert!(!ssh.host.is_empty() && !ssh.path.is_empty()),
        Ok((Address::Local(_), _)) | Err(_) => {}
    }

    // The scheme and the rest of an address that has no user yet.
    let Some((scheme @ ("http" | "https" | "ssh"), rest)) = text.split_once("://") else {
        return;
    };
    if rest.contains('@') || text.contains("hunter2") {
        return;
    }
    match Address::parse(&format!("{scheme}://me:{PASSWORD}@{rest}")) {
        Ok((address, info)) => {
            assert_eq!(info.password.is_some(), scheme != "ssh");
            assert!(!format!("{address} {address:?} {info:?}").contains(PASSWORD));
        }
        Err(error) => assert!(!format!("{error} {error:?}").contains(PASSWORD)),
    }
});
