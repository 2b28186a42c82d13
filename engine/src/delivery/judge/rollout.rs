//! Whether what is applied runs.

use super::Finding;
use super::wording::{count, line};
use crate::delivery::facts::{Facts, Seen, Waiting, WorkloadFacts};
use crate::delivery::standing::{Match, Standing, Version};
use crate::delivery::{Reason, State};
use crate::rollout::Ending;

/// What a kubelet says of an image it does not get.
const PULL_FAULTS: &[&str] = &[
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

pub(super) fn look(facts: &Facts<'_>) -> Finding {
    let Some(workload) = &facts.workload else {
        return Finding::unknown("no workload was looked at");
    };
    let unpulled = workload
        .waiting
        .iter()
        .find(|waiting| PULL_FAULTS.contains(&waiting.reason.as_str()));
    if let Some(waiting) = unpulled {
        return Finding::broken(Reason::ImagePullFailed, State::Degraded, pull(waiting));
    }
    let rollout = workload.rollout.as_ref();
    let told = rollout.map_or("", |rollout| rollout.text.as_str());
    let started = Standing::of(facts).started;
    match rollout.map(|rollout| rollout.ending) {
        Some(Ending::Failed) => {
            let text = format!("{told}{}", waits(workload));
            Finding::broken(Reason::ProgressDeadlineExceeded, State::Degraded, text)
        }
        Some(Ending::UnderWay) => {
            Finding::under_way(format!("rolling out, {told}{}", waits(workload)))
        }
        ending => match (&workload.running, started) {
            (Seen::Hidden(why), _) => Finding::unknown(why),
            (_, Match::Unknown) => Finding::unknown("it cannot be told what the pods run"),
            (_, Match::Other) if ending == Some(Ending::Refused) => {
                Finding::under_way(format!("rolling out, {told}"))
            }
            (_, Match::Other) => {
                Finding::under_way(format!("rolling out, pods still run {}", others(workload)))
            }
            (_, Match::Same) => Finding::holds(match told {
                "" => pods(workload),
                told => told.to_owned(),
            }),
        },
    }
}

fn pull(waiting: &Waiting) -> String {
    let pods = count(waiting.pods, "pod", "pods");
    let cannot = if waiting.reason == "InvalidImageName" {
        format!(
            "{pods} cannot start: \"{}\" is no image",
            line(&waiting.image)
        )
    } else {
        format!(
            "{pods} cannot pull {} ({})",
            line(&waiting.image),
            waiting.reason
        )
    };
    match line(&waiting.message).as_str() {
        "" => cannot,
        message => format!("{cannot}: {message}"),
    }
}

/// What else containers wait for: a crash that is repeated, a Secret that is not there.
fn waits(workload: &WorkloadFacts) -> String {
    const ORDINARY: &[&str] = &["ContainerCreating", "PodInitializing"];
    let waiting = workload
        .waiting
        .iter()
        .find(|waiting| !ORDINARY.contains(&waiting.reason.as_str()));
    waiting.map_or_else(String::new, |waiting| {
        let pods = count(waiting.pods, "pod waits", "pods wait");
        format!(", {pods}: {}", waiting.reason)
    })
}

fn pods(workload: &WorkloadFacts) -> String {
    let running = workload.running.present();
    let pods = running.into_iter().flatten().map(|running| running.pods);
    count(pods.fold(0, u32::saturating_add), "pod", "pods")
}

/// The versions that run and are not the one of the spec.
fn others(workload: &WorkloadFacts) -> String {
    let spec = crate::image::Reference::parse(&workload.image).ok();
    let spec = spec.as_ref().map(Version::of).unwrap_or_default();
    let running = workload.running.present().into_iter().flatten();
    let others: Vec<String> = running
        .map(Version::running)
        .filter(|running| spec.compare_running(*running) == Match::Other)
        .map(Version::short)
        .collect();
    others.join(", ")
}
