//! How much the reconciler writes, counted from the API server's audit log.

use harness::control_plane::Write;
use harness::{ControlPlane, Reconciler};

use crate::stage::Stage;

/// What the reconciler wrote so far besides events, which come when they come: verb and resource, with the subresource
/// if there is one.
pub(crate) fn written(plane: &ControlPlane) -> Vec<String> {
    let user = Reconciler::user();
    let writes = plane.audit_writes(|write| write.user == user && write.resource != "events");
    let text = |write: &Write| match write.subresource.as_str() {
        "" => format!("{} {}", write.verb, write.resource),
        subresource => format!("{} {}/{subresource}", write.verb, write.resource),
    };
    writes.iter().map(text).collect()
}

#[test]
fn every_object_is_written_once_when_it_is_new_and_once_when_it_is_asked_for() {
    let plane = ControlPlane::private();
    let stage = Stage::new(&plane, "writes");
    stage.create_all();
    let mut new = written(&plane);
    new.sort();
    let expected = [
        "patch imageinventories",
        "patch imagepolicies/status",
        "patch imagerepositories/status",
        "patch imageupdateautomations/status",
    ];
    assert_eq!(new, expected);

    // Nothing new is found, so that only the request is answered. A write too many after one of them would be seen after the next.
    for (word, name) in [
        ("repository", "podinfo"),
        ("policy", "podinfo"),
        ("update", "flux-system"),
    ] {
        let answer = stage.flux(&["reconcile", "image", word, name]);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
    }
    let asked = [
        "patch imagerepositories/status",
        "patch imagepolicies/status",
        "patch imageupdateautomations/status",
    ];
    assert_eq!(written(&plane)[expected.len()..], asked);
}
