//! Whether automations get their commits into Git, as far as they tell.

use api::condition::{self, CommonStatus as _};
use api::{ImageUpdateAutomation, Reason};
use kube::ResourceExt as _;

use super::report::{Category, Finding};
use crate::error::CliError;

const HERE: Category = Category::Reconciler;

/// Reasons of automations that Git did not let do their work.
const REFUSED: [Reason; 2] = [Reason::AuthenticationFailed, Reason::GitOperationFailed];

/// What servers say to a key that may only read.
const READ_ONLY: [&str; 5] = [
    "read only",
    "read-only",
    "denied to deploy key",
    "does not have write access",
    "write access to repository not granted",
];

/// Judges the automations.
pub(super) fn findings(automations: &Result<Vec<ImageUpdateAutomation>, CliError>) -> Vec<Finding> {
    let automations = match automations {
        Ok(automations) => automations,
        Err(error) => return vec![Finding::hidden(HERE, error)],
    };
    let refused: Vec<_> = automations.iter().filter_map(refused).collect();
    if !refused.is_empty() {
        return refused;
    }
    let working = automations.iter().filter(|it| !it.spec.suspend);
    let (run, new): (Vec<_>, Vec<_>) = working.partition(|it| it.status.is_some());
    if run.is_empty() && new.is_empty() {
        return vec![Finding::good(HERE, "Git: no automation to look at yet")];
    }
    let mut findings = Vec::new();
    if !run.is_empty() {
        let text = format!("Git: {} not refused", automations_in_words(run.len()));
        findings.push(Finding::good(HERE, text));
    }
    findings.extend(new.iter().map(|automation| {
        let title = title(automation);
        Finding::warning(HERE, format!("Git: {title} has not run yet"))
            .hint(format!("kubectl imgauto why {}", target(automation)))
    }));
    findings
}

/// What Git refused to an automation.
fn refused(automation: &ImageUpdateAutomation) -> Option<Finding> {
    if automation.spec.suspend {
        return None;
    }
    let status = automation.status.as_ref()?;
    let ready = condition::find(status.conditions(), api::keys::READY)?;
    let of_git = REFUSED.iter().any(|reason| reason.as_str() == ready.reason);
    if ready.status != "False" || !of_git {
        return None;
    }
    let message = ready.message.to_lowercase();
    let text = format!("Git: {} is refused: {}", title(automation), ready.reason);
    let finding = Finding::bad(HERE, text).at(&ready.message);
    let finding = if READ_ONLY.iter().any(|words| message.contains(words)) {
        finding.at("the key may only read: give it write access at the Git server")
    } else {
        finding
    };
    Some(finding.hint(format!("kubectl imgauto why {}", target(automation))))
}

fn title(automation: &ImageUpdateAutomation) -> String {
    let namespace = automation.namespace().unwrap_or_default();
    format!(
        "ImageUpdateAutomation {namespace}/{}",
        automation.name_any()
    )
}

fn target(automation: &ImageUpdateAutomation) -> String {
    let namespace = automation.namespace().unwrap_or_default();
    format!("update/{} -n {namespace}", automation.name_any())
}

fn automations_in_words(count: usize) -> String {
    if count == 1 {
        "1 automation is".to_owned()
    } else {
        format!("{count} automations are")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::report::Verdict;
    use serde_json::json;

    fn automation(suspend: bool, status: &serde_json::Value) -> ImageUpdateAutomation {
        serde_json::from_value(json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
            "metadata": {"name": "app", "namespace": "team"},
            "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "a"}, "suspend": suspend},
            "status": status,
        }))
        .unwrap()
    }

    fn ready(status: &str, reason: &str, message: &str) -> serde_json::Value {
        json!({"conditions": [{
            "type": "Ready", "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]})
    }

    fn judged(automations: Vec<ImageUpdateAutomation>) -> Vec<Finding> {
        findings(&Ok(automations))
    }

    #[test]
    fn a_push_that_was_refused_is_told_with_its_message() {
        let message = "failed to push: Permission to a/b.git denied to deploy key";
        let status = ready("False", "GitOperationFailed", message);
        let found = judged(vec![automation(false, &status)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].verdict, Verdict::Bad);
        assert_eq!(
            found[0].text,
            "Git: ImageUpdateAutomation team/app is refused: GitOperationFailed"
        );
        let advice = "the key may only read: give it write access at the Git server";
        assert_eq!(found[0].detail, [message, advice]);
        assert_eq!(found[0].hints, ["kubectl imgauto why update/app -n team"]);
    }

    #[test]
    fn what_is_no_refusal_of_git_is_not_told_here() {
        for (suspend, status) in [
            (false, ready("True", "Succeeded", "repository up-to-date")),
            (false, ready("False", "InvalidPolicySelector", "x")),
            (true, ready("False", "GitOperationFailed", "x")),
        ] {
            let found = judged(vec![automation(suspend, &status)]);
            let good = found.iter().all(|finding| finding.verdict == Verdict::Good);
            assert!(good, "{found:?}");
        }
        let fresh = judged(vec![automation(false, &json!(null))]);
        assert_eq!(fresh[0].verdict, Verdict::Warning);
        assert_eq!(
            judged(Vec::new())[0].text,
            "Git: no automation to look at yet"
        );
    }
}
