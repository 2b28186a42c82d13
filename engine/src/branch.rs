//! Which ref an automation starts from, which branch it pushes to, and whether it may replace what is there.

use thiserror::Error;

/// The branch Flux takes when neither the automation nor the source names a ref; the remote's `HEAD` is never asked.
pub const DEFAULT_BRANCH: &str = "master";

/// A ref as `GitRepository.spec.ref` and `spec.git.checkout.ref` write it; empty strings count as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckoutRef {
    /// A branch name without `refs/heads/`.
    pub branch: Option<String>,
    /// A tag name without `refs/tags/`.
    pub tag: Option<String>,
    /// A version range over the tags.
    pub semver: Option<String>,
    /// A full ref name.
    pub name: Option<String>,
    /// A full commit id.
    pub commit: Option<String>,
}

/// The one ref that counts of a [`CheckoutRef`]; tags win over ranges, as Flux's code has it (its documentation says otherwise).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A commit id, with the branch that holds it when one was named.
    Commit {
        /// The commit id as written.
        id: String,
        /// The branch to look for it on.
        branch: Option<String>,
    },
    /// A full ref name other than a branch's or a tag's.
    Name(String),
    /// A tag name.
    Tag(String),
    /// The newest tag in a version range.
    Semver(String),
    /// A branch name.
    Branch(String),
}

impl Reference {
    /// Returns the ref that counts in `checkout`, or `master` when there is none.
    #[must_use]
    pub fn of(checkout: Option<&CheckoutRef>) -> Self {
        let Some(checkout) = checkout else {
            return Self::Branch(DEFAULT_BRANCH.to_owned());
        };
        let branch = present(checkout.branch.as_ref());
        if let Some(id) = present(checkout.commit.as_ref()) {
            Self::Commit { id, branch }
        } else if let Some(name) = present(checkout.name.as_ref()) {
            Self::named(name)
        } else if let Some(tag) = present(checkout.tag.as_ref()) {
            Self::Tag(tag)
        } else if let Some(range) = present(checkout.semver.as_ref()) {
            Self::Semver(range)
        } else {
            Self::Branch(branch.unwrap_or_else(|| DEFAULT_BRANCH.to_owned()))
        }
    }

    fn named(name: String) -> Self {
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            Self::Branch(branch.to_owned())
        } else if let Some(tag) = name.strip_prefix("refs/tags/") {
            Self::Tag(tag.to_owned())
        } else {
            Self::Name(name)
        }
    }

    /// Returns the full name of the one ref this stands for; commits and ranges have none.
    #[must_use]
    pub fn full_name(&self) -> Option<String> {
        match self {
            Self::Branch(branch) => Some(format!("refs/heads/{branch}")),
            Self::Tag(tag) => Some(format!("refs/tags/{tag}")),
            Self::Name(name) => Some(name.clone()),
            Self::Commit { .. } | Self::Semver(_) => None,
        }
    }
}

fn present(value: Option<&String>) -> Option<String> {
    value.filter(|text| !text.is_empty()).cloned()
}

/// Flux's two feature gates that decide about push branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gates {
    /// `GitAllBranchReferences`: an existing push branch is continued, not replaced.
    pub all_branch_references: bool,
    /// `GitForcePushBranch`: an existing push branch may be replaced.
    pub force_push_branch: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            all_branch_references: true,
            force_push_branch: true,
        }
    }
}

/// What to fetch and where to push, known before the remote has been asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The ref to check out.
    pub checkout: Reference,
    /// The branch to push to, without `refs/heads/`.
    pub push_branch: String,
    /// Whether work goes to another branch than the one checked out.
    pub target: Target,
    gates: Gates,
}

/// The relation of the push branch to the checkout ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The push branch is the branch checked out; it is never forced.
    SameBranch,
    /// The push branch is another one.
    OtherBranch,
}

/// Where work starts and how the push branch moves, known once the remote's refs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Start at the tip of the push branch and go forward.
    Continue,
    /// Start at the checkout ref and create the push branch, which must still be absent.
    Create,
    /// Start at the checkout ref and replace the push branch, which must still be what was seen.
    Replace,
}

/// Whether the remote has the push branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushBranch {
    /// It exists.
    Present,
    /// It does not.
    Absent,
}

/// Why no plan can be made from the given fields.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Nothing says which branch to push to. The text is Flux's.
    #[error(
        "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
    )]
    NoPushBranch,
    /// The checkout ref is a fixed point of history, so its own branch cannot take commits built on it.
    #[error(
        "checkout ref {pinned} is not the tip of branch '{branch}', so nothing can be pushed to '{branch}': set push.branch to another branch"
    )]
    Pinned {
        /// What pins the checkout, such as `tag 'v1'`.
        pinned: String,
        /// The branch that would have been pushed to.
        branch: String,
    },
    /// The name cannot be a branch.
    #[error("'{0}' is not a valid branch name")]
    BranchName(String),
    /// The push branch exists, and the gates allow neither continuing nor replacing it.
    #[error(
        "push branch '{0}' exists, and with GitAllBranchReferences and GitForcePushBranch both off it can be neither continued nor replaced"
    )]
    NeitherContinuedNorReplaced(String),
}

/// Decides the checkout ref and the push branch.
///
/// `checkout` is the automation's ref if it has a `checkout`, else the source's. `push_branch` is `spec.git.push.branch`.
/// Other than Flux, `refs/heads/X` given as `name` counts as branch `X`, so that pushing to it is not a switch.
///
/// # Errors
///
/// When no push branch is given or derivable, or commits would go to the branch of a pinned checkout.
pub fn plan(
    checkout: Option<&CheckoutRef>,
    push_branch: Option<&str>,
    gates: Gates,
) -> Result<Plan, PlanError> {
    let reference = Reference::of(checkout);
    let own_branch = checkout.and_then(|checkout| present(checkout.branch.as_ref()));
    let push_branch = match push_branch.filter(|branch| !branch.is_empty()) {
        Some(branch) => branch.to_owned(),
        None => own_branch.clone().ok_or(PlanError::NoPushBranch)?,
    };
    if !is_branch_name(&push_branch) {
        return Err(PlanError::BranchName(push_branch));
    }
    let target = match &reference {
        Reference::Branch(branch) if *branch == push_branch => Target::SameBranch,
        Reference::Branch(_) => Target::OtherBranch,
        pinned if own_branch.as_ref() == Some(&push_branch) => {
            return Err(PlanError::Pinned {
                pinned: describe(pinned),
                branch: push_branch,
            });
        }
        _ => Target::OtherBranch,
    };
    Ok(Plan {
        checkout: reference,
        push_branch,
        target,
        gates,
    })
}

fn describe(reference: &Reference) -> String {
    match reference {
        Reference::Commit { id, .. } => format!("commit '{id}'"),
        Reference::Name(name) => format!("'{name}'"),
        Reference::Tag(tag) => format!("tag '{tag}'"),
        Reference::Semver(range) => format!("semver '{range}'"),
        Reference::Branch(branch) => format!("branch '{branch}'"),
    }
}

impl Plan {
    /// Returns the full name of the push branch.
    #[must_use]
    pub fn push_ref(&self) -> String {
        format!("refs/heads/{}", self.push_branch)
    }

    /// Returns the full name of the branch checked out, which is never forced; pinned checkouts have none.
    #[must_use]
    pub fn checkout_branch_ref(&self) -> Option<String> {
        match &self.checkout {
            Reference::Branch(_) => self.checkout.full_name(),
            Reference::Commit {
                branch: Some(branch),
                ..
            } => Some(format!("refs/heads/{branch}")),
            _ => None,
        }
    }

    /// Decides where work starts, given whether the remote has the push branch.
    ///
    /// # Errors
    ///
    /// When the branch exists and the gates forbid both ways to go on.
    pub fn course(&self, push_branch: PushBranch) -> Result<Course, PlanError> {
        match (self.target, push_branch) {
            (Target::SameBranch, _) => Ok(Course::Continue),
            (Target::OtherBranch, PushBranch::Absent) => Ok(Course::Create),
            (Target::OtherBranch, PushBranch::Present) => {
                if self.gates.all_branch_references {
                    Ok(Course::Continue)
                } else if self.gates.force_push_branch {
                    Ok(Course::Replace)
                } else {
                    Err(PlanError::NeitherContinuedNorReplaced(
                        self.push_branch.clone(),
                    ))
                }
            }
        }
    }

    /// Returns whether an extra refspec may force `destination`, a full ref name.
    ///
    /// Flux forces it whenever work goes to another branch; the branch checked out is spared here.
    #[must_use]
    pub fn forces(&self, refspec: &Refspec, destination: &str) -> bool {
        let wanted =
            refspec.forced || (self.target == Target::OtherBranch && self.gates.force_push_branch);
        wanted && self.checkout_branch_ref().as_deref() != Some(destination)
    }
}

/// Returns whether Git takes `name` as a branch (`git check-ref-format --branch`).
#[must_use]
pub fn is_branch_name(name: &str) -> bool {
    !name.starts_with('-') && name != "HEAD" && is_ref_name(&format!("refs/heads/{name}"))
}

fn is_ref_name(name: &str) -> bool {
    name.contains('/')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.chars().any(|letter| {
            letter.is_ascii_control()
                || matches!(letter, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
        })
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// An extra `push.refspec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refspec {
    /// Whether it begins with `+`.
    pub forced: bool,
    source: String,
    destination: String,
}

/// Why a refspec cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RefspecError {
    /// Not exactly one `:` with something behind it. The text is go-git's.
    #[error("malformed refspec, separators are wrong")]
    Separators,
    /// The sides do not have the same number of `*`, at most one each. The text is go-git's.
    #[error("malformed refspec, mismatched number of wildcards")]
    Wildcards,
    /// An empty source asks for a deletion.
    #[error("refspec ':{0}' deletes a ref: automations only push commits")]
    Deletes(String),
    /// The destination is no ref name.
    #[error("refspec destination '{0}' is not a full ref name such as refs/heads/main")]
    Destination(String),
    /// The source names something else than the branch that was pushed.
    #[error("refspec source '{source_ref}' is not '{pushed}', the only ref there is to push")]
    Source {
        /// The left side.
        source_ref: String,
        /// The branch that was pushed.
        pushed: String,
    },
}

impl Refspec {
    /// Parses `[+]source:destination`.
    ///
    /// # Errors
    ///
    /// When the form is wrong, the destination is no ref, or it is a deletion.
    pub fn parse(text: &str) -> Result<Self, RefspecError> {
        let (forced, rest) = match text.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (source, destination) = rest.split_once(':').ok_or(RefspecError::Separators)?;
        if destination.is_empty() || destination.contains(':') {
            return Err(RefspecError::Separators);
        }
        let wildcards = |side: &str| side.matches('*').count();
        if wildcards(source) != wildcards(destination) || wildcards(source) > 1 {
            return Err(RefspecError::Wildcards);
        }
        if source.is_empty() {
            return Err(RefspecError::Deletes(destination.to_owned()));
        }
        let plain = destination.replacen('*', "x", 1);
        if !plain.starts_with("refs/") || !is_ref_name(&plain) {
            return Err(RefspecError::Destination(destination.to_owned()));
        }
        Ok(Self {
            forced,
            source: source.to_owned(),
            destination: destination.to_owned(),
        })
    }

    /// Returns the full name of the ref that `pushed`, the full name of the branch just pushed, goes to.
    ///
    /// `HEAD` stands for that branch.
    ///
    /// # Errors
    ///
    /// When the source does not match `pushed`, or what `*` stands for makes no ref name.
    pub fn destination(&self, pushed: &str) -> Result<String, RefspecError> {
        let mismatch = || RefspecError::Source {
            source_ref: self.source.clone(),
            pushed: pushed.to_owned(),
        };
        if self.source == "HEAD" || self.source == pushed {
            return Ok(self.destination.clone());
        }
        let (before, after) = self.source.split_once('*').ok_or_else(mismatch)?;
        let middle = pushed
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .ok_or_else(mismatch)?;
        let destination = self.destination.replacen('*', middle, 1);
        if !is_ref_name(&destination) {
            return Err(RefspecError::Destination(destination));
        }
        Ok(destination)
    }
}

#[cfg(test)]
mod tests;
