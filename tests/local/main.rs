//! Tests that cross programs, against real servers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod fleet;
mod mistakes;
mod offline;
mod push;
mod registries;
mod remotes;
mod servers;
