//! Which cluster is meant, and as whom.

use std::path::PathBuf;

use clap::Parser as _;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::*;
use crate::cli::Cli;
use crate::session::Markers;

const FIRST: &str = "
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: here, context: {cluster: near, user: alice, namespace: apps}}
- {name: there, context: {cluster: far, user: bob}}
clusters:
- {name: near, cluster: {server: 'https://near.example:6443', certificate-authority: ca.crt}}
- {name: far, cluster: {server: 'https://far.example', proxy-url: 'socks5://proxy.example:1080'}}
users:
- {name: alice, user: {client-certificate: alice.crt, client-key: alice.key}}
";

const SECOND: &str = "
apiVersion: v1
kind: Config
current-context: ignored
users:
- {name: bob, user: {token: bobs}}
- {name: eve, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login, interactiveMode: Never}}}
";

/// Folds two kubeconfigs and flags, and returns the one cluster and user that are left.
fn meant(flags: &[&str]) -> Result<(Cluster, AuthInfo), String> {
    let folder = TempDir::new().unwrap();
    let files = [("first", FIRST), ("second", SECOND)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let args = [&["kubectl-imgauto", "version"], flags].concat();
    let cli = Cli::try_parse_from(args).unwrap();
    let connection = &cli.globals.connection;
    let done = read(&files, connection)
        .and_then(|merged| overruled(merged.unwrap_or_default(), connection, &files));
    let kubeconfig = done.map_err(|error| error.render(Markers::Flux))?;
    assert_eq!(kubeconfig.current_context.as_deref(), Some(MEANT));
    let cluster = kubeconfig.clusters[0].cluster.clone().unwrap();
    let user = kubeconfig.auth_infos[0].auth_info.clone().unwrap();
    Ok((cluster, user))
}

fn server(flags: &[&str]) -> String {
    meant(flags).unwrap().0.server.unwrap()
}

#[test]
fn files_are_merged_and_the_first_that_names_something_wins() {
    assert_eq!(server(&[]), "https://near.example:6443");
    let (cluster, user) = meant(&["--context=there"]).unwrap();
    assert_eq!(cluster.server.as_deref(), Some("https://far.example"));
    assert_eq!(
        cluster.proxy_url.as_deref(),
        Some("socks5://proxy.example:1080")
    );
    assert_eq!(user.token.unwrap().expose_secret(), "bobs");
}

#[test]
fn files_named_in_a_kubeconfig_are_relative_to_it() {
    let (cluster, user) = meant(&[]).unwrap();
    for file in [
        cluster.certificate_authority,
        user.client_certificate,
        user.client_key,
    ] {
        assert!(PathBuf::from(file.unwrap()).is_absolute());
    }
}

#[test]
fn cluster_and_user_can_be_chosen_apart_from_the_context() {
    assert_eq!(server(&["--cluster=far"]), "https://far.example");
    let (_, user) = meant(&["--user=eve"]).unwrap();
    assert_eq!(user.exec.unwrap().command.as_deref(), Some("login"));
}

#[test]
fn flags_overrule_the_cluster() {
    let (cluster, _) = meant(&["--server=other.example:8443", "--tls-server-name=inner"]).unwrap();
    assert_eq!(
        cluster.server.as_deref(),
        Some("https://other.example:8443")
    );
    assert_eq!(cluster.tls_server_name.as_deref(), Some("inner"));
    let (cluster, _) = meant(&["--certificate-authority=own.crt"]).unwrap();
    assert_eq!(cluster.certificate_authority.as_deref(), Some("own.crt"));
    let (cluster, _) = meant(&["--insecure-skip-tls-verify"]).unwrap();
    assert_eq!(cluster.insecure_skip_tls_verify, Some(true));
    assert_eq!(cluster.certificate_authority, None);
}

#[test]
fn a_token_replaces_whatever_the_user_logs_in_with() {
    let (_, user) = meant(&["--token=mine"]).unwrap();
    assert_eq!(user.token.unwrap().expose_secret(), "mine");
    assert_eq!(user.client_certificate, None);
    let (_, user) = meant(&["--client-certificate=a.crt", "--client-key=a.key"]).unwrap();
    let pair = (user.client_certificate, user.client_key);
    assert_eq!(pair, (Some("a.crt".to_owned()), Some("a.key".to_owned())));
}

#[test]
fn impersonation_is_passed_on_whole() {
    let (_, user) = meant(&[
        "--as=carol",
        "--as-group=a",
        "--as-group=b",
        "--as-uid=7",
        "--as-user-extra=scopes=x",
        "--as-user-extra=scopes=y",
    ])
    .unwrap();
    assert_eq!(user.impersonate.as_deref(), Some("carol"));
    assert_eq!(user.impersonate_uid.as_deref(), Some("7"));
    let groups = user.impersonate_groups.unwrap();
    assert_eq!(groups, ["a", "b"]);
    assert_eq!(user.impersonate_user_extra.unwrap()["scopes"], ["x", "y"]);
}

#[test]
fn a_name_that_is_not_there_lists_those_that_are() {
    let said = meant(&["--context=nowhere"]).unwrap_err();
    assert_eq!(
        said,
        "✗ the kubeconfig has no context \"nowhere\"
    it has here, there
  next: --context names another; kubectl config view shows all
"
    );
    assert!(
        meant(&["--user=zoe"])
            .unwrap_err()
            .contains("it has alice, bob, eve")
    );
    assert!(
        meant(&["--cluster=moon"])
            .unwrap_err()
            .contains("it has near, far")
    );
}

#[test]
fn without_a_kubeconfig_the_address_is_enough() {
    let cli = [
        "kubectl-imgauto",
        "version",
        "--server=http://127.0.0.1:8080",
    ];
    let cli = Cli::try_parse_from(cli).unwrap();
    let connection = &cli.globals.connection;
    let kubeconfig = overruled(Kubeconfig::default(), connection, &[]).unwrap();
    let cluster = kubeconfig.clusters[0].cluster.clone().unwrap();
    assert_eq!(cluster.server.as_deref(), Some("http://127.0.0.1:8080"));

    let nothing = Connection::default();
    let files = [PathBuf::from("/home/me/.kube/config")];
    let error = overruled(Kubeconfig::default(), &nothing, &files).unwrap_err();
    let said = error.render(Markers::Flux);
    assert!(said.contains("looked in /home/me/.kube/config"), "{said}");
}

#[test]
fn a_kubeconfig_that_is_named_has_to_be_there() {
    let named = Connection {
        kubeconfig: Some("/nowhere/config".into()),
        ..Connection::default()
    };
    let files = [PathBuf::from("/nowhere/config")];
    let said = read(&files, &named).unwrap_err().render(Markers::Flux);
    assert!(
        said.starts_with("✗ cannot use kubeconfig /nowhere/config\n"),
        "{said}"
    );
    assert!(read(&files, &Connection::default()).unwrap().is_none());
}

#[test]
fn a_token_is_never_shown() {
    let args = ["kubectl-imgauto", "version", "--token=planted-secret"];
    let cli = Cli::try_parse_from(args).unwrap();
    assert!(!format!("{cli:?}").contains("planted-secret"));
}
