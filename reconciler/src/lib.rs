//! Acts on what the engine decides: registries, Git, and (from the cluster) Kubernetes.

pub mod automation;
pub mod cloud;
pub mod cluster;
pub mod controllers;
pub mod drift;
pub mod events;
pub mod feed;
pub mod git;
pub mod local;
pub mod metrics;
pub mod nudge;
pub mod policy;
pub mod process;
pub mod registry;
pub mod resources;
pub mod scan;
pub mod secret;
pub mod source;
pub mod store;
pub mod update;
pub mod writers;

pub use engine::chain;
