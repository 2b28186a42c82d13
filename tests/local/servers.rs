//! The harness itself works: what the other tests stand on.

use std::process::Command;
use std::time::Duration;

use harness::git_server::GitServerOptions;
use harness::program::{clean, imgauto, kubectl, kubectl_imgauto, output, run, shell};
use harness::registry::RegistryOptions;
use harness::tls::{ClientCertificates, Tls};
use harness::{Authority, FaultRegistry, Forge, GitServer, HttpProxy, Registry};
use tempfile::TempDir;

mod git_servers;
mod registries;
mod scripts;

fn folder() -> TempDir {
    TempDir::new().expect("the temporary folder is writable")
}

#[test]
fn kubectl_holds_kustomize() {
    let folder = folder();
    std::fs::write(
        folder.path().join("kustomization.yaml"),
        "resources: [pod.yaml]\nnamePrefix: a-\n",
    )
    .unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n";
    std::fs::write(folder.path().join("pod.yaml"), pod).unwrap();
    let built = run(kubectl(folder.path()).arg("kustomize").arg(folder.path()));
    assert!(built.contains("name: a-web"), "{built}");
}

#[test]
fn kubectl_finds_the_plugin() {
    let folder = folder();
    let plugins = run(&mut shell(folder.path(), "kubectl plugin list"));
    assert!(plugins.contains("/kubectl-imgauto"), "{plugins}");
    let direct = run(imgauto(folder.path()).arg("version"));
    assert_eq!(run(kubectl_imgauto(folder.path()).arg("version")), direct);
}

#[test]
#[should_panic(expected = "make setup")]
fn a_missing_program_names_make_setup() {
    output(&mut Command::new("/nowhere/program"));
}

#[test]
fn commands_see_nothing_of_the_testers_environment() {
    let folder = folder();
    let mut command = Command::new("env");
    command.env("SECRET", "1");
    clean(&mut command, folder.path());
    let environment = run(&mut command);
    let names = environment
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0));
    let mut names: Vec<_> = names.filter(|name| !name.starts_with("GIT_")).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LC_ALL", "PATH", "TZ"]);
}

#[test]
fn the_proxy_forwards_and_counts() {
    let registry = Registry::start(RegistryOptions::default());
    registry.push_tag("app", "1.0.0");
    let proxy = HttpProxy::start();
    let url = format!("http://{}/v2/app/tags/list", registry.host());
    for expected in 1..=2 {
        let (status, body) = get(&url, Some(&proxy.url())).unwrap();
        assert_eq!(
            (status, body.trim_end()),
            (200, r#"{"name":"app","tags":["1.0.0"]}"#)
        );
        assert_eq!(proxy.targets(), vec![registry.host(); expected]);
    }
}

#[test]
fn the_proxy_tunnels_tls() {
    let authority = Authority::new();
    let tls = Some(Tls {
        authority: &authority,
        clients: ClientCertificates::Ignored,
    });
    let forge = Forge::new();
    forge
        .create("fleet")
        .commit("main", "first", &[("a", "1\n")]);
    let server = GitServer::start(
        &forge,
        GitServerOptions {
            tls,
            ..Default::default()
        },
    );
    let proxy = HttpProxy::with_password("ada", "p:w");
    let folder = folder();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let listing = |proxy: &str| {
        let proxy = format!("http.proxy={proxy}");
        let ca = format!("http.sslCAInfo={}", ca.display());
        let mut command = Command::new("git");
        clean(&mut command, folder.path());
        output(command.args(["-c", &proxy, "-c", &ca, "ls-remote", &server.url("fleet")]))
    };
    assert!(!listing(&proxy.url()).status.success());
    assert!(proxy.targets().is_empty());
    let listed = listing(&proxy.url().replace("http://", "http://ada:p%3Aw@"));
    assert!(listed.status.success(), "{listed:?}");
    assert_eq!(proxy.targets().len(), 1);
}

#[test]
fn servers_close_their_port_when_dropped() {
    let registry = FaultRegistry::start(&["1"]);
    let host = registry.host();
    assert!(std::net::TcpStream::connect(&host).is_ok());
    drop(registry);
    assert!(std::net::TcpStream::connect(&host).is_err());
}

/// The status and body of an answer; the error if there is none within two seconds.
fn get(url: &str, proxy: Option<&str>) -> Result<(u16, String), reqwest::Error> {
    block_on(async {
        let response = ask(url, proxy).await?;
        let status = response.status().as_u16();
        Ok((status, response.text().await?))
    })
}

/// A header of an answer.
fn header(url: &str, name: &str) -> String {
    let response = block_on(ask(url, None)).unwrap();
    response.headers()[name].to_str().unwrap().to_owned()
}

async fn ask(url: &str, proxy: Option<&str>) -> Result<reqwest::Response, reqwest::Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2));
    let client = match proxy {
        Some(proxy) => client.proxy(reqwest::Proxy::all(proxy)?),
        None => client,
    };
    client.build()?.get(url).send().await
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}
