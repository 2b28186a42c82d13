//! The Kubernetes types and names users write.
//!
//! The kinds are those of Flux, field for field: an object written for Flux's image controllers reads and
//! writes the same here. A field that is not set is not written, so that a defaulted and an absent
//! field stay apart. What Flux's kinds have no place for is in a kind of our own, [`ImageInventory`].

pub mod automation;
pub mod catalog;
pub mod condition;
pub mod crds;
pub mod duration;
pub mod git_repository;
pub mod image_inventory;
pub mod keys;
pub mod marked_line;
pub mod pod_spec;
pub mod policy;
pub mod reason;
pub mod reference;
pub mod repository;
mod schema;
pub mod workload;

pub use automation::{ImageUpdateAutomation, ImageUpdateAutomationSpec};
pub use duration::DurationText;
pub use git_repository::{GitRepository, GitRepositorySpec};
pub use image_inventory::{ImageInventory, Inventory};
pub use policy::{ImagePolicy, ImagePolicySpec};
pub use reason::Reason;
pub use repository::{ImageRepository, ImageRepositorySpec};
pub use workload::WorkloadKind;

#[cfg(test)]
mod tests;
