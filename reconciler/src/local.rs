//! The whole automation on files, without a cluster: the same parts, with objects read from YAML.

mod access;
mod automation;
mod choice;
mod commits;
mod load;
mod merge;
mod registries;
mod run;
mod signers;
mod tag_files;

use engine::change::LatestRef;

use crate::resources::ObjectKey;

pub use access::{Access, AccessError};
pub use automation::{Automation, AutomationError, Overrides, automations};
pub use choice::{Choices, Origin, choose, repository_of};
pub use commits::CommitError;
pub use load::load;
pub use registries::{Registries, TagsError};
pub use run::{ChangeReport, Destination, Report, Run, RunError, Signatures, UpdateReport};
pub use tag_files::{TagFileError, TagFiles};

/// What a run tells while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// Registries are about to be asked.
    Scanning {
        /// How many repositories.
        repositories: usize,
    },
    /// A policy has a result.
    Chosen {
        /// The policy.
        policy: &'a ObjectKey,
        /// The image it wants.
        latest: &'a LatestRef,
        /// How many tags it chose from.
        tags: usize,
    },
    /// An automation is about to be planned.
    Updating {
        /// Its update path.
        path: &'a str,
    },
    /// A remote is about to be asked.
    Fetching {
        /// The remote, without secrets.
        remote: &'a str,
    },
    /// Something worth knowing although nothing failed.
    Note {
        /// What.
        text: &'a str,
    },
}
