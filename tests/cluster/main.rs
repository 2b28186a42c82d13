//! Tests on a real Kubernetes API server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod ground;
mod secrets_hidden;
mod workloads;
