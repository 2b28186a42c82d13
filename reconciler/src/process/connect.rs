//! The way to the API server.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use reqwest::header::{HeaderValue, USER_AGENT};
use thiserror::Error;

/// Longer than the five minutes less five seconds a watch may be silent, so that only dead connections end.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// How this program calls itself.
const AGENT: &str = concat!("imgauto-reconciler/", env!("CARGO_PKG_VERSION"));

/// How the API server is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// This kubeconfig says.
    File(PathBuf),
    /// The kubeconfigs say that the environment variable `KUBECONFIG` names.
    Environment,
    /// The program runs in a Pod, with the token of its ServiceAccount.
    InCluster,
}

/// A configuration no client can be made of. Trying again does not help.
///
/// The texts hold their causes: those of the library say them already, and would say them twice.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A kubeconfig cannot be used. The text names files and never what is in them.
    #[error("kubeconfig cannot be used: {0}")]
    Kubeconfig(Box<KubeconfigError>),
    /// There is no Pod around the program.
    #[error("there is no kubeconfig, and this is no Pod with a ServiceAccount: {0}")]
    InCluster(Box<InClusterError>),
    /// Certificates, keys or proxies do not fit together.
    #[error("no client can be made for the API server: {}", Refusal(.0))]
    Client(Box<kube::Error>),
}

/// Makes a client for the API server. Nothing is sent yet.
///
/// # Errors
///
/// When the configuration is missing or wrong.
pub async fn connect(access: &Access) -> Result<Client, ConnectError> {
    let mut config = match access {
        Access::File(file) => from_file(file).await,
        Access::Environment => Config::from_kubeconfig(&KubeConfigOptions::default()).await,
        Access::InCluster => {
            let config = Config::incluster();
            Ok(config.map_err(|error| ConnectError::InCluster(Box::new(error)))?)
        }
    }
    .map_err(|error| ConnectError::Kubeconfig(Box::new(error)))?;
    config.read_timeout = Some(READ_TIMEOUT);
    let agent = (USER_AGENT, HeaderValue::from_static(AGENT));
    config.headers.push(agent);
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}

async fn from_file(file: &Path) -> Result<Config, KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(file)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}

/// Writes what the API server answered, or why there is no answer, once and on one line.
///
/// Kubernetes' answers come with their whole structure, and errors of connections repeat their causes.
pub struct Refusal<'a>(pub &'a kube::Error);

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let kube::Error::Api(status) = self.0 {
            return f.write_str(&status.message);
        }
        let mut text = String::new();
        let mut error: Option<&dyn Error> = match self.0 {
            // Its own text says only that it stands around another error.
            kube::Error::Service(cause) => Some(cause.as_ref()),
            error => Some(error),
        };
        while let Some(cause) = error {
            let said = cause.to_string();
            if text.is_empty() {
                text.push_str(&said);
            } else if !text.ends_with(&said) {
                write!(text, ": {said}")?;
            }
            error = cause.source();
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use k8s_openapi::api::core::v1::Namespace;
    use kube::Api;
    use kube::core::Status;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn kubeconfig(directory: &Path, server: &str) -> PathBuf {
        let file = directory.join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u, namespace: here}}}}]\n\
             users: [{{name: u, user: {{token: planted-secret}}}}]\n"
        );
        fs::write(&file, text).unwrap();
        file
    }

    #[tokio::test]
    async fn the_api_server_is_told_who_asks() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let file = kubeconfig(directory.path(), &server);
        let client = connect(&Access::File(file)).await.unwrap();
        assert_eq!(client.default_namespace(), "here");
        let asked = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = connection.read(&mut request).await.unwrap();
            connection
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        Api::<Namespace>::all(client).get("x").await.unwrap_err();
        let request = asked.await.unwrap().to_lowercase();
        assert!(
            request.contains(&format!("user-agent: {AGENT}\r\n")),
            "{request}"
        );
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_missing_or_broken_is_named() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        let error = connect(&Access::File(missing.clone())).await.err().unwrap();
        let text = crate::chain::Chain(&error).to_string();
        assert!(text.contains(missing.to_str().unwrap()), "{text}");
        assert_eq!(text.matches("No such file").count(), 1, "{text}");
        let file = kubeconfig(directory.path(), "http://[broken");
        let error = connect(&Access::File(file)).await.err().unwrap();
        let text = crate::chain::Chain(&error).to_string();
        assert!(text.starts_with("kubeconfig cannot be used: "), "{text}");
        assert!(!text.contains("planted-secret"), "{text}");
    }

    #[tokio::test]
    async fn an_error_says_each_cause_once() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        let file = kubeconfig(directory.path(), &server);
        let client = connect(&Access::File(file)).await.unwrap();
        let error = Api::<Namespace>::all(client).get("x").await.unwrap_err();
        let text = Refusal(&error).to_string();
        assert_eq!(text.matches("Connection refused").count(), 1, "{text}");
        assert!(text.starts_with("client error (Connect): "), "{text}");
        assert_eq!(text.matches("client error").count(), 1, "{text}");

        let mut status = Status::failure("namespaces \"x\" is forbidden", "Forbidden");
        status.code = 403;
        let text = Refusal(&kube::Error::Api(Box::new(status))).to_string();
        assert_eq!(text, "namespaces \"x\" is forbidden");
    }
}
