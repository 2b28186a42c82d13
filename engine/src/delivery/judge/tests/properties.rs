use proptest::prelude::{
    BoxedStrategy, Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;
use crate::delivery::facts::{Stray, StrayFault, Waiting};

fn tag() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["1.9.0", "1.8.4", "2.0.0"]).prop_map(str::to_owned)
}

fn digest() -> impl Strategy<Value = Option<String>> {
    let digests = prop::sample::select(vec![DIGEST, OTHER_DIGEST]);
    prop::option::of(digests.prop_map(str::to_owned))
}

fn seen<T: Clone + std::fmt::Debug + 'static>(
    there: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Seen<T>> {
    prop_oneof![
        8 => there.prop_map(Seen::Present),
        1 => Just(Seen::Absent),
        1 => Just(Seen::Hidden("it may not be looked at".to_owned())),
    ]
    .boxed()
}

fn conditions() -> impl Strategy<Value = Option<Condition>> {
    let statuses = prop::sample::select(vec![
        ConditionStatus::True,
        ConditionStatus::False,
        ConditionStatus::Unknown,
    ]);
    let messages = prop::sample::select(vec![
        "",
        "scan failed: UNAUTHORIZED: no",
        "no tags in database",
        "version list argument cannot be empty",
        "failed to update source: no",
        "failed fetching digest of a:1: no",
        "template uses removed '.Updated' field.",
        "anything\nelse",
    ]);
    let reasons = prop::sample::select(vec!["Succeeded", "Failure", "DependencyNotReady"]);
    let condition = (statuses, reasons, messages, prop::bool::weighted(0.1)).prop_map(
        |(status, reason, message, is_outdated)| Condition {
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            is_outdated,
        },
    );
    prop_oneof![3 => Just(ready()), 1 => Just(None), 1 => condition.prop_map(Some)]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

fn repositories() -> impl Strategy<Value = RepositoryFacts> {
    let scans = prop::option::weighted(0.8, (0..50_i64, any::<Option<Duration>>()));
    (rarely(), conditions(), scans).prop_map(|(is_suspended, ready, scan)| RepositoryFacts {
        is_suspended,
        ready,
        scan: scan.map(|(tags, age)| ScanFacts { tags, age }),
        ..repository()
    })
}

fn policies() -> impl Strategy<Value = PolicyFacts> {
    let chosen = prop::option::weighted(0.9, (tag(), digest()));
    let ranges = prop::sample::select(vec!["^1.8", "1.9.0", ">>"]);
    (rarely(), conditions(), chosen, ranges).prop_map(|(is_suspended, ready, chosen, range)| {
        PolicyFacts {
            is_suspended,
            ready,
            latest: chosen.and_then(|(tag, digest)| latest(&tag, digest.as_deref())),
            rule: rule(&semver(range)),
            ..policy()
        }
    })
}

fn markers() -> impl Strategy<Value = MarkerFacts> {
    let sites = prop_oneof![
        4 => Just(Site::ThisContainer),
        1 => Just(Site::Values),
        1 => Just(Site::OtherContainer("deployment/a, container a".to_owned())),
    ];
    let faults = prop_oneof![
        Just(StrayFault::UnknownPolicy { similar: None }),
        Just(StrayFault::OtherNamespace {
            automation: "a".to_owned()
        }),
        Just(StrayFault::OutsidePath("./a".to_owned())),
        Just(StrayFault::NotSelected),
        Just(StrayFault::Unusable("bad".to_owned())),
    ];
    let live = prop::collection::vec(sites, 0..3);
    let strays = prop::collection::vec(faults, 0..2);
    let gaps = prop::collection::vec(Just("a gap".to_owned()), 0..2);
    (live, strays, gaps).prop_map(|(live, strays, gaps)| MarkerFacts {
        live: live
            .into_iter()
            .map(|site| Marker { site, ..marker() })
            .collect(),
        strays: strays
            .into_iter()
            .map(|fault| Stray {
                file: "a.yaml".to_owned(),
                line: None,
                setter: "a:b".to_owned(),
                automation: None,
                fault,
            })
            .collect(),
        gaps,
    })
}

fn automations() -> impl Strategy<Value = Vec<AutomationFacts>> {
    let branch = prop::option::of(prop::sample::select(vec!["main", "updates"]));
    let selects = prop_oneof![4 => Just(Selects::Takes), 1 => Just(Selects::LeavesOut)];
    let names = prop::sample::select(vec!["apps", "other"]);
    let stalled = prop_oneof![9 => Just(None), 1 => conditions()];
    let one = (names, selects, rarely(), conditions(), stalled, branch).prop_map(
        |(name, selects, is_suspended, ready, stalled, push_branch)| AutomationFacts {
            selects,
            is_suspended,
            ready,
            stalled,
            push_branch: push_branch.map(str::to_owned),
            ..automation(name)
        },
    );
    prop::collection::vec(one, 0..3)
}

fn commits() -> impl Strategy<Value = Option<Committed>> {
    let known = prop::sample::select(vec![Known::Read, Known::Inferred]);
    let one = (prop::option::weighted(0.9, tag()), digest(), known);
    prop::option::weighted(0.9, one).prop_map(|one| {
        one.map(|(tag, digest, known)| Committed {
            tag,
            digest,
            known,
            ..committed("")
        })
    })
}

fn appliers() -> impl Strategy<Value = ApplierFacts> {
    (rarely(), conditions()).prop_map(|(is_suspended, ready)| ApplierFacts {
        is_suspended,
        ready,
        ..applier()
    })
}

fn workloads() -> impl Strategy<Value = WorkloadFacts> {
    let images = (tag(), digest(), rarely()).prop_map(|(tag, digest, is_broken)| {
        let digest = digest.map_or_else(String::new, |digest| format!("@{digest}"));
        let name = if is_broken {
            "Not an image"
        } else {
            "ghcr.io/acme/web"
        };
        format!("{name}:{tag}{digest}")
    });
    let setters = prop::option::of(prop::sample::select(vec![
        "kustomize-controller",
        "kubectl-set",
        "keel",
    ]));
    let pods =
        (prop::option::weighted(0.9, tag()), digest()).prop_map(|(tag, digest)| RunningFacts {
            tag,
            digest,
            ..running("", None)
        });
    let pods = seen(prop::collection::vec(pods, 0..3));
    let waits = prop::sample::select(vec!["ImagePullBackOff", "CrashLoopBackOff"]);
    let waits = prop::collection::vec(waits, 0..2);
    let endings = prop::option::of(prop::sample::select(vec![
        Ending::Complete,
        Ending::UnderWay,
        Ending::Failed,
        Ending::Refused,
    ]));
    let admissions = prop_oneof![
        4 => Just(Admission::NotAsked),
        1 => Just(Admission::Marked),
        1 => Just(Admission::Unmarked("warn".to_owned())),
    ];
    (images, setters, pods, waits, endings, admissions).prop_map(
        |(image, by, running, waits, ending, admission)| WorkloadFacts {
            image,
            setter: by.and_then(setter),
            running,
            waiting: waits
                .into_iter()
                .map(|reason| Waiting {
                    message: String::new(),
                    ..reasons::waiting(reason, "")
                })
                .collect(),
            rollout: ending.and_then(|ending| rollout(ending, "some of them")),
            admission,
        },
    )
}

fn worlds() -> impl Strategy<Value = World> {
    let care = prop_oneof![
        8 => Just(Care::Policy(name("web"))),
        1 => Just(Care::Nobody),
        1 => Just(Care::Ambiguous(vec![name("a"), name("b")])),
    ];
    let above = (
        seen(repositories()),
        seen(policies()),
        seen(markers()),
        seen(automations()),
    );
    let below = (
        commits(),
        seen(appliers()),
        prop::option::weighted(0.9, workloads()),
    );
    (care, above, below).prop_map(|(care, above, below)| World {
        care,
        repository: above.0,
        policy: above.1,
        markers: above.2,
        automations: above.3,
        committed: below.0,
        applier: below.1,
        workload: below.2,
    })
}

/// Whether two versions may be the same: nothing both say is different.
fn may_be(wanted: &LatestRef, tag: Option<&str>, digest: Option<&str>) -> bool {
    let digests = wanted.digest.as_deref().zip(digest);
    match digests {
        Some((wanted, has)) => wanted == has,
        None => tag == Some(wanted.tag.as_str()),
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(2000))]

    #[test]
    fn there_are_seven_checks_and_nothing_is_reached_beyond_a_broken_one(world in worlds()) {
        let judgement = world.judge();
        let links: Vec<Link> = judgement.checks.iter().map(|check| check.link).collect();
        prop_assert_eq!(links, Link::ALL);
        let broken = judgement.checks.iter().position(|check| matches!(check.verdict, CheckVerdict::Broken(_)));
        for (place, check) in judgement.checks.iter().enumerate() {
            let is_beyond = broken.is_some_and(|broken| place > broken);
            prop_assert_eq!(check.verdict == CheckVerdict::NotReached, is_beyond);
            prop_assert!(!check.text.is_empty() && !check.text.contains('\n'), "{:?}", check);
        }
    }

    #[test]
    fn the_reason_is_that_of_the_broken_link(world in worlds()) {
        let judgement = world.judge();
        if let Some(broken) = judgement.first_broken() {
            prop_assert_eq!(broken.verdict, CheckVerdict::Broken(judgement.reason.unwrap()));
            prop_assert_eq!(Some(broken.link), judgement.reason.map(Reason::link));
            prop_assert_eq!(&broken.text, &judgement.message);
        }
        let says_it_all = judgement.state == State::Synced;
        prop_assert_eq!(judgement.message.is_empty(), says_it_all);
    }

    #[test]
    fn synced_means_that_what_is_wanted_is_committed_and_runs(world in worlds()) {
        let judgement = world.judge();
        if matches!(judgement.state, State::Synced | State::Pinned) {
            let Seen::Present(policy) = &world.policy else { panic!("{world:?}") };
            let wanted = policy.latest.as_ref().unwrap();
            if let Some(committed) = &world.committed {
                let has_tag = committed.tag.is_some();
                prop_assert!(!has_tag || committed.tag.as_deref() == Some(wanted.tag.as_str()));
            }
            let workload = world.workload.as_ref().unwrap();
            if let Seen::Present(running) = &workload.running {
                for running in running {
                    prop_assert!(may_be(wanted, running.tag.as_deref(), running.digest.as_deref()));
                }
            }
        }
    }

    #[test]
    fn what_is_hidden_is_never_broken(world in worlds()) {
        let judgement = world.judge();
        let verdict = |link: Link| judgement.checks[link as usize].verdict;
        let hidden = [
            (Link::Automation, matches!(world.automations, Seen::Hidden(_))),
            (Link::Marker, matches!(world.markers, Seen::Hidden(_)) && !matches!(world.policy, Seen::Absent)),
        ];
        for (link, is_hidden) in hidden {
            prop_assert!(!is_hidden || !matches!(verdict(link), CheckVerdict::Broken(_)), "{link}");
        }
    }
}
