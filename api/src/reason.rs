//! Why an object is as it is: the reasons that conditions, events and metrics give.

use std::fmt;

/// The reason of a condition or an event, in the words of Flux's controllers, since alerts match on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// All went well.
    Succeeded,
    /// A reconcile is under way.
    Progressing,
    /// A reconcile failed and is tried again.
    ProgressingWithRetry,
    /// `spec.image` is no name of a repository.
    ImageUrlInvalid,
    /// A Secret, a ServiceAccount or what it holds cannot be used.
    AuthenticationFailed,
    /// A registry could not be read.
    ReadOperationFailed,
    /// The object asks for something that is switched off in the controller.
    FeatureGateDisabled,
    /// Something failed that has no reason of its own.
    Failed,
    /// A policy could not choose, or the store could not be read.
    Failure,
    /// An object this one needs is missing or has nothing yet.
    DependencyNotReady,
    /// An object of another namespace may not be used.
    AccessDenied,
    /// A policy's rule or filter is wrong.
    InvalidPolicy,
    /// A digest is to be refreshed and no interval is set.
    IntervalNotConfigured,
    /// The label selector of an automation is wrong.
    InvalidPolicySelector,
    /// The source of an automation cannot work whatever it holds.
    InvalidSourceConfiguration,
    /// What is needed to reach the source could not be got together.
    SourceManagerFailed,
    /// Git failed: checking out, committing or pushing.
    GitOperationFailed,
    /// The strategy of an automation is unknown.
    InvalidUpdateStrategy,
    /// Files could not be updated.
    UpdateFailed,
    /// A commit template uses a field that is gone.
    RemovedTemplateField,
}

impl Reason {
    /// Returns the word that is written to objects.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Progressing => "Progressing",
            Self::ProgressingWithRetry => "ProgressingWithRetry",
            Self::ImageUrlInvalid => "ImageURLInvalid",
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::ReadOperationFailed => "ReadOperationFailed",
            Self::FeatureGateDisabled => "FeatureGateDisabled",
            Self::Failed => "Failed",
            Self::Failure => "Failure",
            Self::DependencyNotReady => "DependencyNotReady",
            Self::AccessDenied => "AccessDenied",
            Self::InvalidPolicy => "InvalidPolicy",
            Self::IntervalNotConfigured => "IntervalNotConfigured",
            Self::InvalidPolicySelector => "InvalidPolicySelector",
            Self::InvalidSourceConfiguration => "InvalidSourceConfiguration",
            Self::SourceManagerFailed => "SourceManagerFailed",
            Self::GitOperationFailed => "GitOperationFailed",
            Self::InvalidUpdateStrategy => "InvalidUpdateStrategy",
            Self::UpdateFailed => "UpdateFailed",
            Self::RemovedTemplateField => "RemovedTemplateField",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
