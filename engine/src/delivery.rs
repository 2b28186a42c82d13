//! The way of an image from the registry to a running container, and where it is stuck.
//!
//! The states and reasons are closed lists that users and scripts rely on: a name, once given, stays.

use std::fmt;

mod facts;
mod judge;
mod standing;

pub use facts::{
    Admission, ApplierFacts, AutomationFacts, Care, Committed, Condition, ConditionStatus, Facts,
    Known, Marker, MarkerFacts, PolicyFacts, Push, RepositoryFacts, RunningFacts, ScanFacts, Seen,
    Selects, Setter, Site, SourceFacts, Stray, StrayFault, Waiting, WorkloadFacts,
};
pub use judge::judge;

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Name {
    /// Names `namespace/name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A stretch of the way. Each needs the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// The registry is asked for tags.
    Scan,
    /// A policy chooses one of them.
    Selection,
    /// A line of Git is marked with the policy.
    Marker,
    /// An automation looks after that line.
    Automation,
    /// What it wrote is pushed.
    Push,
    /// What was pushed is applied to the cluster.
    Apply,
    /// What was applied runs.
    Rollout,
}

impl Link {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Scan,
        Self::Selection,
        Self::Marker,
        Self::Automation,
        Self::Push,
        Self::Apply,
        Self::Rollout,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Selection => "selection",
            Self::Marker => "marker",
            Self::Automation => "automation",
            Self::Push => "push",
            Self::Apply => "apply",
            Self::Rollout => "rollout",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a container stands between what is wanted and what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// What is wanted is committed and runs.
    Synced,
    /// What is wanted is not committed yet, and nothing is in the way.
    UpdateAvailable,
    /// What is wanted is committed and not applied yet.
    Committed,
    /// What is wanted is applied and not all of it runs yet.
    RollingOut,
    /// What is applied does not come up.
    Degraded,
    /// Something else is applied than what is committed.
    Drifted,
    /// The policy allows this one version only.
    Pinned,
    /// Somebody suspended a part of the way.
    Suspended,
    /// Something is in the way.
    Blocked,
    /// No policy looks after the image.
    Unmanaged,
    /// It cannot be told.
    Unknown,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Synced,
        Self::UpdateAvailable,
        Self::Committed,
        Self::RollingOut,
        Self::Degraded,
        Self::Drifted,
        Self::Pinned,
        Self::Suspended,
        Self::Blocked,
        Self::Unmanaged,
        Self::Unknown,
    ];

    /// The name, as reports have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::UpdateAvailable => "UpdateAvailable",
            Self::Committed => "Committed",
            Self::RollingOut => "RollingOut",
            Self::Degraded => "Degraded",
            Self::Drifted => "Drifted",
            Self::Pinned => "Pinned",
            Self::Suspended => "Suspended",
            Self::Blocked => "Blocked",
            Self::Unmanaged => "Unmanaged",
            Self::Unknown => "Unknown",
        }
    }

    /// Whether somebody has to do something for it to go on.
    pub fn needs_attention(self) -> bool {
        match self {
            Self::Degraded | Self::Drifted | Self::Blocked | Self::Unknown => true,
            Self::Synced
            | Self::UpdateAvailable
            | Self::Committed
            | Self::RollingOut
            | Self::Pinned
            | Self::Suspended
            | Self::Unmanaged => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident at $link:ident,)+) => {
        /// Why a container is in its state.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them, in the order of their links.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name, as reports have it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The link that is broken.
            pub fn link(self) -> Link {
                match self {
                    $(Self::$name => Link::$link,)+
                }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    /// The ImageRepository is missing, suspended or cannot be scanned.
    RepositoryNotReady at Scan,
    /// The registry refuses the credentials.
    AuthFailed at Scan,
    /// The registry asks to be left alone for a while.
    RateLimited at Scan,
    /// No tag fits the policy.
    NoTagMatches at Selection,
    /// A tag does not give the value that is compared.
    ExtractFailed at Selection,
    /// The range, pattern or order of the policy cannot be used.
    InvalidPattern at Selection,
    /// The ImagePolicy is suspended.
    PolicySuspended at Selection,
    /// The tag was pushed again: what runs under it is not what the registry has.
    DigestMoved at Selection,
    /// No line of Git is marked with the policy.
    MarkerMissing at Marker,
    /// A marker names a policy that is not there.
    MarkerUnknownPolicy at Marker,
    /// A marker names a policy of another namespace than the automation's.
    MarkerWrongNamespace at Marker,
    /// The file lies outside the path that the automation updates.
    PathExcluded at Automation,
    /// No automation looks after the policy.
    SelectorExcludes at Automation,
    /// The template of the commit message cannot be used.
    TemplateInvalid at Automation,
    /// The ImageUpdateAutomation is suspended.
    AutomationSuspended at Automation,
    /// The ImageUpdateAutomation cannot go on until it is changed.
    AutomationStalled at Automation,
    /// The Git server does not take what is pushed.
    PushRejected at Push,
    /// The update is on a branch that is not merged yet.
    PushBranchNotMerged at Push,
    /// The cluster is at an older commit.
    SourceOutdated at Apply,
    /// What is in Git cannot be applied.
    ApplyFailed at Apply,
    /// Whatever applies the manifests is suspended.
    ApplySuspended at Apply,
    /// Somebody set the image by hand.
    ManualChange at Apply,
    /// Another program set the image.
    OtherManager at Apply,
    /// The workload was admitted without being looked at.
    AdmissionSkipped at Apply,
    /// The image cannot be pulled.
    ImagePullFailed at Rollout,
    /// The rollout does not get on.
    ProgressDeadlineExceeded at Rollout,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was found of one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The link.
    pub link: Link,
    /// Whether it holds.
    pub verdict: CheckVerdict,
    /// What was seen, in one line.
    pub text: String,
}

/// Whether a link holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckVerdict {
    /// It does.
    Holds,
    /// It does so far, and is still at it.
    UnderWay,
    /// It does not.
    Broken(Reason),
    /// It cannot be told.
    Unknown,
    /// An earlier one is broken.
    NotReached,
}

/// Where a container stands, why, and what was found on the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Where it stands.
    pub state: State,
    /// Why; `None` where the state says it all.
    pub reason: Option<Reason>,
    /// The same in a sentence, without the container's name; empty where the state says it all.
    pub message: String,
    /// One for each link, in their order.
    pub checks: Vec<Check>,
}

impl Judgement {
    /// The first link that does not hold.
    pub fn first_broken(&self) -> Option<&Check> {
        let is_broken = |check: &&Check| matches!(check.verdict, CheckVerdict::Broken(_));
        self.checks.iter().find(is_broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_in_the_order_of_their_links() {
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.link()));
        for reason in Reason::ALL {
            assert!(reason.meaning().ends_with('.'), "{reason}");
            assert!(!reason.meaning().starts_with(' '), "{reason}");
        }
    }
}
