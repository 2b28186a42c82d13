//! What must hold for every workload, whatever stands in it.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::keys;
use super::*;

fn image() -> impl Strategy<Value = String> {
    let repository = select(vec![
        "ghcr.io/acme/web",
        "ghcr.io/acme/api",
        "ghcr.io/acme/tool",
        "ghcr.io/acme/unborn",
        "GHCR.IO/acme/web",
        "busybox",
    ]);
    let tag = prop_oneof![
        "[0-3]\\.[0-9]\\.[0-9]",
        select(vec!["latest", "main", "1.9.0", "2.5.0"]).prop_map(str::to_owned),
    ];
    prop_oneof![
        8 => (repository, tag).prop_map(|(repository, tag)| format!("{repository}:{tag}")),
        1 => Just(format!("ghcr.io/acme/web:1.9.0@{DIGEST}")),
        1 => any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec!["web", "api", "x"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn annotations() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = prop_oneof![
        "(policy|volume-policy|resolved|volume-resolved)\\.imgauto\\.dev/(web|api|x)",
        select(vec![keys::POLICY, keys::OVERRIDE, "mine", "other.dev/a"]).prop_map(str::to_owned),
    ];
    let value = prop_oneof![
        select(vec![
            "web",
            "api",
            "gone",
            "none",
            "other/tool",
            "apps/web",
            ""
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::btree_map(key, value, 0..5)
}

fn object() -> impl Strategy<Value = Object> {
    let slot = (select(List::ALL.to_vec()), name(), image());
    let labels = prop::collection::btree_map(
        select(vec![keys::DRIFT, "app"]).prop_map(str::to_owned),
        select(vec!["none", "drift", "forged"]).prop_map(str::to_owned),
        0..3,
    );
    let owner = select(vec![None, None, None, Some(OWNER)]);
    let slots = prop::collection::vec(slot, 0..6);
    (labels, annotations(), slots, owner).prop_map(|(labels, annotations, slots, owner)| Object {
        labels,
        annotations,
        slots,
        owner,
        is_mirror: false,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let before = prop::option::of(object());
    let users = vec![
        (USER, vec!["on-call"]),
        (USER, vec![]),
        (REPLICA_SETS, vec![]),
        ("system:node:a", vec!["system:nodes"]),
    ];
    let part = select(vec![Part::Whole, Part::Whole, Part::EphemeralContainers]);
    (object(), before, select(users), part).prop_map(|(object, before, (user, groups), part)| {
        let request = Request {
            before,
            part,
            ..Request::create(object)
        };
        request.by(user, &groups)
    })
}

fn world() -> impl Strategy<Value = World> {
    let modes = vec![Mode::Off, Mode::Audit, Mode::Warn, Mode::Enforce];
    let required = select(vec!["true", "false"]);
    let knowledge = select(vec![Knowledge::Fresh, Knowledge::Stale]);
    let response = select(vec![Response::Tolerate, Response::Refuse]);
    (select(modes), required, knowledge, response).prop_map(
        |(mode, required, knowledge, response)| {
            let labels = [(MODE, mode.as_str()), (REQUIRE_POLICY, required)];
            let mut world = World::with_labels(&labels, &[]);
            world.knowledge = knowledge;
            world.rules.missing_policy = response;
            world.rules.opted_out = response;
            world
        },
    )
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?} {:?}", self.mode, self.wishes, self.knowledge)
    }
}

/// A policy of each kind, with and without a filter.
fn rule() -> impl Strategy<Value = Policy> {
    let spec = |semver, alphabetical, numerical, filter: Option<(&'static str, &'static str)>| {
        let spec = PolicySpec {
            semver_range: semver,
            alphabetical_order: alphabetical,
            numerical_order: numerical,
            filter_pattern: filter.map(|(pattern, _)| pattern),
            filter_extract: filter.map(|(_, extract)| extract),
        };
        Policy::new(&spec).unwrap()
    };
    let main = Some(("^main-(?P<run>[0-9]+)$", "$run"));
    select(vec![
        spec(Some(">=1.0.0-0"), None, None, None),
        spec(Some("1.x"), None, None, Some(("^v?(?P<v>.*)$", "$v"))),
        spec(None, Some("desc"), None, None),
        spec(None, Some("asc"), None, main),
        spec(None, None, Some("asc"), main),
        spec(None, None, Some("desc"), None),
    ])
}

fn is_denied(verdict: &Verdict) -> bool {
    matches!(verdict.answer, Answer::Denied(_))
}

proptest! {
    #[test]
    fn marking_twice_is_marking_once(world in world(), request in request()) {
        let marking = world.mark(&request);
        let marked = Request { object: request.object.clone().apply(&marking), ..request };
        prop_assert_eq!(world.mark(&marked), Marking::Done);
    }

    #[test]
    fn marks_and_another_mutator_come_to_an_end(
        world in world(), request in request(), sidecar in image(), strips in any::<bool>(),
    ) {
        // Adds a container if it is not there, and may take all labels away; it too is idempotent.
        let other = |mut object: Object| {
            let slot = (List::Containers, "sidecar".to_owned(), sidecar.clone());
            if !object.slots.contains(&slot) {
                object.slots.push(slot);
                if strips {
                    object.labels.clear();
                }
            }
            object
        };
        let turn = |object: Object| {
            let marking = world.mark(&Request { object: object.clone(), ..request.clone() });
            other(object.apply(&marking))
        };
        let once = turn(turn(request.object.clone()));
        prop_assert_eq!(turn(once.clone()), once);
    }

    #[test]
    fn marks_touch_nothing_else(world in world(), request in request()) {
        let marked = request.object.clone().apply(&world.mark(&request));
        let others = |object: &Object| {
            let mut object = object.clone();
            object.labels.retain(|key, _| key != keys::DRIFT);
            object.annotations.retain(|key, _| !key.contains("resolved.imgauto.dev/"));
            object
        };
        prop_assert_eq!(others(&marked), others(&request.object));
        if marked.drift() != request.object.drift() && request.before.is_none() {
            let label = marked.drift().unwrap();
            prop_assert!(["none", "drift", "unknown", "unmanaged", "mismatch"].contains(&label));
        }
    }

    #[test]
    fn an_unchanged_workload_is_answered_with_nothing(world in world(), request in request()) {
        let mut same = Request::update(&request.object, request.object.clone());
        same.object.labels.insert("app".to_owned(), "other".to_owned());
        prop_assert_eq!(world.mark(&same), Marking::Done);
        let verdict = world.judge(&same);
        prop_assert_eq!(&verdict.answer, &Answer::Allowed);
        prop_assert!(verdict.warnings.is_empty() && verdict.audit.is_empty());
    }

    #[test]
    fn the_same_request_gets_the_same_answer(world in world(), request in request()) {
        prop_assert_eq!(world.mark(&request), world.mark(&request));
        prop_assert_eq!(world.judge(&request), world.judge(&request));
    }

    #[test]
    fn only_enforcing_denies_and_only_what_is_brought_in(world in world(), request in request()) {
        let verdict = world.judge(&request);
        if is_denied(&verdict) {
            prop_assert_eq!(world.mode, Mode::Enforce);
            prop_assert_eq!(verdict.basis, Basis::Checked);
            let before = request.before.unwrap_or_default();
            let policies = |object: &Object| {
                let mut texts = object.annotations.clone();
                texts.retain(|key, _| key == keys::POLICY || key.contains("policy.imgauto.dev/"));
                texts
            };
            let new_policies = policies(&request.object) != policies(&before);
            let new_image = request.object.slots.iter().any(|slot| !before.slots.contains(slot));
            prop_assert!(new_image || new_policies);
        }
    }

    #[test]
    fn a_tag_that_the_policy_could_choose_is_never_denied(
        world in world(), minor in 0..100_u32, patch in 0..100_u32, before in image(),
    ) {
        let image = format!("ghcr.io/acme/web:1.{minor}.{patch}");
        let before = Object::of(&[("web", &before)]);
        for request in [
            Request::create(Object::of(&[("web", &image)])),
            Request::update(&before, Object::of(&[("web", &image)])),
        ] {
            let verdict = world.judge(&request);
            prop_assert!(!is_denied(&verdict), "{:?}", verdict);
            prop_assert!(verdict.warnings.is_empty());
        }
    }

    #[test]
    fn whatever_a_policy_ever_chose_may_run_again(
        rule in rule(), digest in any::<bool>(),
        lists in prop::collection::vec(
            prop::collection::vec("v?[0-2]\\.[0-9]\\.[0-9](-rc\\.[0-9])?|main-[0-9]{1,3}|[0-9]{1,3}|latest", 1..8), 1..5,
        ),
    ) {
        let chosen: Vec<String> = lists
            .iter()
            .filter_map(|tags| rule.select(tags, None).ok())
            .map(|selected| selected.tag)
            .collect();
        let mut world = World::requiring(Mode::Enforce);
        let mut entry = policy("apps/web", "web", "1.x", chosen.last().map(String::as_str));
        entry.rule = Some(Arc::new(rule));
        world.catalog = Catalog::new([entry]);
        for tag in &chosen {
            let digest = if digest { format!("@{DIGEST}") } else { String::new() };
            let image = format!("ghcr.io/acme/web:{tag}{digest}");
            let verdict = world.judge(&Request::create(Object::of(&[("web", &image)])));
            prop_assert!(!is_denied(&verdict), "{:?}", verdict);
            prop_assert!(verdict.warnings.is_empty() || !digest.is_empty());
        }
    }

    #[test]
    fn a_pod_of_a_controller_is_never_denied(world in world(), object in object()) {
        let pod = Object { owner: Some(OWNER), ..object };
        let verdict = world.judge(&Request::create(pod).by(REPLICA_SETS, &[]));
        prop_assert_eq!(verdict.answer, Answer::Allowed);
    }

    #[test]
    fn what_is_said_can_be_sent(world in world(), request in request()) {
        let verdict = world.judge(&request);
        prop_assert!(verdict.warnings.len() <= MAX_WARNINGS);
        for warning in &verdict.warnings {
            prop_assert!(warning.chars().count() <= MAX_WARNING, "{}", warning);
            prop_assert!(!warning.is_empty() && !warning.contains(char::is_control), "{:?}", warning);
        }
        let keys: Vec<_> = verdict.audit.iter().map(|(key, _)| *key).collect();
        let known = ["decision", "images", "findings", "override", "owner"];
        prop_assert!(keys.iter().all(|key| known.contains(key)), "{:?}", keys);
        for (_, text) in &verdict.audit {
            prop_assert!(!text.contains(char::is_control) && text.len() < 16_384);
        }
        if let Answer::Denied(message) = &verdict.answer {
            prop_assert!(!message.is_empty() && !message.contains(char::is_control));
        }
    }

    #[test]
    fn two_spellings_of_an_image_get_the_same_answer(world in world(), tag in "[0-3]\\.[0-9]") {
        let spellings = ["ghcr.io/acme/web", "GHCR.IO/acme/web", "ghcr.io:443/acme/web"];
        let request = |name: &str| {
            Request::create(Object::of(&[("web", &format!("{name}:{tag}"))]))
        };
        let [first, others @ ..] = spellings.map(request);
        for other in others {
            prop_assert_eq!(world.mark(&first), world.mark(&other));
            prop_assert_eq!(
                is_denied(&world.judge(&first)),
                is_denied(&world.judge(&other))
            );
        }
    }
}
