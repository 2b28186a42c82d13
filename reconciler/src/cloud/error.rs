//! Why a login failed. The texts that Flux has too are Flux's.

use std::path::PathBuf;
use std::sync::Arc;

use super::Cloud;
use super::http::HttpError;

/// Why a login to a cloud failed; no text holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CloudError {
    /// The registry's host is none of the cloud's.
    #[error("invalid {cloud} registry: '{host}'. must match {pattern}")]
    Registry {
        /// The cloud named in `spec.provider`.
        cloud: Cloud,
        /// The host of the image.
        host: String,
        /// What hosts of that cloud look like.
        pattern: &'static str,
    },
    /// The registry's host has neither a suffix of Azure nor the one of the environment file.
    #[error("invalid Azure registry: '{host}'. must end with {suffix}")]
    RegistrySuffix {
        /// The host of the image.
        host: String,
        /// The suffix of the environment file.
        suffix: String,
    },
    /// The Git repository is none the provider can log in to.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The data of a GitHub App is missing or cannot be used.
    #[error(transparent)]
    App(#[from] AppError),
    /// `provider` and Secret of a `GitRepository` do not go together; nothing helps but another spec.
    #[error(transparent)]
    Misuse(#[from] AppMisuse),
    /// The first step of a registry login failed.
    #[error("failed to get access token for artifact registry")]
    RegistryAccess(#[source] Box<Self>),
    /// The second step of a registry login failed.
    #[error("failed to create artifact registry credentials")]
    RegistryCredentials(#[source] Box<Self>),
    /// The first step of a login to a Git host failed.
    #[error("failed to get access token for Git repository")]
    GitAccess(#[source] Box<Self>),
    /// The program's own identity was not accepted, or it has none.
    #[error("failed to create provider access token for the controller")]
    Controller(#[source] Box<Self>),
    /// The identity of a `ServiceAccount` was not accepted.
    #[error("failed to create provider access token for service account '{account}'")]
    Account {
        /// Namespace and name.
        account: String,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// The `ServiceAccount` cannot be read.
    #[error("failed to get service account '{account}'")]
    AccountAbsent {
        /// Namespace and name.
        account: String,
        /// Why.
        #[source]
        source: AccountError,
    },
    /// The API server gave no token for the `ServiceAccount`.
    #[error("failed to create kubernetes token for service account '{account}'")]
    AccountToken {
        /// Namespace and name.
        account: String,
        /// Why.
        #[source]
        source: AccountError,
    },
    /// The annotations of the `ServiceAccount` name no identity of the cloud.
    #[error("failed to get provider identity from service account '{account}' annotations")]
    Annotations {
        /// Namespace and name.
        account: String,
        /// Why.
        #[source]
        source: AnnotationError,
    },
    /// It is not known for whom a token of the `ServiceAccount` has to be made.
    #[error("failed to get provider audience")]
    Audience(#[source] Box<Self>),
    /// A cloud was asked and did not give what was asked for.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The environment names a file that cannot be read.
    #[error("cannot read {}, which {variable} names", path.display())]
    File {
        /// The environment variable.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// What the environment says, or a file it names, cannot be used.
    #[error("{variable}: {what}")]
    Environment {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// No key for signatures can be read.
    #[error("could not parse private key: {0}")]
    PrivateKey(&'static str),
}

impl CloudError {
    /// Names the step that failed: for [`Result::map_err`].
    pub(super) fn within(step: fn(Box<Self>) -> Self) -> impl FnOnce(Self) -> Self {
        move |source| step(Box::new(source))
    }
}

/// Why the API server was of no help with a `ServiceAccount`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccountError {
    /// The API server refused, in its own words.
    #[error("{0}")]
    Refused(String),
    /// The API server cannot be asked.
    #[error("cannot ask the API server")]
    Unreachable(#[source] Arc<kube::Error>),
    /// The API server gave no token.
    #[error("the API server answered without a token")]
    NoToken,
    /// There is no cluster to ask.
    #[error("there is no cluster")]
    NoCluster,
    /// The account the operator requires is not there.
    #[error(
        "the specified default service account does not exist in the object namespace. your cluster is subject to multi-tenant workload identity lockdown, reach out to your cluster administrator for help"
    )]
    Lockdown,
}

/// Why the annotations of a `ServiceAccount` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// The role is none.
    #[error("invalid AWS role ARN: '{arn}'. must match {pattern}")]
    Role {
        /// The annotation's value.
        arn: String,
        /// What roles look like.
        pattern: &'static str,
    },
    /// The tenant is missing.
    #[error("azure tenant ID is not set in the service account annotation {0}")]
    Tenant(&'static str),
    /// The client is missing.
    #[error("azure client ID is not set in the service account annotation {0}")]
    Client(&'static str),
    /// A value is not of the form it must have.
    #[error("invalid {key} annotation: '{value}'. must match {pattern}")]
    Form {
        /// The annotation.
        key: &'static str,
        /// Its value.
        value: String,
        /// What values look like.
        pattern: &'static str,
    },
}

/// Why a Git repository is none of `CodeCommit`'s.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    /// The URL is not `https://`.
    #[error("AWS CodeCommit authentication requires an HTTPS Git URL")]
    NotHttps,
    /// The host is none of `CodeCommit`'s.
    #[error("invalid AWS CodeCommit Git URL: {0}")]
    Host(String),
    /// The path is none of `CodeCommit`'s.
    #[error("invalid CodeCommit URL \"{0}\": path must be /v1/repos/{{repository}}")]
    Path(String),
}

/// Why the data of a GitHub App cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// There is no installation.
    #[error("app installation owner or ID must be provided to use github app authentication")]
    NoInstallation,
    /// There are two ways to the installation.
    #[error(
        "only one of app installation owner or ID must be provided to use github app authentication"
    )]
    TwoInstallations,
    /// There is no key.
    #[error("private key must be provided to use github app authentication")]
    NoKey,
    /// A value is not what its key asks for; the value is not repeated.
    #[error("{0} is not a number")]
    NotANumber(&'static str),
    /// The API's address is none.
    #[error("invalid API URL: {0}")]
    BaseUrl(&'static str),
    /// A value is not text.
    #[error("{0} is not UTF-8 text")]
    NotText(&'static str),
    /// Neither an organization nor a user of that name has installed the app.
    #[error(
        "failed to find organization installation: {organization}\nfailed to find user installation: {user}"
    )]
    NotInstalled {
        /// What GitHub says of the organization.
        organization: String,
        /// What GitHub says of the user.
        user: String,
    },
}

/// How `provider` and Secret of a `GitRepository` contradict each other: reason `InvalidSourceConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppMisuse {
    /// The provider is `github` and there is no Secret, or one without an app.
    #[error(
        "secretRef with github app data must be specified when provider is set to github: invalid source configuration"
    )]
    DataMissing,
    /// The Secret holds an app and the provider is `generic`.
    #[error(
        "secretRef '{secret}' has github app data but provider is not set to github: invalid source configuration"
    )]
    DataUnexpected {
        /// Namespace and name.
        secret: String,
    },
}
