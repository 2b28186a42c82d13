use super::*;
use crate::drift::Label;

const RESOLVED_WEB: &str = "resolved.imgauto.dev/web";

fn created(world: &World, object: Object) -> Object {
    let marking = world.mark(&Request::create(object.clone()));
    object.apply(&marking)
}

#[test]
fn a_new_workload_gets_its_label_and_its_policies() {
    let world = World::new(Mode::Audit);
    let object = Object::of(&[("web", "ghcr.io/acme/web:1.9.0"), ("x", "busybox")])
        .and(List::InitContainers, &[("api", "ghcr.io/acme/api:2.0.0")])
        .and(List::Volumes, &[("web", "ghcr.io/acme/web:1.9.0")]);
    let marked = created(&world, object);
    assert_eq!(marked.drift(), Some("unmanaged"));
    assert_eq!(
        marked.annotations,
        owned(&[
            (RESOLVED_WEB, "apps/web"),
            ("resolved.imgauto.dev/api", "apps/api"),
            ("volume-resolved.imgauto.dev/web", "apps/web"),
        ])
    );
}

#[test]
fn the_label_says_how_images_stand() {
    let world = World::new(Mode::Audit);
    for (image, label) in [
        ("ghcr.io/acme/web:1.9.0", "none"),
        ("GHCR.IO:443/acme/web:1.9.0", "none"),
        ("ghcr.io/acme/web:1.8.0", "drift"),
        ("ghcr.io/acme/web:2.0.0", "drift"),
        ("ghcr.io/acme/unborn:1.0.0", "unknown"),
        ("ghcr.io/acme/none:1.0.0", "unmanaged"),
        ("ghcr.io/ACME/web:1.9.0", "mismatch"),
        ("", "mismatch"),
    ] {
        let marked = created(&world, Object::of(&[("web", image)]));
        assert_eq!(marked.drift(), Some(label), "{image:?}");
    }
    assert_eq!(created(&world, Object::default()).drift(), Some("none"));
}

#[test]
fn annotations_say_which_policy_is_meant() {
    let world = World::new(Mode::Audit);
    let web = || Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]);
    for (object, label) in [
        (web().annotated("policy.imgauto.dev/web", "api"), "mismatch"),
        (web().annotated("policy.imgauto.dev/web", "gone"), "unknown"),
        (
            web().annotated("policy.imgauto.dev/web", "none"),
            "unmanaged",
        ),
        (web().annotated("imgauto.dev/policy", "none"), "unmanaged"),
        (web().annotated("imgauto.dev/policy", "api"), "none"),
        (web().annotated("policy.imgauto.dev/other", "api"), "none"),
    ] {
        let marked = created(&world, object);
        assert_eq!(marked.drift(), Some(label), "{marked:?}");
    }
}

#[test]
fn what_was_copied_from_elsewhere_is_put_right() {
    let world = World::new(Mode::Audit);
    let copied = Object::of(&[("web", "ghcr.io/acme/web:1.8.0")])
        .labelled(DRIFT, "none")
        .labelled("app", "web")
        .annotated(RESOLVED_WEB, "other/tool")
        .annotated("resolved.imgauto.dev/gone", "apps/web")
        .annotated("mine", "kept");
    let marked = created(&world, copied);
    assert_eq!(marked.drift(), Some("drift"));
    assert_eq!(marked.labels["app"], "web");
    assert_eq!(
        marked.annotations,
        owned(&[(RESOLVED_WEB, "apps/web"), ("mine", "kept")])
    );
}

#[test]
fn an_unchanged_workload_keeps_what_it_has() {
    let world = World::new(Mode::Audit);
    // The policy has moved on since; that is for the drift controller to say.
    let before = Object::of(&[("web", "ghcr.io/acme/web:1.8.0")])
        .labelled(DRIFT, "none")
        .annotated(RESOLVED_WEB, "apps/old");
    let same = before.clone().annotated("mine", "changed");
    assert_eq!(world.mark(&Request::update(&before, same)), Marking::Done);
    for touched in [
        Object {
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            ..before.clone()
        },
        before.clone().labelled(DRIFT, "drift"),
        before.clone().annotated(RESOLVED_WEB, "apps/web"),
        before.clone().annotated("resolved.imgauto.dev/x", "a/b"),
    ] {
        let marking = world.mark(&Request::update(&before, touched.clone()));
        assert_eq!(touched.apply(&marking), before);
    }
}

#[test]
fn a_workload_from_before_is_not_touched_until_it_changes() {
    let world = World::new(Mode::Audit);
    let before = Object::of(&[("web", "ghcr.io/acme/web:1.8.0")]);
    let forged = before.clone().labelled(DRIFT, "none");
    let marking = world.mark(&Request::update(&before, forged.clone()));
    assert_eq!(forged.apply(&marking), before);
    let changed = before.clone().image("ghcr.io/acme/web:1.9.0");
    let marking = world.mark(&Request::update(&before, changed.clone()));
    assert_eq!(changed.apply(&marking).drift(), Some("none"));
}

#[test]
fn another_image_or_policy_is_marked_anew() {
    let world = World::new(Mode::Audit);
    let before = created(&world, Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]));
    for (now, label, policy) in [
        (
            before.clone().image("ghcr.io/acme/web:1.8.0"),
            "drift",
            Some("apps/web"),
        ),
        (
            before.clone().image("ghcr.io/acme/api:2.5.0"),
            "none",
            Some("apps/api"),
        ),
        (before.clone().image("busybox"), "unmanaged", None),
        (
            before.clone().annotated("policy.imgauto.dev/web", "api"),
            "mismatch",
            Some("apps/api"),
        ),
        (
            before.clone().annotated("imgauto.dev/policy", "gone"),
            "none",
            Some("apps/web"),
        ),
    ] {
        let marking = world.mark(&Request::update(&before, now.clone()));
        let marked = now.apply(&marking);
        assert_eq!(marked.drift(), Some(label));
        let resolved = marked.annotations.get(RESOLVED_WEB).map(String::as_str);
        assert_eq!(resolved, policy);
    }
}

#[test]
fn the_order_of_containers_does_not_count() {
    let world = World::new(Mode::Audit);
    let (web, api) = (("web", "ghcr.io/acme/web:1.8.0"), ("api", "busybox"));
    let (before, turned) = (Object::of(&[web, api]), Object::of(&[api, web]));
    assert_eq!(world.mark(&Request::update(&before, turned)), Marking::Done);
}

#[test]
fn some_workloads_are_not_marked() {
    let world = World::new(Mode::Audit);
    let object = Object::of(&[("web", "ghcr.io/acme/web:1.8.0")]);
    let plain = Request::create(object.clone());
    assert_ne!(world.mark(&plain), Marking::Done);
    let with = |change: &dyn Fn(&mut Request)| {
        let mut request = plain.clone();
        change(&mut request);
        request
    };
    let mirror = with(&|request| request.object.is_mirror = true);
    for request in [
        with(&|request| request.object.owner = Some(OWNER)),
        with(&|request| request.namespace = "kube-system"),
        with(&|request| request.namespace = "imgauto-system"),
        with(&|request| request.part = Part::EphemeralContainers),
        mirror.clone().by("system:node:a", &["system:nodes"]),
        with(&|request| request.user = DRIFT_CONTROLLER),
    ] {
        assert_eq!(world.mark(&request), Marking::Done, "{request:?}");
    }
    assert_ne!(world.mark(&mirror), Marking::Done, "anybody can say that");
    assert_eq!(World::new(Mode::Off).mark(&plain), Marking::Done);
    let mut switched_off = World::new(Mode::Enforce);
    switched_off.rules.marked = Marked::No;
    assert_eq!(switched_off.mark(&plain), Marking::Done);
}

#[test]
fn the_drift_controller_writes_what_it_likes() {
    let world = World::new(Mode::Audit);
    let before = created(&world, Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]));
    let moved = before.clone().labelled(DRIFT, "drift");
    let request = Request::update(&before, moved).by(DRIFT_CONTROLLER, &[]);
    assert_eq!(world.mark(&request), Marking::Done);
}

#[test]
fn whoever_looks_into_a_pod_does_not_change_its_marks() {
    let world = World::new(Mode::Audit);
    let before = created(&world, Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]));
    let debugged = before
        .clone()
        .and(List::EphemeralContainers, &[("debugger", "busybox")]);
    assert_eq!(
        world.mark(&Request::update(&before, debugged)),
        Marking::Done
    );
}

#[test]
fn what_is_not_known_is_not_said_to_be_missing() {
    let object = Object::of(&[("web", "busybox")]);
    let stated = object.clone().annotated("policy.imgauto.dev/web", "gone");
    let mut stale = World::new(Mode::Audit);
    stale.knowledge = Knowledge::Stale;
    let mut strange = World::new(Mode::Audit);
    strange.wishes = None;
    for world in [stale, strange] {
        assert_eq!(created(&world, object.clone()).drift(), Some("unknown"));
        assert_eq!(created(&world, stated.clone()).drift(), Some("unknown"));
    }
}

#[test]
fn a_name_that_fits_into_no_key_is_left_out() {
    let world = World::new(Mode::Audit);
    let long = "a".repeat(64);
    let marked = created(&world, Object::of(&[(&long, "ghcr.io/acme/web:1.8.0")]));
    assert_eq!(marked.drift(), Some("drift"));
    assert!(marked.annotations.is_empty());
}

#[test]
fn marks_never_make_annotations_too_large() {
    let world = World::new(Mode::Audit);
    let object = |room: usize| {
        let filled = "x".repeat(ANNOTATION_LIMIT - "mine".len() - room);
        Object::of(&[("web", "ghcr.io/acme/web:1.8.0")]).annotated("mine", &filled)
    };
    let needed = RESOLVED_WEB.len() + "apps/web".len();
    let fits = created(&world, object(needed));
    assert_eq!(fits.drift(), Some("drift"));
    let request = Request::create(object(needed - 1));
    assert_eq!(world.mark(&request), Marking::TooLarge);
    // What is already there does not count twice.
    let again = Request::create(fits.labelled(DRIFT, "none"));
    assert!(matches!(world.mark(&again), Marking::Edits(_)));
}

#[test]
fn marks_can_be_asked_for_without_a_request() {
    let world = World::new(Mode::Audit);
    let request = Request::create(Object::of(&[("web", "ghcr.io/acme/web:1.8.0")]));
    let told = request.with(&world, |review| {
        marks(
            &world.catalog,
            review.namespace,
            Knowledge::Fresh,
            &review.object,
        )
    });
    assert_eq!(told.drift, Label::Drift);
    assert_eq!(told.resolved, owned(&[(RESOLVED_WEB, "apps/web")]));
}

#[test]
fn texts_of_others_are_counted_and_not_kept() {
    let texts: Texts<'_> = [("a", "12"), (DRIFT, "none"), (DRIFT, "drift")]
        .into_iter()
        .collect();
    assert_eq!(texts.get(DRIFT), Some("drift"));
    assert_eq!(texts.get("a"), None);
    assert_eq!(texts.size(), 3 + DRIFT.len() + "drift".len());
    assert_eq!(texts.ours().count(), 1);
}
