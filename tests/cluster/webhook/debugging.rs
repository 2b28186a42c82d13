//! Looking into pods with kubectl debug.

use std::time::{Duration, Instant};

use harness::program::{output, run};
use harness::{ControlPlane, Namespace, Webhook};
use k8s_openapi::api::core::v1::ServiceAccount;

use super::ground::{CURRENT, FOREIGN, PODS, guarded, label, namespace, pod, wait_until_guarded};
use super::sender::{Sender, drift};

/// What kubectl debug says, and whether it went well.
fn debug(namespace: &Namespace<'_>, arguments: &[&str]) -> (bool, String) {
    let mut kubectl = namespace.kubectl();
    let command = ["debug", "--attach=false", "--quiet", "web"];
    let done = output(kubectl.args(command).args(arguments));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.success(), said)
}

#[test]
fn tools_are_warned_of_where_none_are_listed_and_refused_where_others_are() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "debug", &[]);
    let namespace = guarded(plane, "debug", "enforce");
    namespace.settles("default", |_: &ServiceAccount| Some(()));
    let sender = Sender::new(&namespace);
    sender.create(PODS, &pod("web", CURRENT)).taken();
    let (done, said) = debug(&namespace, &["--image=busybox:1.36", "--container=one"]);
    let line = "ephemeral container one (not listed): to allow busybox:1.36, add it to imgauto.dev/debug-repositories of the namespace";
    assert!(done && said.contains(&format!("Warning: {line}")), "{said}");
    assert_eq!(
        drift(&sender.get(&format!("{PODS}/web"))),
        Some("none"),
        "the pod is what it was"
    );

    let list = "imgauto.dev/debug-repositories=docker.io/library/busybox, ghcr.io/acme/tools";
    run(namespace
        .kubectl()
        .args(["annotate", "namespace", namespace.name(), list]));
    let refused = |arguments: &[&str], name: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        // Until the webhook has heard of the list it warns; each try needs a name of its own.
        for attempt in 0.. {
            let container = format!("--container={name}-{attempt}");
            let (done, said) = debug(&namespace, &[arguments, &[&container]].concat());
            if !done {
                return said;
            }
            assert!(Instant::now() < deadline, "it is not refused: {said}");
        }
        unreachable!("the loop ends by itself")
    };
    let said = refused(&["--image=alpine"], "two");
    assert!(
        said.contains("(not listed): to allow alpine, add it to "),
        "{said}"
    );
    let said = refused(&[&format!("--image={FOREIGN}")], "three");
    assert!(said.contains("(not listed): "), "{said}");
    let allowed = [
        "busybox",
        "docker.io/busybox:1.37",
        "ghcr.io/acme/tools:1",
        CURRENT,
    ];
    for (number, image) in allowed.into_iter().enumerate() {
        let name = format!("--container=allowed-{number}");
        let (done, said) = debug(&namespace, &[&format!("--image={image}"), &name]);
        assert!(done && !said.contains("Warning: "), "{said}");
    }
}

#[test]
fn a_copy_of_a_pod_is_a_pod_like_any_other() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "copy", &[]);
    let namespace = namespace(plane, "copy", &[]);
    namespace.settles("default", |_: &ServiceAccount| Some(()));
    let sender = Sender::new(&namespace);
    // It is older than the rule.
    sender.create(PODS, &pod("web", FOREIGN)).taken();
    label(&namespace, &["imgauto.dev/mode=enforce"]);
    wait_until_guarded(&namespace, "enforce");
    let (done, said) = debug(&namespace, &["--image=busybox", "--copy-to=copy"]);
    assert!(
        !done && said.contains("container web (foreign): "),
        "{said}"
    );
    let set = format!("--set-image=web={CURRENT}");
    let (done, said) = debug(
        &namespace,
        &[
            "--image=busybox",
            "--copy-to=copy",
            &set,
            "--container=tool",
        ],
    );
    assert!(done, "{said}");
    let copy = sender.get(&format!("{PODS}/copy"));
    assert_eq!(
        drift(&copy),
        Some("unmanaged"),
        "nobody looks after busybox"
    );
    assert_eq!(copy["spec"]["containers"][0]["image"], CURRENT);
}
