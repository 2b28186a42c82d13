//! Acts on what the engine decides: registries, Git, and (from the cluster) Kubernetes.

pub mod git;
pub mod registry;
pub mod source;
