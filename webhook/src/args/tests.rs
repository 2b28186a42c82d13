use clap::CommandFactory as _;

use super::*;

fn settings(flags: &[&str]) -> Settings {
    let line = ["imgauto-webhook", "--namespace=own"].into_iter();
    Args::try_parse_from(line.chain(flags.iter().copied()))
        .unwrap()
        .settings()
}

#[test]
fn the_command_line_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn without_flags_the_namespace_of_the_program_is_left_alone() {
    let Setup { rules, kinds } = settings(&[]).setup;
    for namespace in ["own", "kube-system"] {
        assert!(rules.exempt_namespaces.contains(namespace));
    }
    let marker = "system:serviceaccount:own:imgauto-reconciler";
    assert_eq!(rules.marker.as_deref(), Some(marker));
    assert_eq!((rules.marked, rules.owned), (Marked::Yes, Owned::Trusted));
    assert!(rules.overriders.is_empty() && kinds.is_empty());
}

#[test]
fn the_certificate_has_the_names_of_the_service() {
    let Source::Authority(issuer) = settings(&["--tls-name=10.0.0.1"]).certificate else {
        panic!("no directory is named");
    };
    assert_eq!(
        issuer.names,
        [
            "imgauto-webhook.own.svc",
            "imgauto-webhook",
            "imgauto-webhook.own",
            "imgauto-webhook.own.svc.cluster.local",
            "10.0.0.1"
        ]
    );
    let names = issuer.configurations.iter().map(|one| one.name.as_str());
    let names: Vec<_> = names.collect();
    assert_eq!(names, ["imgauto-mark", "imgauto-guard"]);
    assert_eq!(issuer.lives, Lifetimes::DEFAULT);
    let directory = settings(&["--tls-dir=/certs"]).certificate;
    assert!(matches!(directory, Source::Directory(_)));
}

#[test]
fn decisions_can_be_changed() {
    let Setup { rules, kinds } = settings(&[
        "--marks=off",
        "--owned-pods=checked",
        "--missing-policy=refuse",
        "--opted-out=refuse",
        "--override-group=on-call",
        "--exempt-namespace=legacy",
        "--controller=system:serviceaccount:k:m=CloneSet.apps.kruise.io",
        "--kind=rollouts.argoproj.io=spec.template.spec",
        "--kind=jobsets.jobset.x-k8s.io=spec.jobs[*].template.spec,spec.one.spec",
    ])
    .setup;
    assert_eq!((rules.marked, rules.owned), (Marked::No, Owned::Checked));
    assert_eq!(rules.missing_policy, Response::Refuse);
    assert_eq!(rules.opted_out, Response::Refuse);
    assert!(rules.overriders.contains("on-call"));
    assert!(rules.exempt_namespaces.contains("legacy"));
    let last = rules.controllers.last().unwrap();
    assert_eq!((&*last.kind, &*last.group), ("CloneSet", "apps.kruise.io"));
    let kind = |group: &str, resource: &str| (group.to_owned(), resource.to_owned());
    assert!(kinds.contains_key(&kind("argoproj.io", "rollouts")));
    assert!(kinds.contains_key(&kind("jobset.x-k8s.io", "jobsets")));
}

#[test]
fn what_is_wrong_is_refused() {
    for flag in [
        "--kind=rollouts.argoproj.io",
        "--kind=rollouts=spec",
        "--kind=a.b=spec..spec",
        "--controller=a",
        "--controller==A.b",
        "--drain-delay=-1s",
        "--drain-delay=1",
        "--leaf-lifetime=500ms",
    ] {
        assert!(
            Args::try_parse_from(["imgauto-webhook", flag]).is_err(),
            "{flag}"
        );
    }
}
