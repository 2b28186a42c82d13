//! Every decision of imgauto, as pure functions: no I/O, no clock, no async, no Kubernetes.

pub mod admission;
pub mod branch;
pub mod catalog;
pub mod chain;
pub mod change;
pub mod delivery;
pub mod drift;
pub mod duration;
pub mod image;
pub mod marker;
pub mod path;
pub mod pattern;
pub mod policy;
pub mod range;
pub mod rollout;
pub mod schedule;
pub mod template;
pub mod tie;
pub mod version;
