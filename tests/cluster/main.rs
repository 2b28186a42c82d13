//! Tests on a real Kubernetes API server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod argo;
mod crowd;
mod flux_cli;
mod ground;
mod guide;
mod idle;
mod inventory;
mod killed;
mod kinds;
mod leader;
mod outages;
mod scenarios;
mod secrets_hidden;
mod stage;
mod takeover;
mod webhook;
mod workloads;
mod writes;
