//! How the API server is found and who asks: kubeconfigs as kubectl reads them, and the flags that overrule them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use kube::Config;
use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster,
    NamedContext,
};
use reconciler::chain::Chain;

use crate::cli::{Compression, Connection, Verification};
use crate::error::CliError;
use crate::kubeconfig;
use crate::session::Session;

#[cfg(test)]
mod tests;

/// How this program calls itself.
const AGENT: &str = concat!("kubectl-imgauto/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longer than the five minutes less five seconds a watch may be silent, so that only dead connections end.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// The name of the one context that is left: the one that is meant, as the flags make it.
const MEANT: &str = "meant";

/// Reads the kubeconfigs and lets the flags overrule them.
pub(super) async fn load(session: &Session<'_>) -> Result<Config, CliError> {
    let flags = &session.globals.connection;
    let files = kubeconfig::files(flags.kubeconfig.as_deref(), session.environment);
    let merged = read(&files, flags)?;
    let in_pod = session
        .environment
        .variable("KUBERNETES_SERVICE_HOST")
        .is_some();
    let mut config = if merged.is_none() && flags.server.is_none() && in_pod {
        Config::incluster().map_err(|error| unusable(&error))?
    } else {
        let kubeconfig = overruled(merged.unwrap_or_default(), flags, &files)?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| unusable(&error))?
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(flags.request_timeout.unwrap_or(READ_TIMEOUT));
    // Sixteen tries would hide for minutes what the user can see at once.
    config.default_retry = false;
    if flags.compression == Compression::Disabled {
        config.disable_compression = true;
    }
    let agent = (USER_AGENT, HeaderValue::from_static(AGENT));
    config.headers.push(agent);
    Ok(config)
}

/// Says that no client can be made of what the kubeconfigs and flags say.
pub(super) fn unusable(error: &(dyn std::error::Error + 'static)) -> CliError {
    CliError::failure(format!("cannot use the kubeconfig: {}", Chain(error)))
        .next("kubectl config view --minify")
}

/// The program that gives the user's credentials, if one does.
pub(super) fn login_command(config: &Config) -> Option<String> {
    config.auth_info.exec.as_ref()?.command.clone()
}

/// Says that a client cannot be made, which is when credentials are fetched for the first time.
pub(super) fn no_login(error: &kube::Error, command: Option<&str>) -> CliError {
    match (error, command) {
        (kube::Error::Auth(error), Some(command)) => {
            CliError::failure(format!("cannot log in with {command}: {}", Chain(error)))
                .next("kubectl auth whoami shows whether kubectl can, with the same kubeconfig")
        }
        _ => unusable(error),
    }
}

/// Reads and merges the files that are there; `None` if there are none.
///
/// A file that a flag names has to be there.
fn read(files: &[PathBuf], flags: &Connection) -> Result<Option<Kubeconfig>, CliError> {
    let named = flags.kubeconfig.is_some();
    let mut merged: Option<Kubeconfig> = None;
    for file in files.iter().filter(|file| named || file.exists()) {
        let read = Kubeconfig::read_from(file).map_err(|error| {
            CliError::failure(format!("cannot use kubeconfig {}", file.display()))
                .at([Chain(&error).to_string()])
                .next("--kubeconfig names another file; kubectl config view shows what is read")
        })?;
        merged = Some(match merged {
            None => read,
            Some(first) => first.merge(read).map_err(|error| unusable(&error))?,
        });
    }
    Ok(merged)
}

/// Returns a kubeconfig with one context: the one that is meant, as the flags make it.
fn overruled(
    mut kubeconfig: Kubeconfig,
    flags: &Connection,
    files: &[PathBuf],
) -> Result<Kubeconfig, CliError> {
    let current = kubeconfig.current_context.take();
    let wanted = flags.context.clone().or(current).unwrap_or_default();
    let contexts = kubeconfig.contexts.drain(..);
    let contexts = contexts.map(|context| (context.name, context.context.unwrap_or_default()));
    let context = pick("context", &wanted, contexts.collect())?;
    let clusters = kubeconfig.clusters.drain(..);
    let clusters = clusters.map(|cluster| (cluster.name, cluster.cluster.unwrap_or_default()));
    let name = flags.cluster.as_ref().unwrap_or(&context.cluster);
    let mut cluster = pick("cluster", name, clusters.collect())?;
    let users = kubeconfig.auth_infos.drain(..);
    let users = users.map(|user| (user.name, user.auth_info.unwrap_or_default()));
    let name = flags.user.clone().or(context.user).unwrap_or_default();
    let mut user = pick("user", &name, users.collect())?;

    overrule_cluster(&mut cluster, flags);
    overrule_user(&mut user, flags);
    if cluster.server.is_none() {
        return Err(no_cluster(files));
    }
    kubeconfig.current_context = Some(MEANT.to_owned());
    kubeconfig.contexts = vec![NamedContext {
        name: MEANT.to_owned(),
        context: Some(Context {
            cluster: MEANT.to_owned(),
            user: Some(MEANT.to_owned()),
            ..Context::default()
        }),
        ..NamedContext::default()
    }];
    kubeconfig.clusters = vec![NamedCluster {
        name: MEANT.to_owned(),
        cluster: Some(cluster),
        ..NamedCluster::default()
    }];
    kubeconfig.auth_infos = vec![NamedAuthInfo {
        name: MEANT.to_owned(),
        auth_info: Some(user),
        ..NamedAuthInfo::default()
    }];
    Ok(kubeconfig)
}

/// Returns the entry of a name; no name stands for an empty entry.
fn pick<T: Default>(what: &str, name: &str, entries: Vec<(String, T)>) -> Result<T, CliError> {
    if name.is_empty() {
        return Ok(T::default());
    }
    let names: Vec<_> = entries.iter().map(|(name, _)| name.clone()).collect();
    let found = entries.into_iter().find(|(known, _)| known == name);
    found.map(|(_, entry)| entry).ok_or_else(|| {
        let error = CliError::usage(format!("the kubeconfig has no {what} {name:?}"));
        let error = match names.as_slice() {
            [] => error,
            names => error.at([format!("it has {}", names.join(", "))]),
        };
        error.next(format!(
            "--{what} names another; kubectl config view shows all"
        ))
    })
}

fn no_cluster(files: &[PathBuf]) -> CliError {
    let files: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let looked = match files.as_slice() {
        [] => "there is no home directory to look for one in".to_owned(),
        files => format!("looked in {}", files.join(", ")),
    };
    CliError::failure("no kubeconfig names a cluster to talk to")
        .at([looked])
        .next("kubectl config get-contexts lists what is there; --kubeconfig and --context choose")
}

fn overrule_cluster(cluster: &mut Cluster, flags: &Connection) {
    if let Some(server) = &flags.server {
        let scheme = if server.contains("://") {
            ""
        } else {
            "https://"
        };
        cluster.server = Some(format!("{scheme}{server}"));
    }
    if let Some(file) = &flags.certificate_authority {
        cluster.certificate_authority = Some(as_text(file));
        cluster.certificate_authority_data = None;
    }
    if flags.verification == Verification::Skipped {
        cluster.insecure_skip_tls_verify = Some(true);
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = None;
    }
    if let Some(name) = &flags.tls_server_name {
        cluster.tls_server_name = Some(name.clone());
    }
}

fn overrule_user(user: &mut AuthInfo, flags: &Connection) {
    if let Some(token) = &flags.token {
        *user = AuthInfo {
            token: Some(token.clone()),
            ..AuthInfo::default()
        };
    }
    if let Some(file) = &flags.client_certificate {
        user.client_certificate = Some(as_text(file));
        user.client_certificate_data = None;
    }
    if let Some(file) = &flags.client_key {
        user.client_key = Some(as_text(file));
        user.client_key_data = None;
    }
    let wanted = &flags.impersonation;
    if let Some(name) = &wanted.user {
        user.impersonate = Some(name.clone());
    }
    if let Some(uid) = &wanted.uid {
        user.impersonate_uid = Some(uid.clone());
    }
    if !wanted.groups.is_empty() {
        user.impersonate_groups = Some(wanted.groups.clone());
    }
    for extra in &wanted.extra {
        let fields = user.impersonate_user_extra.get_or_insert_default();
        let values = fields.entry(extra.key.clone()).or_default();
        values.push(extra.value.clone());
    }
}

/// The flags come as text, so nothing is lost.
fn as_text(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}
