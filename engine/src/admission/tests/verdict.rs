use super::super::keys::{DEBUG_REPOSITORIES, OVERRIDE};
use super::*;

const WRONG: &str = "ghcr.io/acme/web:2.0.0";

fn denied(verdict: &Verdict) -> Option<&str> {
    match &verdict.answer {
        Answer::Denied(message) => Some(message),
        Answer::Allowed => None,
    }
}

fn create(world: &World, containers: &[(&str, &str)]) -> Verdict {
    world.judge(&Request::create(Object::of(containers)))
}

fn said<'a>(verdict: &'a Verdict, key: &str) -> Option<&'a str> {
    let found = verdict.audit.iter().find(|(known, _)| *known == key);
    found.map(|(_, text)| text.as_str())
}

#[test]
fn each_mode_says_it_in_its_way() {
    let wrong = [("web", WRONG)];
    let sentence = "container web (foreign): tag 2.0.0 is outside semver 1.x of policy apps/web; use 1.9.0 or change the policy";
    let enforced = create(&World::new(Mode::Enforce), &wrong);
    assert_eq!(denied(&enforced), Some(sentence));
    assert_eq!(said(&enforced, "decision"), Some("denied"));
    assert!(enforced.warnings.is_empty(), "it is in the refusal");

    let warned = create(&World::new(Mode::Warn), &wrong);
    assert_eq!(
        (denied(&warned), &*warned.warnings),
        (None, &[sentence.to_owned()][..])
    );
    let audited = create(&World::new(Mode::Audit), &wrong);
    assert_eq!((denied(&audited), audited.warnings.len()), (None, 0));
    for verdict in [&enforced, &warned, &audited] {
        assert_eq!(said(verdict, "findings"), Some(sentence));
        assert_eq!(said(verdict, "images"), Some("container web=foreign"));
    }
    let off = create(&World::new(Mode::Off), &wrong);
    assert_eq!(
        (off.basis, denied(&off), off.audit.len()),
        (Basis::Off, None, 0)
    );
}

#[test]
fn what_a_policy_could_choose_is_let_in() {
    let world = World::requiring(Mode::Enforce);
    for tag in ["1.9.0", "1.8.0", "1.0.0", "1.99.0"] {
        let verdict = create(&world, &[("web", &format!("ghcr.io/acme/web:{tag}"))]);
        assert_eq!(denied(&verdict), None, "{tag}");
        assert!(verdict.warnings.is_empty());
    }
}

#[test]
fn outcomes_are_refused_tolerated_or_nobodys_business() {
    let stated = |policy: &str| {
        Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]).annotated("policy.imgauto.dev/web", policy)
    };
    let digest = format!("ghcr.io/acme/web:1.9.0@{DIGEST}");
    // What is refused in any namespace, in one that requires policies, and how many warnings there are in the first.
    let rows = [
        (Object::of(&[("web", WRONG)]), true, true, 0),
        (stated("api"), true, true, 0),
        (Object::of(&[("web", "ghcr.io/Upper/case")]), true, true, 0),
        (Object::of(&[("web", " ")]), true, true, 0),
        (stated("gone"), false, false, 1),
        (
            Object::of(&[("web", "ghcr.io/acme/unborn:9")]),
            false,
            false,
            1,
        ),
        (Object::of(&[("web", &digest)]), false, false, 1),
        (Object::of(&[("web", "busybox")]), false, true, 0),
        (stated("none"), false, false, 0),
    ];
    for (object, refused, where_required, warnings) in rows {
        let request = Request::create(object);
        let verdict = World::new(Mode::Enforce).judge(&request);
        assert_eq!(denied(&verdict).is_some(), refused, "{request:?}");
        assert_eq!(verdict.warnings.len(), warnings, "{request:?}");
        let verdict = World::requiring(Mode::Enforce).judge(&request);
        assert_eq!(denied(&verdict).is_some(), where_required, "{request:?}");
        let warned = World::requiring(Mode::Warn).judge(&request);
        assert_eq!(denied(&warned), None);
    }
}

#[test]
fn stricter_rules_refuse_more() {
    let stated = |policy: &str| {
        let web = Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]);
        Request::create(web.annotated("policy.imgauto.dev/web", policy))
    };
    let mut world = World::requiring(Mode::Enforce);
    world.rules.missing_policy = Response::Refuse;
    world.rules.opted_out = Response::Refuse;
    assert_eq!(
        denied(&world.judge(&stated("gone"))).unwrap(),
        "container web (missing-policy): there is no policy apps/gone; create it or correct policy.imgauto.dev/web"
    );
    assert!(denied(&world.judge(&stated("none"))).is_some());
    world.knowledge = Knowledge::Stale;
    assert_eq!(
        denied(&world.judge(&stated("gone"))),
        None,
        "it may be there"
    );
    assert_eq!(denied(&create(&world, &[("web", "busybox")])), None);
    assert!(
        denied(&create(&world, &[("web", WRONG)])).is_some(),
        "it is known"
    );
}

#[test]
fn where_annotations_are_required_names_alone_are_not_enough() {
    let world = World::with_labels(&[(MODE, "enforce"), (REQUIRE_ANNOTATION, "true")], &[]);
    let web = Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]);
    let inferred = world.judge(&Request::create(web.clone()));
    assert_eq!(
        denied(&inferred).unwrap(),
        "container web (not named): this namespace wants each policy named; set policy.imgauto.dev/web to apps/web"
    );
    for (key, policy) in [
        ("policy.imgauto.dev/web", "web"),
        ("imgauto.dev/policy", "apps/web"),
        ("policy.imgauto.dev/web", "none"),
    ] {
        let named = Request::create(web.clone().annotated(key, policy));
        assert_eq!(denied(&world.judge(&named)), None, "{key}: {policy}");
    }
    assert!(denied(&create(&world, &[("web", "busybox")])).is_some());
    let wrong = create(&world, &[("web", WRONG)]);
    assert!(
        denied(&wrong).unwrap().contains("(foreign)"),
        "the worse first"
    );
}

#[test]
fn every_outcome_says_what_is_wrong_and_what_helps() {
    let digest = format!("ghcr.io/acme/web:1.9.0@{DIGEST}");
    let named = |image: &str, policy: &str| {
        Object::of(&[("web", image)]).annotated("policy.imgauto.dev/web", policy)
    };
    let mut world = World::requiring(Mode::Warn);
    world.rules.opted_out = Response::Refuse;
    let mut both = vec![policy("apps/one", "two", "1.x", None)];
    both.push(policy("apps/other", "two", "2.x", None));
    both.push(policy("apps/web", "web", "1.x", Some("1.9.0")));
    both.push(policy("apps/api", "api", "2.x", Some("2.5.0")));
    world.catalog = Catalog::new(both);
    for (object, line) in [
        (
            named("ghcr.io/acme/web:1.9.0", "api"),
            "container web (mismatch): policy apps/api is not for ghcr.io/acme/web:1.9.0; correct the image or policy.imgauto.dev/web",
        ),
        (
            named("ghcr.io/acme/web:1.9.0", "gone"),
            "container web (missing-policy): there is no policy apps/gone; create it or correct policy.imgauto.dev/web",
        ),
        (
            Object::of(&[("web", "busybox")]).annotated("imgauto.dev/policy", "gone"),
            "container web (missing-policy): there is no policy apps/gone; create it or correct imgauto.dev/policy",
        ),
        (
            named("ghcr.io/acme/two:1.9.0", "one"),
            "container web (not-ready): policy apps/one has no choice to go by; its status says why",
        ),
        (
            Object::of(&[("web", &digest)]),
            "container web (unverified): policy apps/web knows no digest sha256:aaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaa; its choice is 1.9.0",
        ),
        (
            Object::of(&[("web", "ghcr.io/A/b")]),
            "container web (unparsable): the repository \"A/b\" must be lower case; correct the image",
        ),
        (
            Object::of(&[("web", "ghcr.io/acme/two")]),
            "container web (ambiguous): policies apps/one, apps/other fit; name one of them in policy.imgauto.dev/web",
        ),
        (
            Object::of(&[("web", "busybox")]),
            "container web (unmanaged): no policy is for busybox; create one, or name it in policy.imgauto.dev/web",
        ),
        (
            named("busybox", "none"),
            "container web (opted-out): this namespace requires a policy; remove policy.imgauto.dev/web",
        ),
    ] {
        let verdict = world.judge(&Request::create(object));
        assert_eq!(verdict.warnings, [line]);
    }
}

#[test]
fn all_lists_are_looked_at() {
    let world = World::new(Mode::Enforce);
    for list in [List::InitContainers, List::Containers, List::Volumes] {
        let request = Request::create(Object::default().and(list, &[("web", WRONG)]));
        let message = world.judge(&request);
        assert!(
            denied(&message)
                .unwrap()
                .starts_with(&format!("{list} web (foreign): "))
        );
    }
}

#[test]
fn what_is_there_already_is_not_held_against_a_request() {
    let world = World::new(Mode::Enforce);
    let before = Object::of(&[("web", WRONG), ("api", "ghcr.io/acme/api:2.0.0")]);
    let update = |now: Object| world.judge(&Request::update(&before, now));
    let labelled = update(before.clone().labelled("a", "b"));
    assert_eq!(
        (labelled.basis, labelled.audit.len()),
        (Basis::Unchanged, 0)
    );
    let same_image = update(before.clone().image("GHCR.IO/acme/web:2.0.0"));
    assert_eq!(same_image.basis, Basis::Unchanged);
    let mut repaired = before.clone();
    repaired.slots[1].2 = "ghcr.io/acme/api:2.1.0".to_owned();
    assert_eq!(denied(&update(repaired)), None);
    for introduced in [
        before.clone().image("ghcr.io/acme/web:3.0.0"),
        before.clone().and(List::Containers, &[("more", WRONG)]),
        before.clone().and(List::InitContainers, &[("web", WRONG)]),
        before.clone().annotated("policy.imgauto.dev/web", "web"),
        before.clone().annotated("imgauto.dev/policy", "web"),
    ] {
        assert!(denied(&update(introduced)).is_some());
    }
    let mut grandfathered = before.clone();
    grandfathered.slots[1].2 = "ghcr.io/acme/api:1.0.0".to_owned();
    let message = update(grandfathered);
    assert!(
        denied(&message)
            .unwrap()
            .starts_with("container api (foreign): "),
        "only what is new"
    );
}

#[test]
fn a_name_that_stands_twice_does_not_hide_an_image() {
    let world = World::new(Mode::Enforce);
    let before = Object::of(&[("web", "ghcr.io/acme/web:1.0.0")]);
    let twice = before.clone().and(List::Containers, &[("web", WRONG)]);
    assert!(denied(&world.judge(&Request::update(&before, twice.clone()))).is_some());
    let same = Request::update(&twice, twice.clone());
    assert_eq!(world.judge(&same).basis, Basis::Unchanged);
}

#[test]
fn a_controller_is_trusted_by_who_it_is() {
    let world = World::new(Mode::Enforce);
    let mut pod = Object::of(&[("web", WRONG)]);
    pod.owner = Some(OWNER);
    let by = |user| world.judge(&Request::create(pod.clone()).by(user, &[]));
    let trusted = by(REPLICA_SETS);
    assert_eq!((trusted.basis, denied(&trusted)), (Basis::Owned, None));
    assert_eq!(said(&trusted, "owner"), Some("ReplicaSet/web-1"));
    assert_eq!(by("system:kube-controller-manager").basis, Basis::Owned);
    for forger in [USER, "system:serviceaccount:apps:replicaset-controller"] {
        assert!(denied(&by(forger)).is_some(), "{forger}");
    }
    let another = "system:serviceaccount:kube-system:daemon-set-controller";
    assert!(
        denied(&by(another)).is_some(),
        "ReplicaSets are not its business"
    );
    pod.owner = None;
    let bare = world.judge(&Request::create(pod.clone()).by(REPLICA_SETS, &[]));
    assert!(denied(&bare).is_some());
    let mut strict = World::new(Mode::Enforce);
    strict.rules.owned = Owned::Checked;
    pod.owner = Some(OWNER);
    let request = Request::create(pod).by(REPLICA_SETS, &[]);
    assert!(denied(&strict.judge(&request)).is_some());
}

#[test]
fn only_what_cannot_be_forged_exempts() {
    let world = World::new(Mode::Enforce);
    let mut request = Request::create(Object::of(&[("web", WRONG)]));
    request.object.is_mirror = true;
    assert!(denied(&world.judge(&request)).is_some());
    let node = request.clone().by("system:node:a", &["system:nodes"]);
    assert_eq!(world.judge(&node).basis, Basis::Exempt);
    request.object.is_mirror = false;
    let node = request.clone().by("system:node:a", &["system:nodes"]);
    assert!(denied(&world.judge(&node)).is_some());
    for namespace in [
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "imgauto-system",
    ] {
        request.namespace = namespace;
        assert_eq!(world.judge(&request).basis, Basis::Exempt);
    }
}

#[test]
fn an_override_counts_from_those_who_may() {
    let world = World::new(Mode::Enforce);
    let object = Object::of(&[("web", WRONG)]).annotated(OVERRIDE, "incident 7\nnow");
    let request = Request::create(object.clone());
    let refused = world.judge(&request);
    assert!(denied(&refused).is_some());
    assert_eq!(
        refused.warnings,
        ["imgauto.dev/override does not count: jane is in no group for it"]
    );
    let verdict = world.judge(&request.by(USER, &["on-call"]));
    assert_eq!((verdict.basis, denied(&verdict)), (Basis::Overridden, None));
    assert_eq!(said(&verdict, "override"), Some("incident 7 now"));
    assert_eq!(said(&verdict, "decision"), Some("overridden"));
    assert_eq!(
        verdict.warnings[0],
        "let in by imgauto.dev/override: incident 7 now"
    );
    let empty = Object::of(&[("web", WRONG)]).annotated(OVERRIDE, "  ");
    let empty = Request::create(empty).by(USER, &["on-call"]);
    assert!(denied(&world.judge(&empty)).is_some(), "a reason is wanted");
    let fine = object.image("ghcr.io/acme/web:1.9.0");
    let fine = world.judge(&Request::create(fine).by(USER, &["on-call"]));
    assert_eq!(fine.basis, Basis::Checked, "there is nothing to override");
}

#[test]
fn a_policy_of_another_namespace_counts_where_it_is_granted() {
    let object = Object::of(&[("web", "ghcr.io/acme/tool:1.0.0")])
        .annotated("policy.imgauto.dev/web", "other/tool");
    let request = Request::create(object);
    assert_eq!(denied(&World::new(Mode::Enforce).judge(&request)), None);
    let mut world = World::requiring(Mode::Enforce);
    assert_eq!(
        denied(&world.judge(&request)).unwrap(),
        "container web (not granted): policy other/tool is not for this namespace; set spec.accessFrom of its ImageRepository"
    );
    let mut granted = policy("other/tool", "tool", "1.x", Some("1.0.0"));
    granted.candidate.grants = vec![owned(&[(REQUIRE_POLICY, "true")])];
    world.catalog = Catalog::new([granted]);
    assert_eq!(denied(&world.judge(&request)), None);
}

#[test]
fn tools_to_look_into_pods_are_warned_of_or_listed() {
    let before = Object::of(&[("web", WRONG)]);
    let debug = |world: &World, image: &str| {
        let now = before
            .clone()
            .and(List::EphemeralContainers, &[("debugger", image)]);
        world.judge(&Request {
            part: Part::EphemeralContainers,
            ..Request::update(&before, now)
        })
    };
    let unlisted = World::requiring(Mode::Enforce);
    let verdict = debug(&unlisted, "busybox");
    assert_eq!(denied(&verdict), None);
    assert_eq!(
        verdict.warnings,
        [
            "ephemeral container debugger (not listed): to allow busybox, add it to imgauto.dev/debug-repositories of the namespace"
        ]
    );
    assert!(
        debug(&unlisted, "ghcr.io/acme/web:1.0.0")
            .warnings
            .is_empty()
    );
    let listed = World::with_labels(
        &[(MODE, "enforce")],
        &[(DEBUG_REPOSITORIES, "busybox,ghcr.io/acme/debug")],
    );
    let verdict = debug(&listed, "docker.io/busybox:1.36");
    assert_eq!((denied(&verdict), verdict.warnings.len()), (None, 0));
    for image in ["alpine", "ghcr.io/acme/web:2.0.0", "no image"] {
        assert!(denied(&debug(&listed, image)).is_some(), "{image}");
    }
}

#[test]
fn a_request_for_ephemeral_containers_is_about_nothing_else() {
    let world = World::new(Mode::Enforce);
    let before = Object::of(&[("web", "ghcr.io/acme/web:1.9.0")]);
    // The API server drops what else was changed.
    let verdict = world.judge(&Request {
        part: Part::EphemeralContainers,
        ..Request::update(&before, before.clone().image(WRONG))
    });
    assert_eq!(verdict.basis, Basis::Unchanged);
}

#[test]
fn many_findings_are_told_in_few_words() {
    let world = World::new(Mode::Enforce);
    let names: Vec<_> = (0..50).map(|n| format!("c{n}")).collect();
    let containers: Vec<_> = names.iter().map(|name| (name.as_str(), WRONG)).collect();
    let verdict = create(&world, &containers);
    let message = denied(&verdict).unwrap();
    assert!(
        message.ends_with(" | and 47 more") && message.len() < 1000,
        "{message}"
    );
    let warned = create(&World::new(Mode::Warn), &containers);
    assert_eq!(warned.warnings.len(), MAX_WARNINGS);
    assert_eq!(warned.warnings[4], "and 46 more");
}

#[test]
fn a_namespace_with_a_mistake_in_its_mode_is_told() {
    let world = World::with_labels(&[(MODE, "enforced")], &[]);
    let verdict = create(&world, &[("web", "ghcr.io/acme/web:1.9.0")]);
    assert_eq!(
        verdict.warnings,
        [
            "label imgauto.dev/mode of the namespace: \"enforced\" is none of off, audit, warn and enforce"
        ]
    );
}

#[test]
fn what_cannot_be_read_is_refused_where_rules_are_enforced() {
    let text = "the images of this object cannot be read: no list";
    let refused = unreadable(Mode::Enforce, "no list", Readable::Yes);
    assert_eq!(denied(&refused), Some(text));
    for (mode, before, warnings) in [
        (Mode::Enforce, Readable::No, 1),
        (Mode::Warn, Readable::Yes, 1),
        (Mode::Audit, Readable::Yes, 0),
        (Mode::Off, Readable::Yes, 0),
    ] {
        let verdict = unreadable(mode, "no list", before);
        assert_eq!((denied(&verdict), verdict.warnings.len()), (None, warnings));
    }
}
