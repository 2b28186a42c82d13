//! The cluster: its version, what the user may do, the kinds, and who else writes them.

use api::keys::IMGAUTO_GROUP;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::Stage;
use super::report::{Category, Finding};
use super::rights;
use super::seen::{Definition, Seen, There};
use crate::installation::definition::{self, Comparison};
use crate::installation::owner::Owner;
use crate::installation::{Controllers, OLDEST_KUBERNETES};

const HERE: Category = Category::Cluster;

/// Judges the cluster.
pub(super) fn findings(seen: &Seen, stage: Stage) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &seen.kubernetes {
        Err(error) => return vec![Finding::unanswered(HERE, error)],
        Ok(version) => {
            let (major, minor) = OLDEST_KUBERNETES;
            let text = format!("Kubernetes {} (needs >= {major}.{minor})", version.text);
            findings.push(if version.is_supported() {
                Finding::good(HERE, text)
            } else {
                Finding::bad(HERE, text).hint("update the cluster")
            });
        }
    }
    for held in &seen.rights {
        findings.push(match held {
            Ok(held) => rights::judge(held),
            Err(error) => Finding::hidden(HERE, error),
        });
    }
    match stage {
        Stage::Before => findings.extend(in_the_way(&seen.definitions)),
        Stage::After => findings.extend(served(&seen.definitions, who_works(seen))),
    }
    match &seen.controllers {
        Err(error) => findings.push(Finding::hidden(HERE, error)),
        Ok(controllers) => {
            findings.extend(controllers.gap().map(|gap| Finding::warning(HERE, gap)));
            findings.extend(competition(controllers, stage));
        }
    }
    findings
}

/// Whose controllers work in a cluster.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Workers {
    /// Those of imgauto, or none yet.
    Imgauto,
    /// Only those of Flux.
    Flux,
}

fn who_works(seen: &Seen) -> Workers {
    match &seen.controllers {
        Ok(found) if found.reconcilers().next().is_none() && found.rivals().next().is_some() => {
            Workers::Flux
        }
        _ => Workers::Imgauto,
    }
}

/// Whether the kinds are served: one line for those that are, one for each that is not.
fn served(definitions: &[Definition], workers: Workers) -> Vec<Finding> {
    let mut good: Vec<(String, Vec<String>)> = Vec::new();
    let mut findings = Vec::new();
    let mut absent = Vec::new();
    for Definition { object, there } in definitions {
        let ours = serde_json::from_value(object.value.clone());
        let Ok(ours): Result<CustomResourceDefinition, _> = ours else {
            continue;
        };
        let problem = match there {
            There::Hidden(error) => Some(Finding::hidden(HERE, error)),
            // Flux's controllers write no inventories.
            There::Nothing if workers == Workers::Flux && ours.spec.group == IMGAUTO_GROUP => {
                continue;
            }
            There::Nothing => {
                absent.push(definition::plural(&ours));
                continue;
            }
            There::Defined(there) => {
                findings.extend(old_storage(there));
                problem(&ours, there)
            }
            There::Served => None,
        };
        if let Some(finding) = problem {
            findings.push(finding);
            continue;
        }
        let version = definition::served(&ours).join(", ");
        let plural = definition::plural(&ours);
        match good.iter_mut().find(|(known, _)| *known == version) {
            Some((_, plurals)) => plurals.push(plural),
            None => good.push((version, vec![plural])),
        }
    }
    if !absent.is_empty() {
        let text = format!("CRDs are missing: {}", absent.join(", "));
        findings.push(Finding::bad(HERE, text).hint("kubectl imgauto install"));
    }
    let good = good.into_iter().map(|(version, plurals)| {
        Finding::good(HERE, format!("CRDs: {} at {version}", plurals.join(", ")))
    });
    good.chain(findings).collect()
}

/// What is wrong with a definition of the cluster.
fn problem(ours: &CustomResourceDefinition, there: &CustomResourceDefinition) -> Option<Finding> {
    let name = there.metadata.name.as_deref().unwrap_or_default();
    if !definition::is_established(there) {
        let text = format!("CRD {name} is not served yet");
        let hint = format!("kubectl describe crd {name}");
        return Some(Finding::bad(HERE, text).hint(hint));
    }
    let hint = match definition::definition_owner(there) {
        Owner::Imgauto => "kubectl imgauto install".to_owned(),
        Owner::Other(owner) => format!("update it where {owner} gets it from"),
    };
    match definition::compare(ours, there) {
        Comparison::Same => None,
        Comparison::Differs { missing } if missing.is_empty() => None,
        Comparison::Differs { missing } => {
            let text = format!("CRD {name} lacks {}", missing.join(", "));
            let finding = Finding::warning(HERE, text).at("what is written there is lost");
            Some(finding.hint(hint))
        }
        Comparison::Unserved { version, served } => {
            let text = format!("CRD {name} does not serve {version}");
            let finding = Finding::bad(HERE, text).at(format!("it serves {}", served.join(", ")));
            Some(finding.hint(hint))
        }
    }
}

/// Objects that may still be stored in a version that will go.
fn old_storage(there: &CustomResourceDefinition) -> Option<Finding> {
    let name = there.metadata.name.as_deref().unwrap_or_default();
    let old = definition::outdated_storage(there);
    (!old.is_empty()).then(|| {
        let text = format!(
            "CRD {name}: objects may still be stored as {}",
            old.join(", ")
        );
        Finding::warning(HERE, text).hint("flux migrate")
    })
}

/// Before an installation: definitions of others that will not do.
fn in_the_way(definitions: &[Definition]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut left = Vec::new();
    for Definition { object, there } in definitions {
        let there = match there {
            There::Hidden(error) => {
                findings.push(Finding::hidden(HERE, error));
                continue;
            }
            There::Nothing | There::Served => continue,
            There::Defined(there) => there,
        };
        let Ok(ours) = serde_json::from_value(object.value.clone()) else {
            continue;
        };
        if definition::definition_owner(there) == Owner::Imgauto {
            continue;
        }
        match problem(&ours, there) {
            Some(finding) => findings.push(finding),
            None => left.push(definition::plural(&ours)),
        }
    }
    let text = if left.is_empty() {
        "no CRD of others is in the way".to_owned()
    } else {
        format!("CRDs that stay with their owners: {}", left.join(", "))
    };
    findings.insert(0, Finding::good(HERE, text));
    findings
}

/// Flux's controllers that write the same objects.
fn competition(controllers: &Controllers, stage: Stage) -> Vec<Finding> {
    let ours_runs = controllers.reconcilers().any(|it| it.replicas() > 0);
    let rivals: Vec<_> = controllers.rivals().collect();
    if stage == Stage::After && !ours_runs {
        return Vec::new();
    }
    if rivals.is_empty() {
        let text = "no other controller writes the same objects";
        return vec![Finding::good(HERE, text)];
    }
    let also = match stage {
        Stage::Before => "runs",
        Stage::After => "also runs",
    };
    let findings = rivals.into_iter().map(|rival| {
        let text = format!("Flux {} {also} ({})", rival.role.name(), rival.namespace());
        Finding::bad(HERE, text)
            .at("two writers for the same objects")
            .hint("kubectl imgauto install --adopt")
    });
    findings.collect()
}

#[cfg(test)]
mod tests;
