use Reason::{
    AuthFailed, DigestMoved, ExtractFailed, InvalidPattern, NoTagMatches, PolicySuspended,
    RateLimited, RepositoryNotReady,
};
use State::{Blocked, Drifted, Suspended};

use super::*;

/// Cases of registries and policies.
pub(super) fn cases() -> Vec<Case> {
    [
        of_repositories(),
        of_registries(),
        of_choices(),
        of_patterns(),
    ]
    .concat()
}

fn of_repositories() -> Vec<Case> {
    vec![
        case(
            RepositoryNotReady,
            Blocked,
            World::new().with(|world| world.repository = Seen::Absent),
            "there is no ImageRepository flux-system/web",
        ),
        case(
            RepositoryNotReady,
            Suspended,
            World::new().with(|world| world.repository().is_suspended = true),
            "ImageRepository flux-system/web is suspended, last scan 30s ago",
        ),
        case(
            RepositoryNotReady,
            Blocked,
            unscanned(
                "ReadOperationFailed",
                "scan failed: Get \"https://ghcr.io/v2/\": connection refused",
            ),
            "ImageRepository flux-system/web: scan failed: Get \"https://ghcr.io/v2/\": connection refused",
        ),
        case(
            RepositoryNotReady,
            Blocked,
            unscanned(
                "ReadOperationFailed",
                "scan failed: GET https://ghcr.io/v2/acme/web/tags/list: NAME_UNKNOWN: repository name not known",
            ),
            "ImageRepository flux-system/web: scan failed: GET https://ghcr.io/v2/acme/web/tags/list: NAME_UNKNOWN: repository name not known",
        ),
        case(
            RepositoryNotReady,
            Blocked,
            unchosen(
                "AccessDenied",
                "failed to get the referred ImageRepository: access denied: 'ImageRepository/a/web' can't be accessed",
            ),
            "ImagePolicy flux-system/web: failed to get the referred ImageRepository: access denied: 'ImageRepository/a/web' can't be accessed",
        ),
    ]
}

fn of_registries() -> Vec<Case> {
    vec![
        case(
            AuthFailed,
            Blocked,
            unscanned(
                "ReadOperationFailed",
                "scan failed: GET https://ghcr.io/v2/acme/web/tags/list?n=1000: UNAUTHORIZED: authentication required",
            ),
            "ImageRepository flux-system/web: scan failed: GET https://ghcr.io/v2/acme/web/tags/list?n=1000: UNAUTHORIZED: authentication required",
        ),
        case(
            AuthFailed,
            Blocked,
            unscanned(
                "ReadOperationFailed",
                "scan failed: GET https://r/v2/a/tags/list: unexpected status code 403 Forbidden",
            ),
            "ImageRepository flux-system/web: scan failed: GET https://r/v2/a/tags/list: unexpected status code 403 Forbidden",
        ),
        case(
            AuthFailed,
            Blocked,
            unscanned(
                "AuthenticationFailed",
                "failed to configure authentication options: secrets \"regcred\" not found",
            ),
            "ImageRepository flux-system/web: failed to configure authentication options: secrets \"regcred\" not found",
        ),
        case(
            AuthFailed,
            Blocked,
            unchosen(
                "Failed",
                "failed fetching digest of ghcr.io/acme/web:1.9.0: failed fetching descriptor: HEAD https://ghcr.io/v2/acme/web/manifests/1.9.0: unexpected status code 401 Unauthorized",
            ),
            "ImagePolicy flux-system/web: failed fetching digest of ghcr.io/acme/web:1.9.0: failed fetching descriptor: HEAD https://ghcr.io/v2/acme/web/manifests/1.9.0: unexpected status code 401 Unauthorized",
        ),
        case(
            RateLimited,
            Blocked,
            unscanned(
                "ReadOperationFailed",
                "scan failed: GET https://r/v2/a/tags/list: TOOMANYREQUESTS: slow down; later (retry after 60s)",
            ),
            "ImageRepository flux-system/web: scan failed: GET https://r/v2/a/tags/list: TOOMANYREQUESTS: slow down; later (retry after 60s)",
        ),
        case(
            RateLimited,
            Blocked,
            unscanned(
                "ReadOperationFailed",
                "scan failed: GET https://r/v2/: not sent, the host asked to wait 55s more",
            ),
            "ImageRepository flux-system/web: scan failed: GET https://r/v2/: not sent, the host asked to wait 55s more",
        ),
    ]
}

fn of_choices() -> Vec<Case> {
    let filtered = PolicySpec {
        filter_pattern: Some(r"^prod-(?P<n>\d+)$"),
        filter_extract: Some("$n"),
        numerical_order: Some("asc"),
        ..PolicySpec::default()
    };
    let no_tags = "version list argument cannot be empty";
    vec![
        case(
            NoTagMatches,
            Blocked,
            unchosen("Failure", no_tags).with(|world| world.policy().rule = rule(&filtered)),
            r"ImagePolicy flux-system/web: none of 42 tags fits ^prod-(?P<n>\d+)$",
        ),
        case(
            NoTagMatches,
            Blocked,
            unchosen(
                "Failure",
                "unable to determine latest version from provided list",
            ),
            "ImagePolicy flux-system/web: none of 42 tags fits semver ^1.8",
        ),
        case(
            NoTagMatches,
            Blocked,
            unchosen(
                "DependencyNotReady",
                "retrying in 30s error: no tags in database",
            )
            .with(|world| world.repository().scan = Some(ScanFacts { tags: 0, age: None })),
            "ImagePolicy flux-system/web: none of 0 tags fits semver ^1.8",
        ),
    ]
}

fn of_patterns() -> Vec<Case> {
    let filtered = PolicySpec {
        filter_pattern: Some(r"^prod-(?P<n>\d+)$"),
        filter_extract: Some("$n"),
        numerical_order: Some("asc"),
        ..PolicySpec::default()
    };
    vec![
        case(
            ExtractFailed,
            Blocked,
            unchosen("Failure", "failed to parse invalid numeric value 'rc1'")
                .with(|world| world.policy().rule = rule(&filtered)),
            "ImagePolicy flux-system/web: failed to parse invalid numeric value 'rc1'",
        ),
        case(
            InvalidPattern,
            Blocked,
            World::behind().with(|world| world.policy().rule = rule(&semver(">>1"))),
            "ImagePolicy flux-system/web: spec.policy.semver.range: improper constraint: \">>1\": \">>\" is no operator, at position 1",
        ),
        case(
            InvalidPattern,
            Blocked,
            unchosen(
                "IntervalNotConfigured",
                "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
            ),
            "ImagePolicy flux-system/web: spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        ),
        case(
            PolicySuspended,
            Suspended,
            World::new().with(|world| world.policy().is_suspended = true),
            "ImagePolicy flux-system/web is suspended, it stays at 1.9.0",
        ),
        case(
            DigestMoved,
            Drifted,
            World::new().with(|world| {
                world.policy().latest = latest("1.9.0", Some(DIGEST));
                world.workload().running =
                    Seen::Present(vec![running("1.9.0", Some(OTHER_DIGEST))]);
            }),
            "1.9.0 was pushed again 5m ago: the registry has sha256:1111111, pods run sha256:2222222",
        ),
    ]
}
