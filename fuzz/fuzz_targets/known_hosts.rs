//! Whatever stands in `known_hosts`: a key that is listed is known unless it is revoked, and one that is not listed never is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::git::KnownHosts;
use reconciler::git::fuzzing::knows;

/// Listed in the seeds.
const LISTED: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// The key of nobody; its base64 is taken out of the input.
const STRANGER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

fuzz_target!(|text: &str| {
    let hosts = KnownHosts::parse(text);
    for (host, port) in [("h", 22), ("h", 2222), ("::1", 22), (text, 22)] {
        let _ = knows(&hosts, host, port, LISTED);
        if !text.contains("IA6rWI3G1sz07DnfFlrouTcysQlj2P") {
            assert!(!knows(&hosts, host, port, STRANGER));
        }
    }
    let listed = KnownHosts::parse(&format!("{text}\nh {LISTED}"));
    assert!(knows(&listed, "h", 22, LISTED) || text.contains("@revoked"));
});
