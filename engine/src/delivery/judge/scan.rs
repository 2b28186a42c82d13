//! Whether the registry is asked for tags, and answers.

use super::Finding;
use super::wording::{ago, and_ago, count, is_true, line, mentions, refusal};
use crate::delivery::facts::{Condition, Facts, RepositoryFacts, Seen};
use crate::delivery::{Reason, State};

pub(super) fn look(facts: &Facts<'_>) -> Finding {
    let policy = facts.policy.present();
    let repository = match &facts.repository {
        Seen::Hidden(why) => return told_by_policy(facts).unwrap_or_else(|| Finding::unknown(why)),
        Seen::Absent => {
            let text = match policy {
                Some(policy) => format!("there is no ImageRepository {}", policy.repository),
                None => "there is no ImageRepository".to_owned(),
            };
            return Finding::broken(Reason::RepositoryNotReady, State::Blocked, text);
        }
        Seen::Present(repository) => repository,
    };
    let name = format!("ImageRepository {}", repository.name);
    if repository.is_suspended {
        let text = format!("{name} is suspended{}", last_scan(repository));
        return Finding::broken(Reason::RepositoryNotReady, State::Suspended, text);
    }
    if let Some(refused) = refusal(repository.ready.as_ref()) {
        let text = format!("{name}: {}", line(&refused.message));
        return Finding::broken(classify(refused), State::Blocked, text);
    }
    if let Some(finding) = told_by_policy(facts) {
        return finding;
    }
    match repository.scan {
        None => Finding::under_way(format!("{name} has not been scanned yet")),
        Some(scan) => {
            let tags = count(scan.tags, "tag", "tags");
            let text = format!("{name}: {tags}{}", and_ago(scan.age));
            match &repository.ready {
                Some(_) if !is_true(repository.ready.as_ref()) => Finding::under_way(text),
                _ => Finding::holds(text),
            }
        }
    }
}

/// What a policy says that met the registry, or the right to use the repository, by itself.
fn told_by_policy(facts: &Facts<'_>) -> Option<Finding> {
    let policy = facts
        .policy
        .present()
        .filter(|policy| !policy.is_suspended)?;
    let refused = refusal(policy.ready.as_ref()).filter(|refused| is_about_repository(refused))?;
    let text = format!("ImagePolicy {}: {}", policy.name, line(&refused.message));
    Some(Finding::broken(classify(refused), State::Blocked, text))
}

fn last_scan(repository: &RepositoryFacts) -> String {
    let age = repository.scan.and_then(|scan| scan.age);
    age.map_or_else(String::new, |age| format!(", last scan {}", ago(age)))
}

/// Whether what a policy says is the fault of its repository or of the registry.
pub(super) fn is_about_repository(condition: &Condition) -> bool {
    const NO_TAGS: &str = "no tags in database";
    match condition.reason.as_str() {
        "AccessDenied" | "ImageURLInvalid" => true,
        "DependencyNotReady" => !condition.message.contains(NO_TAGS),
        _ => condition.message.starts_with("failed fetching digest of "),
    }
}

/// Sorts what is said of a scan that failed, in the words of registries, of Flux's reconciler and of ours.
fn classify(condition: &Condition) -> Reason {
    const LIMITED: &[&str] = &[
        "toomanyrequests",
        "too_many_requests",
        "too many requests",
        "status code 429",
        "the host asked to wait",
        "rate limit",
    ];
    const REFUSED: &[&str] = &[
        "unauthorized",
        "authentication required",
        "denied: ",
        "insufficient_scope",
        "no basic auth credentials",
        "status code 401",
        "status code 403",
        "401 unauthorized",
        "403 forbidden",
    ];
    let message = &condition.message;
    if mentions(message, LIMITED) {
        Reason::RateLimited
    } else if condition.reason == "AuthenticationFailed"
        || (condition.reason != "AccessDenied" && mentions(message, REFUSED))
    {
        Reason::AuthFailed
    } else {
        Reason::RepositoryNotReady
    }
}
