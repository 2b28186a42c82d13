//! What stands in the cells of a report, in words for people.

use api::WorkloadKind;
use engine::delivery::State;
use engine::image::Reference;
use jiff::Timestamp;

use crate::observe::{
    Certainty, Committed, Ending, Origin, Progress, Role, Row, Running, Workload,
};
use crate::session::printable;

/// What stands where there is nothing to show.
pub(crate) const NOTHING: &str = "-";

/// How digests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digests {
    /// All of their digits.
    Whole,
    /// The first seven digits.
    Short,
}

/// `deploy/podinfo`, as narrow tables have it.
pub(crate) fn short_name(workload: &Workload) -> String {
    format!("{}/{}", workload.kind.short(), workload.name)
}

/// `default/deploy/podinfo`.
pub(crate) fn short_place(workload: &Workload) -> String {
    format!("{}/{}", workload.namespace, short_name(workload))
}

/// `deployment/podinfo`, as kubectl takes it.
pub(crate) fn long_name(workload: &Workload) -> String {
    format!("{}/{}", workload.kind.singular(), workload.name)
}

/// `default/deployment/podinfo`.
pub(crate) fn long_place(workload: &Workload) -> String {
    format!("{}/{}", workload.namespace, long_name(workload))
}

/// `deployment.apps/podinfo`, as `kubectl get -o name` prints it.
pub(crate) fn resource_name(workload: &Workload) -> String {
    let Workload { kind, name, .. } = workload;
    match kind.group() {
        "" => format!("{}/{name}", kind.singular()),
        group => format!("{}.{group}/{name}", kind.singular()),
    }
}

/// The workloads of these rows, each once, as `kubectl get -o name` prints them.
pub(crate) fn names(rows: &[&Row]) -> String {
    let names = rows.iter().map(|row| resource_name(&row.workload) + "\n");
    let mut names: Vec<_> = names.collect();
    names.dedup();
    names.concat()
}

/// The container, and what it is for unless it is an ordinary one.
pub(crate) fn container(row: &Row) -> String {
    match role(row.role) {
        None => row.container.clone(),
        Some(role) => format!("{} ({role})", row.container),
    }
}

/// The word for what a container is for; none for an ordinary one.
pub(crate) fn role(role: Role) -> Option<&'static str> {
    match role {
        Role::Main => None,
        Role::Init => Some("init"),
        Role::Sidecar => Some("sidecar"),
        Role::Volume => Some("volume"),
    }
}

/// The policy that looks after the image, with a tilde if that is guessed.
pub(crate) fn policy(row: &Row) -> String {
    tied(row, |key| key.to_string())
}

/// The same without the policy's namespace.
pub(crate) fn policy_name(row: &Row) -> String {
    tied(row, |key| key.name.clone())
}

fn tied(row: &Row, name: impl Fn(&reconciler::resources::ObjectKey) -> String) -> String {
    row.policy.as_ref().map_or(NOTHING.to_owned(), |tie| {
        let tilde = match tie.certainty {
            Certainty::Stated => "",
            Certainty::Guessed => "~",
        };
        format!("{tilde}{}", name(&tie.policy))
    })
}

/// The tag that the policy chose.
pub(crate) fn wanted(row: &Row) -> String {
    let wanted = row.wanted.as_ref();
    wanted.map_or(NOTHING.to_owned(), |wanted| wanted.tag.clone())
}

/// What is committed: a tilde in front if only a status says so, a question mark if nothing does.
pub(crate) fn git(row: &Row, digests: Digests) -> String {
    match &row.git {
        Some(git) => committed(git, digests),
        None if row.policy.is_some() => "?".to_owned(),
        None => NOTHING.to_owned(),
    }
}

/// The tag or else the digest of a commit.
pub(crate) fn committed(git: &Committed, digests: Digests) -> String {
    let tilde = match git.origin {
        Origin::Checkout | Origin::Inventory => "",
        Origin::Status => "~",
    };
    let version = version(git.tag.as_deref(), git.digest.as_deref(), digests);
    format!("{tilde}{version}")
}

/// What runs, the oldest first: `7.2.0 > 7.2.1`.
pub(crate) fn running(row: &Row, digests: Digests) -> String {
    let versions = versions(&row.running, digests);
    if versions.is_empty() {
        NOTHING.to_owned()
    } else {
        versions.join(" > ")
    }
}

/// The versions that run, each once; digests are shown where the tags alone would look the same.
pub(crate) fn versions(running: &[Running], digests: Digests) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for one in running {
        let tag = one.tag.as_deref();
        let twins = running.iter().filter(|other| other.tag.as_deref() == tag);
        let mut twin_digests: Vec<_> = twins.filter_map(|twin| twin.digest.as_deref()).collect();
        twin_digests.sort_unstable();
        twin_digests.dedup();
        let version = match (tag, one.digest.as_deref()) {
            (Some(tag), Some(digest)) if twin_digests.len() > 1 => {
                format!("{tag}@{}", short_digest(digest, digests))
            }
            (tag, digest) => version(tag, digest, digests),
        };
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    versions
}

/// A tag, or else a digest.
pub(crate) fn version(tag: Option<&str>, digest: Option<&str>, digests: Digests) -> String {
    match (tag, digest) {
        (Some(tag), _) => tag.to_owned(),
        (None, Some(digest)) => short_digest(digest, digests),
        (None, None) => NOTHING.to_owned(),
    }
}

/// A digest with its algorithm, cut if that is wanted.
pub(crate) fn short_digest(digest: &str, digests: Digests) -> String {
    const DIGITS: usize = 7;
    let (algorithm, digits) = digest.split_once(':').unwrap_or(("", digest));
    match digits.get(..DIGITS) {
        Some(kept) if digests == Digests::Short && digits.len() > DIGITS => {
            let colon = if algorithm.is_empty() { "" } else { ":" };
            format!("{algorithm}{colon}{kept}…")
        }
        _ => digest.to_owned(),
    }
}

/// The tag or digest of an image, as a spec names it; what names neither is `latest`.
pub(crate) fn spec_version(image: &str) -> String {
    match Reference::parse(image) {
        Ok(image) => version(image.tag(), image.digest(), Digests::Short),
        Err(_) => image.to_owned(),
    }
}

/// How many of the pods are new and available; nothing for what has pods only from time to time.
pub(crate) fn rollout(row: &Row) -> String {
    match &row.rollout {
        Some(progress) if row.workload.kind != WorkloadKind::CronJob => {
            format!("{}/{}", fresh(progress), progress.desired)
        }
        _ => NOTHING.to_owned(),
    }
}

/// How many of the pods are made from the newest template, as far as they are available.
///
/// What is available counts old pods as well, so that the smaller number says how far it is.
pub(crate) fn fresh(progress: &Progress) -> i32 {
    progress.updated.min(progress.available).max(0)
}

/// Whether something is still rolling out.
pub(crate) fn is_under_way(row: &Row) -> bool {
    let end = row.rollout.as_ref().map(|progress| progress.end);
    end == Some(Ending::UnderWay)
}

/// A text in one line, without anything that would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    let words: Vec<_> = text.split(['\n', '\r', '\t']).collect();
    printable(&words.join(" ")).into_owned()
}

/// The reason and what is said of it, as far as there is anything.
pub(crate) fn explanation(row: &Row) -> String {
    let message = plain(&row.judgement.message);
    match row.judgement.reason {
        Some(reason) if message.is_empty() => reason.to_string(),
        Some(reason) => format!("{reason}: {message}"),
        None => message,
    }
}

/// `main@3f9c2ab`, as much of it as is known.
pub(crate) fn revision(git: &Committed) -> Option<String> {
    const DIGITS: usize = 7;
    let short = |commit: &String| commit.get(..DIGITS).unwrap_or(commit).to_owned();
    match (&git.branch, git.commit.as_ref().map(short)) {
        (Some(branch), Some(commit)) => Some(format!("{branch}@{commit}")),
        (branch, commit) => branch.clone().or(commit),
    }
}

/// `clusters/apps/web.yaml:21`.
pub(crate) fn place(git: &Committed) -> Option<String> {
    let file = git.file.as_ref()?;
    Some(match git.line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    })
}

/// The time between two moments, as kubectl rounds it: `41s`, `5m`, `3h`, `2d`.
pub(crate) fn elapsed(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How bad a state is, the worst first.
pub(crate) fn severity(state: State) -> usize {
    const ORDER: [State; 11] = [
        State::Blocked,
        State::Degraded,
        State::Drifted,
        State::Unknown,
        State::Suspended,
        State::RollingOut,
        State::Committed,
        State::UpdateAvailable,
        State::Pinned,
        State::Synced,
        State::Unmanaged,
    ];
    let place = ORDER.iter().position(|other| *other == state);
    place.unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::status::samples;

    #[test]
    fn every_state_has_its_place_among_the_others() {
        for state in State::ALL {
            assert!(severity(state) < State::ALL.len(), "{state}");
        }
    }

    #[test]
    fn digests_are_shown_where_tags_look_the_same() {
        let old = samples::pods("1.0", "sha256:1111111111", 1);
        let new = samples::pods("1.0", "sha256:2222222222", 2);
        let short = |running: &[Running]| versions(running, Digests::Short).join(" > ");
        assert_eq!(
            short(&[old.clone(), new.clone()]),
            "1.0@sha256:1111111… > 1.0@sha256:2222222…"
        );
        assert_eq!(short(&[old.clone(), old.clone()]), "1.0");
        let other = samples::pods("1.1", "sha256:2222222222", 2);
        assert_eq!(short(&[old, other]), "1.0 > 1.1");
        let untagged = Running { tag: None, ..new };
        assert_eq!(short(&[untagged]), "sha256:2222222…");
    }

    #[test]
    fn digests_without_an_algorithm_or_with_few_digits_stay_readable() {
        let rows = [
            ("sha256:8704da912345", "sha256:8704da9…"),
            ("8704da912345", "8704da9…"),
            ("sha256:8704", "sha256:8704"),
            ("", ""),
        ];
        for (digest, want) in rows {
            assert_eq!(short_digest(digest, Digests::Short), want);
            assert_eq!(short_digest(digest, Digests::Whole), digest);
        }
    }

    #[test]
    fn ages_are_rounded_down_to_one_unit() {
        let rows = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7199, "119m"),
            (7200, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (-5, "0s"),
        ];
        for (seconds, want) in rows {
            let since = Timestamp::from_second(1_000_000).unwrap();
            let now = Timestamp::from_second(1_000_000 + seconds).unwrap();
            assert_eq!(elapsed(since, now), want);
        }
    }
}
