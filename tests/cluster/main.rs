//! Tests on a real Kubernetes API server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod argo;
mod completion;
mod connection;
mod crowd;
mod delivery;
mod drift;
mod flux_cli;
mod getting_started;
mod ground;
mod guide;
mod idle;
mod install_page;
mod inventory;
mod killed;
mod kinds;
mod leader;
mod observe;
mod outages;
mod page;
mod plugin_check;
mod plugin_create;
mod plugin_events;
mod plugin_get;
mod plugin_install;
mod plugin_logs;
mod plugin_verbs;
mod plugin_webhook;
mod running;
mod scenarios;
mod scenes;
mod secrets_hidden;
mod stage;
mod status;
mod takeover;
mod verify;
mod webhook;
mod webhook_conditions;
mod webhook_endure;
mod webhook_endure_certificates;
mod webhook_endure_chaos;
mod webhook_endure_reviews;
mod webhook_modes;
mod webhook_page;
mod webhook_rights;
mod why;
mod workloads;
mod writes;
