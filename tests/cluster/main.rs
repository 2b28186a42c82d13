//! Tests on a real Kubernetes API server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod argo;
mod completion;
mod crowd;
mod flux_cli;
mod getting_started;
mod ground;
mod guide;
mod idle;
mod inventory;
mod killed;
mod kinds;
mod leader;
mod outages;
mod plugin_events;
mod plugin_get;
mod plugin_logs;
mod running;
mod plugin_create;
mod plugin_verbs;
mod scenarios;
mod secrets_hidden;
mod stage;
mod takeover;
mod why;
mod workloads;
mod writes;
