//! What the webhook needs breaks, and it comes back by itself; nothing is decided otherwise than it should be meanwhile.

use std::time::{Duration, Instant};

use harness::load::Load;
use harness::population::wait_until;
use harness::program::{output, run};
use harness::replicas::ReplicasOptions;
use harness::silence::SilentWay;
use harness::{ControlPlane, Namespace, Replicas};

use crate::webhook_endure::{
    HOME, PATIENCE, authority, deployment, enforced, set_policy, settles, steady, tally,
};

/// How long a call may hang before the API server gives it up, and what a busy machine adds.
const CALL: Duration = Duration::from_secs(10 + 5);

fn two<'a>(plane: &'a ControlPlane, suffix: &str) -> Replicas<'a> {
    let options = ReplicasOptions {
        suffix,
        count: 2,
        flags: &["--drain-delay=1s"],
        kubeconfig: None,
    };
    Replicas::start(plane, options)
}

/// Waits until an image is let in or not.
fn is_taken(namespace: &Namespace<'_>, tag: &str, taken: bool) {
    let file = namespace.home().join("tried.json");
    std::fs::write(&file, deployment(tag).to_string()).unwrap();
    let begun = Instant::now();
    loop {
        let mut kubectl = namespace.kubectl();
        let tried = kubectl.args(["create", "--dry-run=server", "--filename"]);
        let tried = harness::program::output(tried.arg(&file));
        let said = String::from_utf8_lossy(&tried.stderr);
        let is_decided = tried.status.success() || said.contains("denied the request");
        if is_decided && tried.status.success() == taken {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{tag} is decided otherwise: {said}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Deletes the Secret of the authority and waits until somebody has made it again.
fn is_robbed_and_recovers(namespace: &Namespace<'_>, secret: &str) {
    let secret = |verb| {
        let mut kubectl = namespace.kubectl();
        kubectl.args([verb, "secret", secret, "--namespace", HOME]);
        kubectl
    };
    run(&mut secret("delete"));
    wait_until(
        PATIENCE,
        || output(&mut secret("get")).status.success(),
        || "the Secret does not come back".to_owned(),
    );
}

#[test]
fn a_replica_that_is_killed_takes_no_more_with_it_than_what_it_was_asked() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "killed");
    let mut replicas = two(plane, "killed");
    settles(&namespace);
    let load = Load::start(&namespace, steady());
    load.wait_for(100);
    let killed = Instant::now();
    replicas.kill(0);
    load.wait_for(100);
    replicas.add();
    load.wait_for(50);
    let healed = Instant::now();
    load.wait_for(100);
    let tally = tally(&load.stop());
    assert!(tally.wrong.is_empty(), "{tally:?}");
    for (sent, message) in &tally.failed {
        let was_before = *sent + CALL < killed;
        assert!(!was_before && *sent < healed, "{message}");
    }
    settles(&namespace);
}

#[test]
fn a_replica_that_is_frozen_is_left_alone_and_taken_back() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "frozen");
    let mut replicas = two(plane, "frozen");
    settles(&namespace);
    let load = Load::start(&namespace, steady());
    load.wait_for(100);
    replicas.running()[0].freeze();
    replicas.wait_until_left_alone(0);
    // Connections that were up lead there still, until the API server has given up each of them.
    std::thread::sleep(CALL);
    load.wait_for(100);
    replicas.running()[0].thaw();
    replicas.wait_until_called(0);
    let tally = tally(&load.stop());
    assert!(tally.wrong.is_empty(), "{tally:?}");
    assert!(tally.failed.len() < tally.total / 2, "{tally:?}");
    settles(&namespace);
}

#[test]
fn an_api_server_that_was_away_is_found_again() {
    let plane = ControlPlane::private();
    let namespace = enforced(&plane, "away");
    let replicas = two(&plane, "away");
    settles(&namespace);
    plane.kill();
    // It answers on, from what it knows.
    for replica in replicas.running() {
        assert_eq!(replica.readiness(), "ok");
    }
    plane.start_again();
    settles(&namespace);
    set_policy(&namespace, "web", ">=1.0.0");
    is_taken(&namespace, "2.0.0", true);
    for replica in replicas.running() {
        let heard = "imgauto_watch_connected{kind=\"ImagePolicy\"}";
        assert_eq!(replica.counted(heard) as u8, 1, "{}", replica.metrics());
    }
}

#[test]
fn a_watch_that_dies_without_a_word_is_noticed() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "silent");
    let way = SilentWay::start(plane);
    let options = ReplicasOptions {
        suffix: "silent",
        count: 1,
        flags: &["--drain-delay=1s"],
        kubeconfig: Some(way.kubeconfig()),
    };
    let replicas = Replicas::start(plane, options);
    settles(&namespace);
    is_taken(&namespace, "2.0.0", false);
    way.forget();
    set_policy(&namespace, "web", ">=1.0.0");
    // Certificates are asked for on connections of their own, which are given up sooner.
    let before = authority(plane, &replicas);
    is_robbed_and_recovers(&namespace, &replicas.secret());
    assert_eq!(authority(plane, &replicas), before);
    is_taken(&namespace, "2.0.0", true);
}

#[test]
fn certificates_that_somebody_takes_away_come_back_in_seconds() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "robbed");
    let replicas = two(plane, "robbed");
    settles(&namespace);
    let before = authority(plane, &replicas);
    let load = Load::start(&namespace, steady());
    load.wait_for(50);

    // The Secret is not asked for when somebody calls.
    is_robbed_and_recovers(&namespace, &replicas.secret());
    assert_eq!(authority(plane, &replicas), before);
    let tally_of_loss = tally(&load.stop());
    tally_of_loss.is_perfect();

    // Without anybody to trust nothing is let in where rules are enforced, until it comes back.
    let load = Load::start(&namespace, steady());
    load.wait_for(50);
    let robbed = Instant::now();
    replicas.configure();
    settles(&namespace);
    assert!(robbed.elapsed() < PATIENCE);
    let tally = tally(&load.stop());
    assert!(tally.wrong.is_empty(), "{tally:?}");
    for (sent, message) in &tally.failed {
        assert!(message.contains("x509"), "{message}");
        assert!(*sent + CALL > robbed, "{message}");
    }
}

#[test]
fn policies_that_change_all_the_time_cost_no_memory() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "churn");
    let replicas = two(plane, "churn");
    settles(&namespace);
    let names: Vec<_> = (0..20).map(|number| format!("policy-{number}")).collect();
    let churn = |range: &str| {
        let all = names.iter().map(|name| {
            format!(
                "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\n\
                 spec: {{imageRepositoryRef: {{name: other}}, policy: {{semver: {{range: \"{range}\"}}}}}}\n"
            )
        });
        namespace.apply(&all.collect::<Vec<_>>().join("---\n"));
    };
    churn("1.x");
    settles(&namespace);
    let memory = |index: usize| replicas.running()[index].memory().0;
    let before = [memory(0), memory(1)];
    let load = Load::start(&namespace, steady());
    for round in 0..10 {
        churn(&format!("{}.x", round + 2));
    }
    load.wait_for(50);
    tally(&load.stop()).is_perfect();
    for (index, before) in before.into_iter().enumerate() {
        let after = memory(index);
        assert!(after < before + (16 << 20), "{before} bytes became {after}");
        let known = "imgauto_policy_snapshot_objects{kind=\"ImagePolicy\"}";
        assert!(replicas.running()[index].counted(known) >= 21.0);
    }
}
