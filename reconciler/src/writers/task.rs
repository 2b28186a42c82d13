//! What a writer is asked to do, and what it answers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use engine::branch::{self, Reference, RefspecError};
use git2::Oid;

use super::pace::newest_in_range;
use crate::git::{GitError, Listing, WriteError};
use crate::update::{MarkedFile, Order, OrderError, Plan};

/// One automation's update and where it goes.
#[derive(Debug)]
pub struct Task {
    /// A name of the automation that no later one gets, such as its UID.
    pub id: String,
    /// The update.
    pub order: Order,
    /// The refs.
    pub plan: branch::Plan,
    /// Push options.
    pub options: BTreeMap<String, String>,
    /// A second place to push to, as the user wrote it.
    pub refspec: Option<String>,
    /// How long each fetch or push may take.
    pub timeout: Duration,
    /// The last commit the automation is known to have pushed completely, in hex.
    pub last_push: Option<String>,
}

/// What became of a task that succeeded.
#[derive(Debug)]
pub struct Done {
    /// The automation's commit that was pushed: now, or earlier without anybody having been told.
    pub commit: Option<Oid>,
    /// Its message.
    pub message: String,
    /// The source as it was seen, such as `main@sha1:…`: with the commit, where that went to the branch checked out.
    pub revision: Option<String>,
    /// Where the refs are now.
    pub tips: Tips,
    /// What was changed, found and left alone.
    pub plan: Plan,
    /// All files with markers, those included that the automation does not look at; `None` if they cannot be listed.
    pub marked: Option<Arc<[MarkedFile]>>,
    /// Whether there were push options and the server takes none.
    pub options_ignored: bool,
}

/// Where the refs of an automation stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tips {
    /// The commit that is checked out.
    pub checkout: Option<Oid>,
    /// The tip of the push branch.
    pub push: Option<Oid>,
}

impl Tips {
    /// Finds the refs of a plan in a listing.
    #[must_use]
    pub fn of(plan: &branch::Plan, listing: &Listing) -> Self {
        Self {
            checkout: checkout(plan, listing).map(|(_, commit)| commit),
            push: listing.commit(&plan.push_ref()),
        }
    }
}

/// Returns the ref that is checked out, as revisions name it, and its commit; a commit without a branch has no ref.
fn checkout(plan: &branch::Plan, listing: &Listing) -> Option<(Option<String>, Oid)> {
    match &plan.checkout {
        Reference::Commit { id, branch } => Some((branch.clone(), Oid::from_str(id).ok()?)),
        Reference::Semver(range) => {
            let tags: Vec<&str> = listing
                .refs()
                .filter_map(|(name, _)| name.strip_prefix("refs/tags/"))
                .collect();
            let tag = newest_in_range(range, &tags).ok()?.into_iter().next()?;
            let commit = listing.commit(&format!("refs/tags/{tag}"))?;
            Some((Some(tag), commit))
        }
        Reference::Branch(_) | Reference::Tag(_) | Reference::Name(_) => {
            let name = plan.checkout.full_name()?;
            let commit = listing.commit(&name)?;
            let short = name.splitn(3, '/').nth(2).unwrap_or(&name).to_owned();
            Some((Some(short), commit))
        }
    }
}

/// Writes the revision of what a plan checks out, or of `commit` in its place.
#[must_use]
pub(crate) fn revision(
    plan: &branch::Plan,
    listing: &Listing,
    commit: Option<Oid>,
) -> Option<String> {
    let (name, found) = checkout(plan, listing)?;
    let commit = commit.unwrap_or(found);
    Some(match name {
        Some(name) => format!("{name}@sha1:{commit}"),
        None => format!("sha1:{commit}"),
    })
}

/// Why a task was not done, or not all of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The update cannot be made.
    #[error(transparent)]
    Order(Arc<OrderError>),
    /// Fetching or pushing failed.
    #[error(transparent)]
    Write(Arc<WriteError<Infallible>>),
    /// The remote or the mirror cannot be used.
    #[error(transparent)]
    Git(Arc<GitError>),
    /// The branch is pushed; the extra refspec means nothing.
    #[error("branch '{branch}' is pushed, its extra refspec is not")]
    Refspec {
        /// The branch.
        branch: String,
        /// What is wrong with it.
        #[source]
        source: RefspecError,
    },
    /// The branch is pushed, to the extra refspec the server said no.
    #[error("branch '{branch}' is pushed, its extra refspec is not: {text}")]
    ExtraRefused {
        /// The branch.
        branch: String,
        /// Its reason, as Flux tells it.
        text: String,
    },
    /// The branch is pushed, the extra push did not get through.
    #[error("branch '{branch}' is pushed, its extra refspec is not")]
    Extra {
        /// The branch.
        branch: String,
        /// Why.
        #[source]
        source: Arc<GitError>,
    },
    /// The process ends.
    #[error("stopped before it was done")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use engine::branch::{CheckoutRef, Gates, plan};

    use super::*;

    fn listing(refs: &[(&str, u8)]) -> Listing {
        let refs = refs
            .iter()
            .map(|(name, id)| ((*name).to_owned(), Oid::from_bytes(&[*id; 20]).unwrap()));
        Listing::from_refs(refs)
    }

    fn checkout_of(fill: impl FnOnce(&mut CheckoutRef)) -> branch::Plan {
        let mut checkout = CheckoutRef::default();
        fill(&mut checkout);
        plan(Some(&checkout), Some("updates"), Gates::default()).unwrap()
    }

    #[test]
    fn revisions_name_what_follows_the_second_slash_of_the_ref() {
        let listing = listing(&[
            ("refs/heads/feature/a", 1),
            ("refs/pull/7/head", 2),
            ("refs/tags/v1.0.0", 3),
            ("refs/tags/v1.1.0", 4),
        ]);
        let revision = |fill: fn(&mut CheckoutRef)| {
            let revision = revision(&checkout_of(fill), &listing, None).unwrap();
            let (name, id) = revision.split_once("sha1:").unwrap();
            (name.to_owned(), id[..2].to_owned())
        };
        let pair = |name: &str, id: &str| (name.to_owned(), id.to_owned());
        assert_eq!(
            revision(|at| at.branch = Some("feature/a".into())),
            pair("feature/a@", "01")
        );
        assert_eq!(
            revision(|at| at.name = Some("refs/pull/7/head".into())),
            pair("7/head@", "02")
        );
        assert_eq!(
            revision(|at| at.tag = Some("v1.0.0".into())),
            pair("v1.0.0@", "03")
        );
        assert_eq!(
            revision(|at| at.semver = Some("1.x".into())),
            pair("v1.1.0@", "04")
        );
        assert_eq!(
            revision(|at| at.commit = Some("05".repeat(20))),
            pair("", "05")
        );
    }

    #[test]
    fn a_ref_the_remote_lacks_has_no_tip() {
        let plan = checkout_of(|at| at.branch = Some("main".into()));
        let seen = Tips::of(&plan, &listing(&[("refs/heads/updates", 9)]));
        assert_eq!(seen.checkout, None);
        assert_eq!(seen.push, Some(Oid::from_bytes(&[9; 20]).unwrap()));
    }
}
