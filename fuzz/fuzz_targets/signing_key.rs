//! Whatever a Secret holds instead of a signing key: it signs, or is refused with a reason.

#![no_main]

use api::automation::SigningKeyType;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use reconciler::git::SigningKey;
use reconciler::secret::SecretData;

fuzz_target!(|value: &[u8]| {
    let time = Timestamp::from_second(1_800_000_000).expect("a time within range");
    for (kind, key) in [
        (SigningKeyType::Gpg, "git.asc"),
        (SigningKeyType::Ssh, "identity"),
    ] {
        let data = SecretData::from([(key.to_owned(), value.to_vec())]);
        match SigningKey::from_secret(kind, "sign", &data) {
            Ok(key) => drop(key.sign(b"commit", time)),
            Err(error) => assert!(error.to_string().contains("sign")),
        }
    }
});
