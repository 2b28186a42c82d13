use super::*;

const SCAN: &str = "kubectl imgauto reconcile repository web -n flux-system";

fn unscanned(message: &str) -> World {
    World::new().with(|world| world.repository().ready = refused("ReadOperationFailed", message))
}

#[test]
fn a_repository_is_made_resumed_opened_or_corrected() {
    let absent = World::new().with(|world| world.repository = Seen::Absent);
    check(
        &absent,
        Reason::RepositoryNotReady,
        "kubectl imgauto create repository web --image=ghcr.io/acme/web -n flux-system",
    );
    let suspended = World::new().with(|world| world.repository().is_suspended = true);
    check(
        &suspended,
        Reason::RepositoryNotReady,
        "kubectl imgauto resume repository web -n flux-system",
    );
    check(
        &unscanned("scan failed: Get \"https://ghcr.io/v2/\": connection refused"),
        Reason::RepositoryNotReady,
        SCAN,
    );
    let misspelt = unscanned("scan failed: GET https://ghcr.io/v2/: NAME_UNKNOWN: no such thing")
        .with(|world| world.repository().image = "ghcr.io/acme/wbe".to_owned());
    check(
        &misspelt,
        Reason::RepositoryNotReady,
        "kubectl patch imagerepository web -n flux-system --type=merge -p '{\"spec\":{\"image\":\"ghcr.io/acme/web\"}}'",
    );
    let denied = World::new().with(|world| {
        world.policy().ready = refused(
            "AccessDenied",
            "failed to get the referred ImageRepository: access denied: 'x'",
        );
    });
    let selector = "{\"matchLabels\":{\"kubernetes.io/metadata.name\":\"flux-system\"}}";
    check(
        &denied,
        Reason::RepositoryNotReady,
        &format!(
            "kubectl patch imagerepository web -n flux-system --type=merge \
             -p '{{\"spec\":{{\"accessFrom\":{{\"namespaceSelectors\":[{selector}]}}}}}}'"
        ),
    );
    let shared = denied.with(|world| world.repository().is_shared = true);
    check(
        &shared,
        Reason::RepositoryNotReady,
        &format!(
            "kubectl patch imagerepository web -n flux-system --type=json \
             -p '[{{\"op\":\"add\",\"path\":\"/spec/accessFrom/namespaceSelectors/-\",\"value\":{selector}}}]'"
        ),
    );
    let blocked = World::new().with(|world| {
        world.repository().name = Name::new("shared", "web");
        world.policy().ready = refused(
            "AccessDenied",
            "failed to get the referred ImageRepository: cannot access 'x', cross-namespace references have been blocked",
        );
    });
    check(
        &blocked,
        Reason::RepositoryNotReady,
        "kubectl imgauto create repository web --image=ghcr.io/acme/web -n flux-system && \
         kubectl patch imagepolicy web -n flux-system --type=merge -p '{\"spec\":{\"imageRepositoryRef\":{\"namespace\":null}}}'",
    );
}

#[test]
fn credentials_are_made_and_named() {
    let unauthorized = || unscanned("scan failed: GET x: UNAUTHORIZED: authentication required");
    let secret = |name: &str, server: &str| {
        format!(
            "kubectl create secret docker-registry {name} -n flux-system --docker-server={server} \
             --docker-username=\"$REGISTRY_USER\" --docker-password=\"$REGISTRY_PASSWORD\" \
             --dry-run=client -o yaml | kubectl apply -f - && "
        )
    };
    let name_it = "kubectl patch imagerepository web -n flux-system --type=merge \
        -p '{\"spec\":{\"secretRef\":{\"name\":\"web-registry\"}}}' && ";
    check(
        &unauthorized(),
        Reason::AuthFailed,
        &[&secret("web-registry", "ghcr.io"), name_it, SCAN].concat(),
    );
    let known = unauthorized().with(|world| {
        world.repository().secret = Some("regcred".to_owned());
        world.repository().image = "acme/web".to_owned();
    });
    check(
        &known,
        Reason::AuthFailed,
        &[&secret("regcred", "https://index.docker.io/v1/"), SCAN].concat(),
    );
    check(
        &unscanned("scan failed: GET x: TOOMANYREQUESTS: slow down"),
        Reason::RateLimited,
        SCAN,
    );
}

const TAGS: &str = "kubectl imgauto tags policy/web -n flux-system";

/// The tags, and then a patch of the policy.
fn mended(spec: &str) -> String {
    format!(
        "{TAGS}; kubectl patch imagepolicy web -n flux-system --type=merge -p '{{\"spec\":{spec}}}'"
    )
}

fn versions(range: &str) -> String {
    mended(&format!(
        "{{\"filterTags\":null,\"policy\":{{\"semver\":{{\"range\":\"{range}\"}},\"alphabetical\":null,\"numerical\":null}}}}"
    ))
}

fn numbers(pattern: &str) -> String {
    mended(&format!(
        "{{\"filterTags\":{{\"pattern\":\"{pattern}\",\"extract\":\"$n\"}},\
         \"policy\":{{\"semver\":null,\"alphabetical\":null,\"numerical\":{{\"order\":\"asc\"}}}}}}"
    ))
}

#[test]
fn a_policy_gets_a_rule_the_tag_in_use_fits() {
    let unmatched = |tag: &str| {
        World::new()
            .runs(&format!("ghcr.io/acme/web:{tag}"))
            .with(|world| {
                let message = "unable to determine latest version from provided list";
                world.policy().ready = refused("Failure", message);
            })
    };
    check(
        &unmatched("1.7.0"),
        Reason::NoTagMatches,
        &versions(">=1.7.0"),
    );
    check(
        &unmatched("v2.0.0-rc.1"),
        Reason::NoTagMatches,
        &versions(">=2.0.0-rc.1"),
    );
    check(
        &unmatched("prod-42"),
        Reason::NoTagMatches,
        &numbers("^prod-(?P<n>[0-9]+)$"),
    );
    check(
        &unmatched("b7.main"),
        Reason::NoTagMatches,
        &numbers(r"^b(?P<n>[0-9]+)\\.main$"),
    );
    check(&unmatched("latest"), Reason::NoTagMatches, TAGS);
}

#[test]
fn a_policy_that_cannot_be_used_gets_what_it_lacks() {
    let broken = World::new().with(|world| {
        let spec = PolicySpec {
            semver_range: Some(">>1"),
            ..PolicySpec::default()
        };
        world.policy().rule = Policy::new(&spec);
    });
    check(&broken, Reason::InvalidPattern, &versions(">=1.9.0"));
    let order = World::new().with(|world| {
        let spec = PolicySpec {
            numerical_order: Some("up"),
            ..PolicySpec::default()
        };
        world.policy().rule = Policy::new(&spec);
    });
    check(
        &order,
        Reason::InvalidPattern,
        &mended("{\"policy\":{\"numerical\":{\"order\":\"asc\"}}}"),
    );
    let interval = World::new().with(|world| {
        world.policy().ready = refused(
            "IntervalNotConfigured",
            "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        );
    });
    check(
        &interval,
        Reason::InvalidPattern,
        "kubectl patch imagepolicy web -n flux-system --type=merge -p '{\"spec\":{\"interval\":\"10m\"}}'",
    );
    let extract = World::new().runs("ghcr.io/acme/web:7").with(|world| {
        let spec = PolicySpec {
            numerical_order: Some("asc"),
            ..PolicySpec::default()
        };
        world.policy().rule = Policy::new(&spec);
        world.policy().ready = refused("Failure", "failed to parse invalid numeric value 'latest'");
    });
    check(&extract, Reason::ExtractFailed, &numbers("^(?P<n>[0-9]+)$"));
    let suspended = World::new().with(|world| world.policy().is_suspended = true);
    check(
        &suspended,
        Reason::PolicySuspended,
        "kubectl imgauto resume policy web -n flux-system",
    );
}

#[test]
fn what_applies_is_asked_to_do_it_now() {
    let unapplied = || World::new().runs("ghcr.io/acme/web:1.8.4");
    check(
        &unapplied(),
        Reason::SourceOutdated,
        "git pull && kubectl apply -f clusters/prod/web.yaml -n apps",
    );
    let by_flux = unapplied().with(|world| {
        let source = SourceFacts {
            name: "GitRepository flux-system/fleet".to_owned(),
            is_suspended: false,
            ready: None,
            revision: None,
        };
        world.applier = Seen::Present(ApplierFacts {
            source: Seen::Present(source),
            ..applier("Kustomization")
        });
    });
    let request = "reconcile.fluxcd.io/requestedAt=\"$(date +%s)\" --overwrite";
    check(
        &by_flux,
        Reason::SourceOutdated,
        &format!(
            "kubectl annotate gitrepository.source.toolkit.fluxcd.io fleet -n flux-system {request} && \
             kubectl annotate kustomization.kustomize.toolkit.fluxcd.io apps -n flux-system {request}"
        ),
    );
    let by_argo = unapplied().with(|world| world.applier = Seen::Present(applier("Application")));
    check(
        &by_argo,
        Reason::SourceOutdated,
        "kubectl annotate application.argoproj.io apps -n flux-system argocd.argoproj.io/refresh=normal --overwrite",
    );
    let failed = unapplied().with(|world| {
        world.applier = Seen::Present(ApplierFacts {
            ready: refused("BuildFailed", "no such file"),
            ..applier("Kustomization")
        });
    });
    check(
        &failed,
        Reason::ApplyFailed,
        &format!(
            "kubectl annotate kustomization.kustomize.toolkit.fluxcd.io apps -n flux-system {request}"
        ),
    );
}

#[test]
fn what_is_suspended_is_resumed() {
    for (kind, resource, spec) in [
        (
            "Kustomization",
            "kustomization.kustomize.toolkit.fluxcd.io",
            "{\"suspend\":false}",
        ),
        (
            "Application",
            "application.argoproj.io",
            "{\"syncPolicy\":{\"automated\":{}}}",
        ),
    ] {
        let suspended = World::new().with(|world| {
            world.applier = Seen::Present(ApplierFacts {
                is_suspended: true,
                ..applier(kind)
            });
        });
        check(
            &suspended,
            Reason::ApplySuspended,
            &format!(
                "kubectl patch {resource} apps -n flux-system --type=merge -p '{{\"spec\":{spec}}}'"
            ),
        );
    }
}

#[test]
fn images_go_back_to_what_git_says() {
    let set_by = |manager: &str| {
        World::new().runs("ghcr.io/acme/web:2.0.0").with(|world| {
            world.applier = Seen::Present(applier("Kustomization"));
            world.workload().setter = Some(Setter {
                manager: manager.to_owned(),
                age: None,
            });
        })
    };
    let set = "kubectl set image deploy/web -n apps web=ghcr.io/acme/web:1.9.0";
    check(&set_by("kubectl-set"), Reason::ManualChange, set);
    check(&set_by("keel"), Reason::OtherManager, set);
    let cron_job = set_by("kubectl-edit").with(|world| world.kind = WorkloadKind::CronJob);
    check(
        &cron_job,
        Reason::ManualChange,
        "kubectl set image cronjob/web -n apps web=ghcr.io/acme/web:1.9.0",
    );
    let volume = set_by("kubectl-edit").with(|world| world.role = Role::Volume);
    let (_, command) = volume.fix();
    assert!(
        command
            .unwrap()
            .starts_with("kubectl annotate kustomization")
    );
}

#[test]
fn what_does_not_come_up_goes_back() {
    let unpulled = |kind| {
        World::new().with(|world| {
            world.kind = kind;
            world.workload().waiting = vec![Waiting {
                reason: "ErrImagePull".to_owned(),
                message: String::new(),
                image: "ghcr.io/acme/web:1.9.0".to_owned(),
                pods: 1,
            }];
        })
    };
    for (kind, fix) in [
        (
            WorkloadKind::Deployment,
            "kubectl rollout undo deploy/web -n apps",
        ),
        (
            WorkloadKind::StatefulSet,
            "kubectl rollout undo sts/web -n apps",
        ),
        (
            WorkloadKind::CronJob,
            "kubectl set image cronjob/web -n apps web=ghcr.io/acme/web:1.8.4",
        ),
        (
            WorkloadKind::Job,
            "kubectl get job/web -n apps -o yaml | kubectl replace --force -f -",
        ),
    ] {
        check(&unpulled(kind), Reason::ImagePullFailed, fix);
    }
    let moved = World::new().with(|world| {
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        world.policy().latest.as_mut().unwrap().digest = Some(digest("1"));
        world.workload().running = Seen::Present(vec![RunningFacts {
            tag: Some("1.9.0".to_owned()),
            digest: Some(digest("2")),
            pods: 1,
            ready: 1,
        }]);
    });
    check(
        &moved,
        Reason::DigestMoved,
        "kubectl rollout restart deploy/web -n apps",
    );
    let skipped = World::new().with(|world| {
        world.workload().admission = Admission::Unmarked("warn".to_owned());
    });
    check(
        &skipped,
        Reason::AdmissionSkipped,
        "kubectl annotate deploy/web -n apps imgauto.dev/policy=flux-system/web --overwrite",
    );
}
