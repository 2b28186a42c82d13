//! The flags that say which cluster is meant: those of kubectl and flux, all after the plugin's name.

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use clap::builder::ValueParser;
use secrecy::SecretString;

use crate::flag_value;

/// Which cluster is meant, and as whom.
///
/// An empty value counts as no flag, as with kubectl.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// The kubeconfig to read in place of the usual ones.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context to take in place of the current one.
    pub(crate) context: Option<String>,
    /// The cluster to take in place of the context's.
    pub(crate) cluster: Option<String>,
    /// The user to take in place of the context's.
    pub(crate) user: Option<String>,
    /// The address of the API server.
    pub(crate) server: Option<String>,
    /// The name to expect in its certificate.
    pub(crate) tls_server_name: Option<String>,
    /// The file with the CA certificates that vouch for it.
    pub(crate) certificate_authority: Option<PathBuf>,
    /// Whether its certificate is checked.
    pub(crate) verification: Verification,
    /// The file with the client's certificate.
    pub(crate) client_certificate: Option<PathBuf>,
    /// The file with the key of the client's certificate.
    pub(crate) client_key: Option<PathBuf>,
    /// A bearer token.
    pub(crate) token: Option<SecretString>,
    /// The user to act as.
    pub(crate) impersonation: Impersonation,
    /// How long one request may take; nothing is no limit of its own.
    pub(crate) request_timeout: Option<Duration>,
    /// Whether answers may come compressed.
    pub(crate) compression: Compression,
}

/// Whether the certificate of the API server is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verification {
    /// As the kubeconfig says.
    #[default]
    AsConfigured,
    /// Not at all.
    Skipped,
}

/// Whether answers of the API server may come compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// As the kubeconfig says.
    #[default]
    AsConfigured,
    /// Never.
    Disabled,
}

/// Whom requests are made as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Impersonation {
    /// Name of the user.
    pub(crate) user: Option<String>,
    /// Names of the groups.
    pub(crate) groups: Vec<String>,
    /// UID of the user.
    pub(crate) uid: Option<String>,
    /// Extra fields of the user, in the order they were given.
    pub(crate) extra: Vec<Extra>,
}

/// One extra field of a user, from `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extra {
    /// The key.
    pub(crate) key: String,
    /// The value.
    pub(crate) value: String,
}

/// A value of --as-user-extra that is not `KEY=VALUE`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("must be of the form key=value")]
struct NoPair;

fn extra(text: &str) -> Result<Extra, NoPair> {
    let (key, value) = text.split_once('=').ok_or(NoPair)?;
    if key.is_empty() {
        return Err(NoPair);
    }
    Ok(Extra {
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

/// How often a flag counts.
#[derive(Clone, Copy)]
enum Times {
    /// The last one counts.
    Once,
    /// Each adds to those before.
    Many,
}

/// A flag with a value.
struct ValueFlag {
    name: &'static str,
    value: &'static str,
    times: Times,
    help: &'static str,
}

const fn value(name: &'static str, value: &'static str, help: &'static str) -> ValueFlag {
    ValueFlag {
        name,
        value,
        times: Times::Once,
        help,
    }
}

const fn values(name: &'static str, value: &'static str, help: &'static str) -> ValueFlag {
    ValueFlag {
        name,
        value,
        times: Times::Many,
        help,
    }
}

/// The flags with a value.
const VALUES: &[ValueFlag] = &[
    value("kubeconfig", "FILE", "Kubeconfig to read"),
    value("context", "NAME", "Context of the kubeconfig to use"),
    value("cluster", "NAME", "Cluster of the kubeconfig to use"),
    value("user", "NAME", "User of the kubeconfig to use"),
    value("token", "TOKEN", "Bearer token for the API server"),
    value("as", "NAME", "User to impersonate"),
    values("as-group", "NAME", "Group to impersonate, repeatable"),
    value("as-uid", "UID", "UID to impersonate"),
    values(
        "as-user-extra",
        "KEY=VALUE",
        "Extra of the user to impersonate, repeatable",
    ),
    value(
        "cache-dir",
        "DIR",
        "Accepted for kubectl: nothing of the cluster is cached",
    ),
    value(
        "certificate-authority",
        "FILE",
        "CA certificate of the API server",
    ),
    value(
        "client-certificate",
        "FILE",
        "Client certificate for the API server",
    ),
    value("client-key", "FILE", "Key of the client certificate"),
    value(
        "tls-server-name",
        "NAME",
        "Name to expect in the API server's certificate",
    ),
    value("server", "URL", "Address of the API server"),
    value(
        "request-timeout",
        "DURATION",
        "Time one request may take; 0 is no limit",
    ),
    value(
        "kube-api-qps",
        "N",
        "Accepted for flux: requests are few and not held back",
    ),
    value(
        "kube-api-burst",
        "N",
        "Accepted for flux: requests are few and not held back",
    ),
    value("v", "LEVEL", "Accepted for kubectl"),
];

/// The flags without a value: name, help.
const SWITCHES: &[(&str, &str)] = &[
    (
        "insecure-skip-tls-verify",
        "Do not check the API server's certificate",
    ),
    (
        "disable-compression",
        "Ask the API server for uncompressed answers",
    ),
    (
        "ns-follows-kube-context",
        "Accepted for flux: the context's namespace is always looked at",
    ),
    ("verbose", "Accepted for flux"),
];

impl clap::Args for Connection {
    fn augment_args(command: clap::Command) -> clap::Command {
        let flag = |name: &'static str, help: &'static str| {
            let flag = clap::Arg::new(name).long(name).help(help).global(true);
            flag.help_heading("Connection flags").hide_short_help(true)
        };
        let with_value = VALUES.iter().map(|known| {
            let flag = flag(known.name, known.help).value_name(known.value);
            let flag = match known.times {
                Times::Once => flag,
                Times::Many => flag.action(ArgAction::Append),
            };
            match known.name {
                "request-timeout" => flag.value_parser(flag_value::request_timeout),
                "as-user-extra" => flag.value_parser(extra),
                "token" => flag.value_parser(ValueParser::new(secret)),
                _ => flag,
            }
        });
        let switches = SWITCHES
            .iter()
            .map(|(name, help)| flag(name, help).action(ArgAction::SetTrue));
        command.args(with_value).args(switches)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

impl clap::FromArgMatches for Connection {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let text = |name| {
            let value = matches.get_one::<String>(name).cloned();
            value.filter(|value| !value.is_empty())
        };
        let file = |name| text(name).map(PathBuf::from);
        let is_set = |name| matches.get_flag(name);
        Ok(Self {
            kubeconfig: file("kubeconfig"),
            context: text("context"),
            cluster: text("cluster"),
            user: text("user"),
            server: text("server"),
            tls_server_name: text("tls-server-name"),
            certificate_authority: file("certificate-authority"),
            verification: if is_set("insecure-skip-tls-verify") {
                Verification::Skipped
            } else {
                Verification::AsConfigured
            },
            client_certificate: file("client-certificate"),
            client_key: file("client-key"),
            token: matches.get_one::<SecretString>("token").cloned(),
            impersonation: Impersonation {
                user: text("as"),
                groups: all(matches, "as-group"),
                uid: text("as-uid"),
                extra: all(matches, "as-user-extra"),
            },
            request_timeout: matches
                .get_one::<Duration>("request-timeout")
                .copied()
                .filter(|limit| !limit.is_zero()),
            compression: if is_set("disable-compression") {
                Compression::Disabled
            } else {
                Compression::AsConfigured
            },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn all<T: Clone + Send + Sync + 'static>(matches: &clap::ArgMatches, name: &str) -> Vec<T> {
    let values = matches.get_many::<T>(name).into_iter().flatten();
    values.cloned().collect()
}
