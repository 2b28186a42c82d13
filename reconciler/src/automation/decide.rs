//! Whether there is anything to do, decided from the status, the objects and one listing.

use std::collections::BTreeMap;

use api::automation::ImageUpdateAutomationStatus;
use api::policy::ImageRef;
use engine::branch::{Plan, Reference, Target};

use crate::git::Listing;
use crate::writers::{Tips, revision};

/// What Ready says when all is well.
pub(super) const UP_TO_DATE: &str = "repository up-to-date";

/// What is told of a run that found nothing new.
pub(super) const NO_CHANGE: &str = "no change since last reconciliation";

/// How much work a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Files have to be looked at.
    Full {
        /// Whether that is because policies chose otherwise.
        by_policies: bool,
    },
    /// Nothing has changed here; where the refs stand decides.
    Compare,
}

/// Decides how much work a run is.
pub(super) fn need(
    status: &ImageUpdateAutomationStatus,
    policies: &BTreeMap<String, ImageRef>,
    is_new_generation: bool,
    was_ready: bool,
) -> Need {
    let by_policies = status.observed_policies != *policies;
    match by_policies
        || is_new_generation
        || !was_ready
        || status.observed_source_revision.is_none()
    {
        true => Need::Full { by_policies },
        false => Need::Compare,
    }
}

/// Whether the refs stand where the last full run left them; `known` is where that was, if this process made it.
pub(super) fn in_sync(
    plan: &Plan,
    listing: &Listing,
    known: Option<Tips>,
    status: &ImageUpdateAutomationStatus,
) -> bool {
    let seen = Tips::of(plan, listing);
    if let Some(known) = known {
        return known == seen;
    }
    let checkout = revision(plan, listing, None);
    let push = seen.push.map(|commit| commit.to_string());
    checkout.is_some()
        && checkout == status.observed_source_revision
        && (plan.target == Target::SameBranch || push == status.last_push_commit)
}

/// Whether Flux would skip a run that finds nothing new, and say so; it cannot tell for other refs and looks at the files.
pub(super) fn flux_skips(plan: &Plan, named: bool, has_refspec: bool) -> bool {
    let simple = matches!(plan.checkout, Reference::Branch(_) | Reference::Tag(_));
    simple && !named && !has_refspec && plan.target == Target::SameBranch
}

/// Tells of a push.
pub(super) fn pushed(commit: &str, branch: &str, refspec: Option<&str>, message: &str) -> String {
    let short = commit.get(..7).unwrap_or(commit);
    let mut text = format!("pushed commit '{short}' to branch '{branch}'");
    if let Some(refspec) = refspec.filter(|refspec| !refspec.is_empty()) {
        text.push_str(&format!(" and refspecs '{refspec}'"));
    }
    if !message.is_empty() {
        text.push('\n');
        text.push_str(message);
    }
    text
}

#[cfg(test)]
mod tests {
    use engine::branch::{CheckoutRef, Gates, plan};
    use git2::Oid;

    use super::*;

    fn policies(tag: &str) -> BTreeMap<String, ImageRef> {
        let image = ImageRef {
            name: "app".into(),
            tag: tag.into(),
            digest: None,
        };
        [("app".to_owned(), image)].into()
    }

    fn observed(revision: &str) -> ImageUpdateAutomationStatus {
        ImageUpdateAutomationStatus {
            observed_policies: policies("1"),
            observed_source_revision: Some(revision.to_owned()),
            last_push_commit: Some("02".repeat(20)),
            ..ImageUpdateAutomationStatus::default()
        }
    }

    fn branch(name: &str, push: Option<&str>) -> Plan {
        let checkout = CheckoutRef {
            branch: Some(name.into()),
            ..CheckoutRef::default()
        };
        plan(Some(&checkout), push, Gates::default()).unwrap()
    }

    fn listing(main: u8, updates: u8) -> Listing {
        let id = |byte| Oid::from_bytes(&[byte; 20]).unwrap();
        Listing::from_refs([
            ("refs/heads/main".to_owned(), id(main)),
            ("refs/heads/updates".to_owned(), id(updates)),
        ])
    }

    fn main_at(byte: &str) -> String {
        format!("main@sha1:{}", byte.repeat(20))
    }

    #[test]
    fn files_are_looked_at_when_a_policy_or_the_object_changed_or_the_last_run_failed() {
        let status = observed(&main_at("01"));
        let none = ImageUpdateAutomationStatus::default();
        let same = policies("1");
        assert_eq!(need(&status, &same, false, true), Need::Compare);
        let (by_policies, otherwise) = (
            Need::Full { by_policies: true },
            Need::Full { by_policies: false },
        );
        assert_eq!(need(&status, &policies("2"), false, true), by_policies);
        assert_eq!(need(&status, &BTreeMap::new(), false, true), by_policies);
        assert_eq!(need(&status, &same, true, true), otherwise);
        assert_eq!(need(&status, &same, false, false), otherwise);
        assert_eq!(need(&none, &BTreeMap::new(), false, true), otherwise);
    }

    #[test]
    fn a_restarted_process_goes_by_the_status() {
        let status = observed(&main_at("01"));
        let same = branch("main", None);
        assert!(in_sync(&same, &listing(1, 9), None, &status));
        assert!(!in_sync(&same, &listing(2, 9), None, &status));
        let other = branch("main", Some("updates"));
        assert!(in_sync(&other, &listing(1, 2), None, &status));
        assert!(
            !in_sync(&other, &listing(1, 3), None, &status),
            "the push branch moved"
        );
        assert!(
            !in_sync(&other, &listing(3, 2), None, &status),
            "the checkout branch moved"
        );
    }

    #[test]
    fn what_this_process_saw_counts_more_than_the_status() {
        let status = observed(&main_at("01"));
        let plan = branch("main", None);
        let known = Tips::of(&plan, &listing(5, 9));
        assert!(in_sync(&plan, &listing(5, 9), Some(known), &status));
        assert!(!in_sync(&plan, &listing(1, 9), Some(known), &status));
    }

    #[test]
    fn a_branch_that_is_gone_is_not_in_sync() {
        let status = ImageUpdateAutomationStatus::default();
        let plan = branch("none", None);
        assert!(!in_sync(&plan, &listing(1, 2), None, &status));
    }

    #[test]
    fn only_simple_refs_are_skipped_by_flux() {
        assert!(flux_skips(&branch("main", None), false, false));
        assert!(!flux_skips(&branch("main", Some("updates")), false, false));
        assert!(!flux_skips(&branch("main", None), true, false));
        assert!(!flux_skips(&branch("main", None), false, true));
    }

    #[test]
    fn pushes_are_told_with_the_whole_message() {
        let commit = "0123456789abcdef";
        assert_eq!(
            pushed(commit, "main", None, "a\n\nb\n"),
            "pushed commit '0123456' to branch 'main'\na\n\nb\n"
        );
        assert_eq!(
            pushed(commit, "main", Some("refs/heads/main:refs/for/main"), ""),
            "pushed commit '0123456' to branch 'main' and refspecs 'refs/heads/main:refs/for/main'"
        );
    }
}
