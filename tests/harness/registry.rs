//! The real registry: CNCF distribution, in memory or on disk.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::program::{Server, clean, real};
use crate::serve::wait;
use crate::tls::{ClientCertificates, Tls};

/// The media type of what [`Registry::push_tag`] pushes.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// How many requests seed a registry at a time.
const SEEDING: usize = 16;

/// A registry process on loopback, empty at first.
pub struct Registry {
    address: SocketAddr,
    scheme: &'static str,
    client: Client,
    account: Option<(String, String)>,
    server: Server,
    _folder: TempDir,
}

/// How a registry is set up; the default lets everybody push over plain HTTP and forgets at its end.
#[derive(Default)]
pub struct RegistryOptions<'a> {
    /// Who may come in.
    pub auth: RegistryAuth,
    /// TLS, if the registry speaks it.
    pub tls: Option<Tls<'a>>,
    /// Where it keeps what it gets.
    pub storage: Storage,
}

/// What a registry asks from its clients.
#[derive(Clone, Debug, Default)]
pub enum RegistryAuth {
    /// Nothing.
    #[default]
    Anonymous,
    /// One of these user names, with its password.
    Htpasswd(Vec<(String, String)>),
}

/// Where a registry keeps what it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// In memory: the fastest.
    #[default]
    Memory,
    /// In files, which are gone when the registry is dropped.
    Filesystem,
}

impl Registry {
    /// Starts a registry and waits until it listens.
    pub fn start(options: RegistryOptions<'_>) -> Self {
        let folder =
            TempDir::with_prefix("imgauto-registry-").expect("the temporary folder is writable");
        let config = folder.path().join("config.json");
        let text = configuration(folder.path(), &options).to_string();
        std::fs::write(&config, text).expect("the folder is writable");
        let mut command = Command::new(real("registry"));
        clean(&mut command, folder.path());
        command
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none");
        let mut server = Server::start(&mut command);
        let address = server.wait_for(|line| {
            let (_, rest) = line.split_once("listening on ")?;
            rest.split(['"', ',']).next()?.parse().ok()
        });
        Self {
            address,
            scheme: if options.tls.is_some() {
                "https"
            } else {
                "http"
            },
            client: client(options.tls.as_ref()),
            account: match options.auth {
                RegistryAuth::Anonymous => None,
                RegistryAuth::Htpasswd(users) => users.into_iter().next(),
            },
            server,
            _folder: folder,
        }
    }

    /// Host and port, as they stand in front of an image's name.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The name of an image in this registry, without a tag.
    pub fn image(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address)
    }

    /// Pushes an image of its own under a tag and returns its digest.
    ///
    /// The same repository and tag give the same digest, all others another.
    pub fn push_tag(&self, repository: &str, tag: &str) -> String {
        self.push(repository, tag, INDEX, &manifest(tag))
    }

    /// Pushes any manifest under a tag and returns its digest.
    ///
    /// # Panics
    ///
    /// If the registry refuses it; it wants to hold every blob a manifest names.
    pub fn push(&self, repository: &str, tag: &str, media_type: &str, manifest: &str) -> String {
        let request = self.request(Method::PUT, repository, tag);
        let request = request
            .header("content-type", media_type.to_owned())
            .body(manifest.to_owned());
        succeed(wait(request.send()));
        let digest = Sha256::digest(manifest);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// Pushes an image of its own under each tag, many at a time.
    pub fn push_tags<T: AsRef<str>>(&self, repository: &str, tags: &[T]) {
        let requests = tags.iter().map(|tag| {
            let request = self.request(Method::PUT, repository, tag.as_ref());
            request
                .header("content-type", INDEX)
                .body(manifest(tag.as_ref()))
        });
        let requests: Vec<_> = requests.collect();
        let pushed = stream::iter(requests)
            .map(|request| async { request.send().await?.error_for_status() });
        let pushed = pushed
            .buffer_unordered(SEEDING)
            .try_for_each(|_| async { Ok(()) });
        wait(pushed).expect("the registry takes our manifests");
    }

    /// Takes a tag away; what it named stays.
    pub fn delete(&self, repository: &str, tag: &str) {
        succeed(wait(self.request(Method::DELETE, repository, tag).send()));
    }

    /// The registry's log so far: one line for each request it answered, and what went wrong.
    pub fn log(&self) -> Vec<String> {
        self.server.log()
    }

    fn request(&self, method: Method, repository: &str, tag: &str) -> reqwest::RequestBuilder {
        let url = format!(
            "{}://{}/v2/{repository}/manifests/{tag}",
            self.scheme, self.address
        );
        let request = self.client.request(method, url);
        match &self.account {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }
}

/// An image index without images: the smallest thing a registry takes.
fn manifest(tag: &str) -> String {
    let annotations = json!({"org.opencontainers.image.version": tag});
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": annotations})
        .to_string()
}

fn succeed(response: reqwest::Result<Response>) {
    response
        .and_then(Response::error_for_status)
        .expect("the registry does what it is told");
}

fn client(tls: Option<&Tls<'_>>) -> Client {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let mut builder = Client::builder().no_proxy();
    if let Some(tls) = tls {
        let root = reqwest::Certificate::from_pem(tls.authority.pem().as_bytes());
        let identity = tls.authority.client("harness");
        let pair = format!("{}{}", identity.certificate, identity.key);
        let identity = reqwest::Identity::from_pem(pair.as_bytes()).expect("rcgen writes PEM");
        builder = builder
            .tls_certs_only([root.expect("rcgen writes PEM")])
            .identity(identity);
    }
    builder.build().expect("the options are sound")
}

/// JSON is YAML, which is what the registry reads.
fn configuration(folder: &Path, options: &RegistryOptions<'_>) -> Value {
    let mut config = json!({
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": true}},
        "storage": {"delete": {"enabled": true}},
        "http": {"addr": "127.0.0.1:0", "secret": "test"},
    });
    match options.storage {
        Storage::Memory => config["storage"]["inmemory"] = json!({}),
        Storage::Filesystem => {
            config["storage"]["filesystem"] = json!({"rootdirectory": folder.join("storage")});
        }
    }
    if let RegistryAuth::Htpasswd(users) = &options.auth {
        let path = folder.join("htpasswd");
        // The lowest cost there is: the registry computes it again for every request.
        let lines = users.iter().map(|(user, password)| {
            let hash = bcrypt::hash(password, 4).expect("the password is short enough for bcrypt");
            format!("{user}:{hash}\n")
        });
        std::fs::write(&path, lines.collect::<String>()).expect("the folder is writable");
        config["auth"] = json!({"htpasswd": {"realm": "test", "path": path}});
    }
    if let Some(tls) = &options.tls {
        let (certificate, key) = tls.authority.server().write(folder, "server");
        config["http"]["tls"] = json!({"certificate": certificate, "key": key});
        if tls.clients == ClientCertificates::Required {
            let authority = folder.join("authority.crt");
            std::fs::write(&authority, tls.authority.pem()).expect("the folder is writable");
            config["http"]["tls"]["clientcas"] = json!([authority]);
        }
    }
    config
}
