use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn level() -> Generations {
    Generations {
        current: 2,
        observed: 2,
    }
}

fn deployment() -> Deployment {
    Deployment {
        generations: level(),
        desired: 2,
        replicas: 2,
        updated: 2,
        available: 2,
        progressing: Some("NewReplicaSetAvailable".to_owned()),
    }
}

fn stateful_set() -> StatefulSet {
    StatefulSet {
        generations: level(),
        strategy: Strategy::Rolling { partition: Some(0) },
        desired: 3,
        updated: 3,
        ready: 3,
        available: 3,
        current_revision: "db-2".to_owned(),
        update_revision: "db-2".to_owned(),
    }
}

fn daemon_set() -> DaemonSet {
    DaemonSet {
        generations: level(),
        strategy: Strategy::Rolling { partition: None },
        desired: 4,
        updated: 4,
        available: 4,
    }
}

#[track_caller]
fn check(workload: Workload, ending: Ending, text: &str) {
    let rollout = workload.rollout();
    assert_eq!((rollout.ending, rollout.text.as_str()), (ending, text));
}

#[test]
fn a_deployment_is_complete_when_new_pods_are_available_and_old_ones_gone() {
    let check = |deployment, ending, text| check(Workload::Deployment(deployment), ending, text);
    check(deployment(), Ending::Complete, "2 of 2 ready");
    let unseen = Generations {
        current: 3,
        observed: 2,
    };
    let changed = Deployment {
        generations: unseen,
        progressing: Some("ProgressDeadlineExceeded".to_owned()),
        ..deployment()
    };
    // What the status says is of the generation before.
    check(changed, Ending::UnderWay, UNOBSERVED);
    let some = Deployment {
        updated: 1,
        ..deployment()
    };
    check(some, Ending::UnderWay, "1 of 2 updated");
    for (old, text) in [
        (1, "1 old replica pending termination"),
        (2, "2 old replicas pending termination"),
    ] {
        let surge = Deployment {
            replicas: 2 + old,
            ..deployment()
        };
        check(surge, Ending::UnderWay, text);
    }
    let unavailable = Deployment {
        available: 1,
        ..deployment()
    };
    check(unavailable, Ending::UnderWay, "1 of 2 available");
    let stuck = Deployment {
        updated: 1,
        progressing: Some("ProgressDeadlineExceeded".to_owned()),
        ..deployment()
    };
    check(
        stuck,
        Ending::Failed,
        "exceeded its progress deadline, 1 of 2 updated",
    );
    let none = Deployment {
        generations: level(),
        ..Deployment::default()
    };
    check(none, Ending::Complete, "0 of 0 ready");
}

#[test]
fn a_stateful_set_leaves_the_pods_below_its_partition_alone() {
    let check = |set, ending, text| check(Workload::StatefulSet(set), ending, text);
    check(stateful_set(), Ending::Complete, "3 of 3 ready");
    let never_seen = StatefulSet {
        generations: Generations::default(),
        ..stateful_set()
    };
    check(never_seen, Ending::UnderWay, UNOBSERVED);
    let ready = StatefulSet {
        ready: 2,
        ..stateful_set()
    };
    check(ready, Ending::UnderWay, "2 of 3 ready");
    let some = StatefulSet {
        updated: 1,
        ..stateful_set()
    };
    check(some.clone(), Ending::UnderWay, "1 of 3 updated");
    let partition = StatefulSet {
        strategy: Strategy::Rolling { partition: Some(2) },
        ..some.clone()
    };
    check(
        partition.clone(),
        Ending::Complete,
        "1 of 3 updated, those below 2 are left alone",
    );
    let waiting = StatefulSet {
        updated: 0,
        ..partition
    };
    check(waiting, Ending::UnderWay, "0 of 1 updated");
    let beyond = StatefulSet {
        strategy: Strategy::Rolling { partition: Some(9) },
        updated: 0,
        ..stateful_set()
    };
    check(
        beyond,
        Ending::Complete,
        "0 of 3 updated, those below 9 are left alone",
    );
    let on_delete = StatefulSet {
        strategy: Strategy::OnDelete,
        ..some
    };
    check(
        on_delete,
        Ending::Refused,
        "1 of 3 updated, the others when they are deleted (OnDelete)",
    );
}

#[test]
fn a_stateful_set_without_a_partition_is_complete_at_one_revision() {
    let without = StatefulSet {
        strategy: Strategy::Rolling { partition: None },
        ..stateful_set()
    };
    check(
        Workload::StatefulSet(without.clone()),
        Ending::Complete,
        "3 of 3 ready",
    );
    let two = StatefulSet {
        update_revision: "db-3".to_owned(),
        updated: 1,
        ..without
    };
    check(
        Workload::StatefulSet(two),
        Ending::UnderWay,
        "1 of 3 updated",
    );
}

#[test]
fn a_daemon_set_is_complete_when_every_node_has_the_new_pod() {
    let check = |set, ending, text| check(Workload::DaemonSet(set), ending, text);
    check(daemon_set(), Ending::Complete, "4 of 4 ready");
    let some = DaemonSet {
        updated: 3,
        ..daemon_set()
    };
    check(some.clone(), Ending::UnderWay, "3 of 4 updated");
    let unavailable = DaemonSet {
        available: 3,
        ..daemon_set()
    };
    check(unavailable, Ending::UnderWay, "3 of 4 available");
    let unseen = DaemonSet {
        generations: Generations {
            current: 3,
            observed: 2,
        },
        ..daemon_set()
    };
    check(unseen, Ending::UnderWay, UNOBSERVED);
    let on_delete = DaemonSet {
        strategy: Strategy::OnDelete,
        ..some
    };
    check(
        on_delete,
        Ending::Refused,
        "3 of 4 updated, the others when they are deleted (OnDelete)",
    );
}

#[test]
fn a_replica_set_is_complete_when_its_pods_are_available() {
    let set = |replicas, available| {
        Workload::ReplicaSet(ReplicaSet {
            generations: level(),
            desired: 2,
            replicas,
            available,
        })
    };
    check(set(2, 2), Ending::Complete, "2 of 2 ready");
    check(set(2, 1), Ending::UnderWay, "1 of 2 available");
    check(set(3, 2), Ending::UnderWay, "1 replica too many");
    let unseen = ReplicaSet {
        generations: Generations {
            current: 1,
            observed: 0,
        },
        ..ReplicaSet::default()
    };
    check(Workload::ReplicaSet(unseen), Ending::UnderWay, UNOBSERVED);
}

#[test]
fn a_cron_job_never_waits() {
    for (active, is_suspended, text) in [
        (0, false, "takes effect at the next run"),
        (0, true, "suspended"),
        (1, false, "1 run under way"),
        (2, true, "2 runs under way"),
    ] {
        let cron_job = CronJob {
            active,
            is_suspended,
        };
        check(Workload::CronJob(cron_job), Ending::Complete, text);
    }
}

#[test]
fn a_job_has_to_run_and_not_to_end() {
    let job = |active, ready, end| {
        Workload::Job(Job {
            desired: 2,
            active,
            ready,
            succeeded: 1,
            is_suspended: false,
            end,
        })
    };
    check(job(1, 1, None), Ending::Complete, "1 of 2 completed");
    check(job(1, 0, None), Ending::UnderWay, "0 of 1 running");
    check(job(0, 0, None), Ending::UnderWay, "0 of 1 running");
    check(
        job(0, 0, Some(JobEnd::Complete)),
        Ending::Complete,
        "1 of 2 completed",
    );
    let failed = JobEnd::Failed("BackoffLimitExceeded".to_owned());
    check(
        job(0, 0, Some(failed)),
        Ending::Failed,
        "failed: BackoffLimitExceeded",
    );
    let suspended = Job {
        is_suspended: true,
        ..Job::default()
    };
    check(Workload::Job(suspended), Ending::Complete, "suspended");
}

#[test]
fn a_pod_has_to_be_ready_or_to_have_succeeded() {
    for (phase, is_ready, ending, text) in [
        ("Running", true, Ending::Complete, "running"),
        ("Running", false, Ending::UnderWay, "running, not ready"),
        ("Pending", false, Ending::UnderWay, "pending"),
        ("Succeeded", false, Ending::Complete, "succeeded"),
        ("Failed", false, Ending::Failed, "failed"),
        ("", false, Ending::UnderWay, "not seen by a kubelet yet"),
    ] {
        let pod = Pod {
            phase: phase.to_owned(),
            is_ready,
        };
        check(Workload::Pod(pod), ending, text);
    }
}

proptest! {
    #[test]
    fn a_complete_deployment_has_no_pod_that_is_old_or_unavailable(
        desired in 0..5_i32, replicas in 0..5_i32, updated in 0..5_i32, available in 0..5_i32,
    ) {
        let deployment = Deployment { generations: level(), desired, replicas, updated, available, progressing: None };
        let complete = Workload::Deployment(deployment).rollout().ending == Ending::Complete;
        prop_assert_eq!(complete, updated >= desired && replicas <= updated && available >= updated);
    }

    #[test]
    fn no_numbers_are_too_odd(desired in any::<i32>(), a in any::<i32>(), b in any::<i32>(), c in any::<i32>()) {
        let generations = level();
        let strategy = Strategy::Rolling { partition: Some(c) };
        let (current_revision, update_revision) = (String::new(), String::new());
        for workload in [
            Workload::Deployment(Deployment { generations, desired, replicas: a, updated: b, available: c, progressing: None }),
            Workload::StatefulSet(StatefulSet { generations, strategy, desired, updated: a, ready: b, available: c, current_revision, update_revision }),
            Workload::DaemonSet(DaemonSet { generations, strategy, desired, updated: a, available: b }),
            Workload::ReplicaSet(ReplicaSet { generations, desired, replicas: a, available: b }),
            Workload::Job(Job { desired, active: a, ready: b, succeeded: c, ..Job::default() }),
        ] {
            prop_assert!(!workload.rollout().text.is_empty());
        }
    }
}
