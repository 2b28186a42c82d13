//! Whatever names an automation gives: Git takes what is pushed to, and the branch checked out is never replaced nor forced.
//!
//! Lines of the input: gates that are on (`continue`, `force`), push branch, refspec, then branch, tag, range, name and
//! commit of the checkout ref.

#![no_main]

use engine::branch::{
    CheckoutRef, Course, Gates, PushBranch, Refspec, Target, is_branch_name, plan,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let gates = lines.next().unwrap_or_default();
    let gates = Gates {
        all_branch_references: gates.contains("continue"),
        force_push_branch: gates.contains("force"),
    };
    let push_branch = lines.next().filter(|line| !line.is_empty());
    let refspec = lines.next().map(Refspec::parse);
    let mut field = || lines.next().map(str::to_owned);
    let checkout = CheckoutRef {
        branch: field(),
        tag: field(),
        semver: field(),
        name: field(),
        commit: field(),
    };
    let Ok(plan) = plan(Some(&checkout), push_branch, gates) else {
        return;
    };

    let pushed = plan.push_ref();
    assert!(is_branch_name(&plan.push_branch) && names_a_ref(&pushed));
    let checked_out = plan.checkout_branch_ref();
    assert_eq!(
        plan.target == Target::SameBranch,
        checked_out.as_ref() == Some(&pushed)
    );
    for present in [PushBranch::Present, PushBranch::Absent] {
        if plan.course(present) == Ok(Course::Replace) {
            assert!(checked_out.as_ref() != Some(&pushed) && gates.force_push_branch);
        }
    }

    let Some(Ok(refspec)) = refspec else {
        return;
    };
    if let Some(branch) = &checked_out {
        assert!(!plan.forces(&refspec, branch));
    }
    if let Ok(destination) = refspec.destination(&pushed) {
        assert!(destination.starts_with("refs/") && names_a_ref(&destination));
    }
});

/// What every name of a ref obeys, by the manual of `git check-ref-format`.
fn names_a_ref(name: &str) -> bool {
    let forbidden = |c: char| c <= ' ' || c == '\u{7f}' || "~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.split('/').all(part)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.contains(forbidden)
}
