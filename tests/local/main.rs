//! Tests that cross programs, against real servers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod automations;
mod branches;
mod fleet;
mod killed;
mod krew;
mod large;
mod manners;
mod mistakes;
mod offline;
mod push;
mod recorded;
mod registries;
mod remotes;
mod reports;
mod secrets;
mod servers;
mod signing;
mod tags;
mod walking;
