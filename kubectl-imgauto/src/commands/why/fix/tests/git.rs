use super::*;

fn patch(spec: &str) -> String {
    format!(
        "kubectl patch imageupdateautomation apps -n flux-system --type=merge -p '{{\"spec\":{spec}}}'"
    )
}

fn astray(setter: &str, fault: StrayFault) -> World {
    World::new()
        .runs("ghcr.io/acme/web:1.8.4")
        .with(|world| world.markers = stray(setter, fault))
}

fn stuck(message: &str) -> World {
    World::new().with(|world| {
        world.automations[0].ready = refused("GitOperationFailed", message);
    })
}

const RUN: &str = "kubectl imgauto reconcile update apps -n flux-system";

#[test]
fn markers_are_put_right_where_they_stand() {
    let missing = World::new().with(|world| world.markers.live.clear());
    check(
        &missing,
        Reason::MarkerMissing,
        "kubectl imgauto why deploy/web -n apps --source .",
    );
    let alone = missing.with(|world| world.workload = None);
    check(
        &alone,
        Reason::MarkerMissing,
        "kubectl imgauto why policy/web -n flux-system --source .",
    );
    let misspelt = StrayFault::UnknownPolicy {
        similar: Some("web".to_owned()),
    };
    check(
        &astray("flux-system:wbe:tag", misspelt),
        Reason::MarkerUnknownPolicy,
        "sed -i '21s|\"flux-system:wbe|\"flux-system:web|' clusters/prod/web.yaml",
    );
    let foreign = || StrayFault::OtherNamespace {
        automation: "flux-system".to_owned(),
    };
    check(
        &astray("apps:web", foreign()),
        Reason::MarkerWrongNamespace,
        "sed -i '21s|\"apps:web|\"flux-system:web|' clusters/prod/web.yaml",
    );
    let only_there = astray("apps:web", foreign()).with(|world| {
        let own = Name::new("apps", "web");
        world.care = Care::Policy(own.clone());
        world.policy().name = own.clone();
        world.policy().repository = own;
    });
    let copy = |noun: &str| {
        format!(
            "kubectl imgauto export {noun} web -n apps \
             | sed 's|^  namespace: apps$|  namespace: flux-system|' | kubectl apply -f - && "
        )
    };
    let edit = "sed -i '21s|\"apps:web|\"flux-system:web|' clusters/prod/web.yaml";
    check(
        &only_there,
        Reason::MarkerWrongNamespace,
        &[&copy("repository"), &copy("policy"), edit].concat(),
    );
}

#[test]
fn a_policy_that_is_named_and_not_there_is_made() {
    let missing = |image: &str| {
        World::new().runs(image).with(|world| {
            world.policy = Seen::Absent;
            world.repository = Seen::Hidden("the policy is not known".to_owned());
            world.markers = MarkerFacts::default();
        })
    };
    let repository =
        "kubectl imgauto create repository web --image=ghcr.io/acme/web -n flux-system";
    for (tag, rule) in [
        ("1.8.4", "--select-semver='>=1.8.4'"),
        ("v2.0.0-rc.1", "--select-semver='>=2.0.0-rc.1'"),
        ("main-42", "--select-alpha=asc"),
    ] {
        let image = format!("ghcr.io/acme/web:{tag}");
        check(
            &missing(&image),
            Reason::MarkerUnknownPolicy,
            &format!(
                "{repository} && kubectl imgauto create policy web --image-ref=web {rule} -n flux-system"
            ),
        );
    }
}

#[test]
fn a_path_is_widened_no_further_than_it_has_to_be() {
    for (path, widened) in [
        ("./clusters/staging", "./clusters"),
        ("clusters/prod/sub/", "./clusters/prod"),
        ("apps", "./"),
    ] {
        let outside = astray("flux-system:web", StrayFault::OutsidePath(path.to_owned()));
        let outside = outside.with(|world| world.automations[0].path = path.to_owned());
        check(
            &outside,
            Reason::PathExcluded,
            &patch(&format!("{{\"update\":{{\"path\":\"{widened}\"}}}}")),
        );
    }
}

#[test]
fn a_policy_gets_the_labels_an_automation_asks_for() {
    let left_out = |selector: &[&str]| {
        World::new().with(|world| {
            world.automations[0].selects = Selects::LeavesOut;
            world.automations[0].selector = selector.iter().map(ToString::to_string).collect();
        })
    };
    check(
        &left_out(&["team=web", "tier=1"]),
        Reason::SelectorExcludes,
        "kubectl label imagepolicy web -n flux-system team=web tier=1 --overwrite",
    );
    check(
        &left_out(&[]),
        Reason::SelectorExcludes,
        &patch("{\"policySelector\":null}"),
    );
    let none = World::new().with(|world| world.automations.clear());
    check(
        &none,
        Reason::SelectorExcludes,
        "kubectl imgauto create update flux-system --git-repo-ref=flux-system --git-repo-path=./ --checkout-branch=main \
         --push-branch=main --author-name=imgauto --author-email=imgauto@users.noreply.github.com -n flux-system",
    );
}

#[test]
fn an_automation_is_resumed_or_gets_what_it_lacks() {
    let suspended = World::new().with(|world| world.automations[0].is_suspended = true);
    check(
        &suspended,
        Reason::AutomationSuspended,
        "kubectl imgauto resume update apps -n flux-system",
    );
    check(
        &stuck("template uses removed '.Updated' field."),
        Reason::TemplateInvalid,
        &patch("{\"git\":{\"commit\":{\"messageTemplate\":null}}}"),
    );
    check(
        &stuck(
            "failed to checkout source: unable to clone 'x': couldn't find remote ref \"refs/heads/x\"",
        ),
        Reason::AutomationStalled,
        &patch("{\"git\":{\"checkout\":{\"ref\":{\"branch\":\"main\"}}}}"),
    );
    check(
        &stuck("failed to checkout source: no route to host"),
        Reason::AutomationStalled,
        RUN,
    );
    let stalled = World::new().with(|world| {
        let condition = refused(
            "InvalidSourceConfiguration",
            "source kind 'x' not supported",
        );
        world.automations[0].ready = condition.clone();
        world.automations[0].stalled = condition.map(|condition| Condition {
            status: ConditionStatus::True,
            ..condition
        });
    });
    check(
        &stalled,
        Reason::AutomationStalled,
        "kubectl edit imageupdateautomation apps -n flux-system",
    );
}

#[test]
fn a_push_that_is_refused_is_mended_by_what_the_server_said() {
    let push = |said: &str| {
        stuck(&format!(
            "failed to update source: failed to push to remote: {said}"
        ))
    };
    check(
        &push("command error on refs/heads/main: hook declined"),
        Reason::PushRejected,
        &patch("{\"git\":{\"push\":{\"branch\":\"imgauto-apps\"}}}"),
    );
    let secret = |name: &str| {
        format!(
            "kubectl create secret generic {name} -n flux-system --from-literal=username=\"$GIT_USER\" \
             --from-literal=password=\"$GIT_PASSWORD\" --dry-run=client -o yaml | kubectl apply -f - && "
        )
    };
    let name_it = "kubectl patch gitrepository fleet -n flux-system --type=merge \
        -p '{\"spec\":{\"secretRef\":{\"name\":\"fleet-git\"}}}' && ";
    check(
        &push("authorization failed: "),
        Reason::PushRejected,
        &[&secret("fleet-git"), name_it, RUN].concat(),
    );
    let with_secret = push("authentication required: ").with(|world| {
        world.automations[0].source_secret = Some("deploy".to_owned());
    });
    check(
        &with_secret,
        Reason::PushRejected,
        &[&secret("deploy"), RUN].concat(),
    );
    check(&push("timed out after 60 s"), Reason::PushRejected, RUN);
}

#[test]
fn a_push_branch_is_merged() {
    let unmerged = World::new().runs("ghcr.io/acme/web:1.8.4").with(|world| {
        world.automations[0].push_branch = Some("image-updates".to_owned());
    });
    check(
        &unmerged,
        Reason::PushBranchNotMerged,
        "git fetch origin main image-updates && git switch main && git merge --ff-only origin/main \
         && git merge --no-edit origin/image-updates && git push origin main",
    );
}
