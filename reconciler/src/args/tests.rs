//! Command lines written for Flux, and those that are mistakes.

use clap::error::ErrorKind;
use reconciler::cloud::CacheLimits;
use reconciler::cluster::{CrossNamespace, Gates, Options};
use reconciler::process::Settings;
use reconciler::process::connect::Access;
use reconciler::process::leader::Election;

use super::settings::SettingsError;
use super::*;

fn parse(args: &[&str]) -> Args {
    let args = [&["imgauto-reconciler"], args].concat();
    Args::try_parse_from(args).unwrap_or_else(|error| panic!("{error}"))
}

fn environment() -> Environment {
    Environment {
        runtime_namespace: Some("flux-system".to_owned()),
        has_kubeconfig: false,
    }
}

fn settings(args: &[&str]) -> Settings {
    parse(args).settings(environment()).unwrap().0
}

fn settings_error(args: &[&str]) -> SettingsError {
    parse(args).settings(environment()).unwrap_err()
}

fn idle(args: &[&str]) -> Vec<&'static str> {
    let (_, idle) = parse(args).settings(environment()).unwrap();
    idle.iter().map(|Idle { name, .. }| *name).collect()
}

/// The kind of mistake, and what is said about it.
fn mistake(args: &[&str]) -> (ErrorKind, String) {
    let args = [&["imgauto-reconciler"], args].concat();
    let error = Args::try_parse_from(args).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn the_defaults_are_those_of_flux() {
    let settings = settings(&[]);
    assert_eq!(settings.metrics_addr, ListenAddress::Everywhere(8080));
    assert_eq!(settings.health_addr, ListenAddress::Everywhere(9440));
    assert_eq!(settings.events_addr, None);
    assert_eq!(settings.access, Access::InCluster);
    assert_eq!(settings.runtime_namespace.as_deref(), Some("flux-system"));
    assert_eq!(settings.election, None);
    assert_eq!(settings.graceful_shutdown_timeout, Duration::from_secs(20));
    let hour = Duration::from_secs(3600);
    assert_eq!(
        settings.token_cache,
        CacheLimits {
            size: 100,
            duration: hour
        }
    );
    let options = Options {
        own_namespace: settings.runtime_namespace.clone(),
        ..Options::default()
    };
    assert_eq!(format!("{:?}", settings.options), format!("{options:?}"));
    assert_eq!(parse(&[]).log_level(), LevelFilter::INFO);
    assert_eq!(parse(&[]).log_encoding(), Encoding::Json);
    assert!(idle(&[]).is_empty());
}

#[test]
fn the_arguments_of_a_flux_installation_are_taken() {
    let settings = settings(&[
        "--events-addr=http://notification-controller.flux-system.svc.cluster.local./",
        "--watch-all-namespaces=true",
        "--log-level=info",
        "--log-encoding=json",
        "--enable-leader-election",
        "--storage-path=/data",
    ]);
    let address = "http://notification-controller.flux-system.svc.cluster.local./";
    assert_eq!(settings.events_addr.unwrap().as_str(), address);
    let election = Election {
        lease_duration: Duration::from_secs(35),
        renew_deadline: Duration::from_secs(30),
        retry_period: Duration::from_secs(5),
        release_on_cancel: true,
    };
    assert_eq!(settings.election, Some(election));
}

#[test]
fn every_flag_reaches_its_setting() {
    let settings = settings(&[
        "--metrics-addr=0",
        "--health-addr",
        "127.0.0.1:1",
        "--kubeconfig=/kubeconfig",
        "--watch-all-namespaces=false",
        "--watch-label-selector=sharding.fluxcd.io/key in (a,b)",
        "--no-cross-namespace-refs",
        "--default-service-account=cloud",
        "--feature-gates=ObjectLevelWorkloadIdentity=true,GitForcePushBranch=false",
        "--feature-gates=GitAllBranchReferences=false",
        "--enable-leader-election=true",
        "--leader-election-release-on-cancel=false",
        "--leader-election-lease-duration=15s",
        "--leader-election-renew-deadline=10s",
        "--leader-election-retry-period=2s",
        "--concurrent=9",
        "--requeue-dependency=1m30s",
        "--min-retry-delay=1s",
        "--max-retry-delay=1h",
        "--storage-path=/tmp/tags",
        "--token-cache-max-size=0",
        "--token-cache-max-duration=2h",
        "--quiet-period=100ms",
        "--quiet-period-max=1s",
        "--graceful-shutdown-timeout=5s",
    ]);
    assert_eq!(settings.metrics_addr, ListenAddress::Nowhere);
    assert_eq!(
        settings.health_addr,
        ListenAddress::On("127.0.0.1".to_owned(), 1)
    );
    assert_eq!(settings.access, Access::File("/kubeconfig".into()));
    let election = settings.election.unwrap();
    assert_eq!(election.lease_duration, Duration::from_secs(15));
    assert_eq!(election.renew_deadline, Duration::from_secs(10));
    assert_eq!(election.retry_period, Duration::from_secs(2));
    assert!(!election.release_on_cancel);
    let hour = Duration::from_secs(3600);
    assert_eq!(
        settings.token_cache,
        CacheLimits {
            size: 0,
            duration: hour
        }
    );
    assert_eq!(settings.graceful_shutdown_timeout, Duration::from_secs(5));
    let expected = Options {
        concurrent: 9,
        min_retry_delay: Duration::from_secs(1),
        max_retry_delay: hour,
        requeue_dependency: Duration::from_secs(90),
        cross_namespace: CrossNamespace::Blocked,
        watch_namespace: Some("flux-system".to_owned()),
        own_namespace: None,
        label_selector: Some("sharding.fluxcd.io/key in (a,b)".to_owned()),
        gates: Gates {
            object_level_workload_identity: true,
            git_force_push_branch: false,
            git_all_branch_references: false,
        },
        default_service_account: Some("cloud".to_owned()),
        storage_path: "/tmp/tags".into(),
        quiet_period: Duration::from_millis(100),
        quiet_period_max: Duration::from_secs(1),
    };
    assert_eq!(format!("{:?}", settings.options), format!("{expected:?}"));
}

#[test]
fn the_last_word_counts() {
    let settings = settings(&[
        "--concurrent=1",
        "--concurrent",
        "2",
        "--no-cross-namespace-refs",
        "--no-cross-namespace-refs=false",
        "--feature-gates=GitForcePushBranch=false",
        "--feature-gates=GitForcePushBranch=true",
    ]);
    assert_eq!(settings.options.concurrent, 2);
    assert_eq!(settings.options.cross_namespace, CrossNamespace::Allowed);
    assert!(settings.options.gates.git_force_push_branch);
}

#[test]
fn flags_of_flux_without_effect_are_taken_and_told() {
    let given = idle(&[
        "--storage-value-log-file-size=268435456",
        "--storage-compression-threshold=64",
        "--gc-interval=10",
        "--watch-configs-label-selector=reconcile.fluxcd.io/watch=Enabled",
        "--kube-api-qps=50",
        "--kube-api-burst=-1",
        "--ssh-kex-algos=curve25519-sha256,ecdh-sha2-nistp256",
        "--ssh-hostkey-algos=ssh-ed25519",
        "--feature-gates=CacheSecretsAndConfigMaps=true,FluxStorage=true,FluxStorage=false",
    ]);
    let expected = [
        "CacheSecretsAndConfigMaps",
        "FluxStorage",
        "--storage-value-log-file-size",
        "--storage-compression-threshold",
        "--gc-interval",
        "--watch-configs-label-selector",
        "--kube-api-qps",
        "--kube-api-burst",
        "--ssh-kex-algos",
        "--ssh-hostkey-algos",
    ];
    assert_eq!(given, expected);
}

#[test]
fn a_kubeconfig_is_looked_for_where_kubectl_looks() {
    let environment = || Environment {
        has_kubeconfig: true,
        ..environment()
    };
    let access = |args| parse(args).settings(environment()).unwrap().0.access;
    assert_eq!(access(&[]), Access::Environment);
    assert_eq!(access(&["--kubeconfig=a"]), Access::File("a".into()));
}

#[test]
fn unknown_flags_and_values_are_mistakes() {
    assert_eq!(
        mistake(&["--aws-autologin-for-ecr"]).0,
        ErrorKind::UnknownArgument
    );
    assert_eq!(mistake(&["serve"]).0, ErrorKind::UnknownArgument);
    for (args, said) in [
        ("--log-level=warn", "trace, debug, info, error"),
        (
            "--min-retry-delay=1d",
            r#"time: unknown unit "d" in duration "1d""#,
        ),
        ("--min-retry-delay=-1s", "duration -1s is negative"),
        ("--concurrent=0", "1..=65535"),
        ("--no-cross-namespace-refs=maybe", "neither true nor false"),
        ("--events-addr=nowhere", "not a URL"),
        ("--events-addr=ftp://host/", "scheme is not http or https"),
        ("--metrics-addr=8080", "missing port in address"),
        (
            "--feature-gates=FluxStorage",
            "malformed pair, expect string=bool",
        ),
        (
            "--feature-gates=FluxStorage=maybe",
            "invalid value of FluxStorage",
        ),
    ] {
        let (_, text) = mistake(&[args]);
        assert!(text.contains(said), "{text}");
        assert!(text.contains(args.split('=').next().unwrap()), "{text}");
    }
}

#[test]
fn an_unknown_gate_is_named_as_flux_names_it() {
    let error = settings_error(&["--feature-gates=FluxStorage=true,Teleport=true"]);
    assert_eq!(error.to_string(), "feature-gate 'Teleport' not supported");
}

#[test]
fn flags_that_do_not_go_together_are_mistakes() {
    let rows: [(&[&str], SettingsError); 6] = [
        (
            &["--default-service-account=cloud"],
            SettingsError::DefaultServiceAccount,
        ),
        (&["--min-retry-delay=1h"], SettingsError::RetryDelay),
        (&["--quiet-period=1m"], SettingsError::QuietPeriod),
        (
            &[
                "--enable-leader-election",
                "--leader-election-lease-duration=30s",
            ],
            SettingsError::LeaseDuration,
        ),
        (
            &[
                "--enable-leader-election",
                "--leader-election-retry-period=25s",
            ],
            SettingsError::RenewDeadline,
        ),
        (
            &[
                "--enable-leader-election",
                "--leader-election-retry-period=0s",
            ],
            SettingsError::RetryPeriod,
        ),
    ];
    for (args, error) in rows {
        assert_eq!(settings_error(args), error);
    }
    let nowhere = parse(&["--watch-all-namespaces=false"]).settings(Environment::default());
    assert_eq!(nowhere.unwrap_err(), SettingsError::WatchNamespace);
}

#[test]
fn the_version_is_told() {
    let (kind, text) = mistake(&["--version"]);
    assert_eq!(kind, ErrorKind::DisplayVersion);
    assert_eq!(
        text,
        concat!("imgauto-reconciler ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn every_flag_is_explained() {
    use clap::CommandFactory as _;
    let command = Args::command();
    command.clone().debug_assert();
    let page = include_str!("../../../docs/reconciler.md");
    for arg in command.get_arguments() {
        assert!(arg.get_help().is_some(), "{}", arg.get_id());
        let flag = format!("`--{}`", arg.get_long().unwrap());
        assert!(page.contains(&flag), "{flag}");
    }
}
