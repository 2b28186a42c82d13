//! The places of a workload that hold an image.

use std::fmt;

/// A place that holds an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot<'a> {
    /// The list it stands in.
    pub list: List,
    /// The name of the container or volume.
    pub name: &'a str,
    /// What is written there; empty if nothing is.
    pub image: &'a str,
}

/// The lists of a pod's spec whose items hold an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// `initContainers`, those that keep running included.
    InitContainers,
    /// `containers`.
    Containers,
    /// `ephemeralContainers`.
    EphemeralContainers,
    /// `volumes`, where they are images.
    Volumes,
}

impl List {
    /// All of them, in the order in which their images are run.
    pub const ALL: [Self; 4] = [
        Self::InitContainers,
        Self::Containers,
        Self::EphemeralContainers,
        Self::Volumes,
    ];
}

impl fmt::Display for List {
    /// Writes what people call an item of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InitContainers => "init container",
            Self::Containers => "container",
            Self::EphemeralContainers => "ephemeral container",
            Self::Volumes => "volume",
        })
    }
}
