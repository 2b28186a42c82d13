//! Getting together what it takes to reach an automation's source.

use std::sync::Arc;
use std::time::Duration;

use api::automation::{GIT_REPOSITORY, ImageUpdateAutomation};
use api::git_repository::{GitProvider, GitReference, GitRepository};
use api::reason::Reason;
use api::reference::LocalObjectReference;
use engine::branch::{self, CheckoutRef};
use kube::ResourceExt as _;
use secrecy::ExposeSecret as _;

use super::Context;
use super::wording::{Named, Trouble};
use super::world::source_of;
use crate::chain::Chain;
use crate::cloud::{self, Beneficiary, GitLogin, Identity, reject_app_data};
use crate::cluster::{CrossNamespace, Secrets};
use crate::git::{
    Access, DEFAULT_TIMEOUT, Proxy, Settings, SettingsError, SigningError, SigningKey,
};
use crate::resources::ObjectKey;
use crate::secret::{SecretData, data_of};
use crate::writers::{RemoteId, Writer};

/// An automation's source, ready to be used.
pub(super) struct Source {
    /// Who writes to it.
    pub(super) writer: Arc<Writer>,
    /// Which refs are read and written.
    pub(super) plan: branch::Plan,
    /// How the ref to check out was named.
    pub(super) named: Named,
    /// How long each fetch or push may take.
    pub(super) timeout: Duration,
}

fn lasting(text: impl std::fmt::Display) -> Trouble {
    let text = format!("{text}: invalid source configuration");
    Trouble::Lasting(Reason::InvalidSourceConfiguration, text)
}

/// Gets a source ready; the checks are in the order of Flux.
pub(super) async fn prepare(
    context: &Context,
    automation: &ImageUpdateAutomation,
) -> Result<Source, Trouble> {
    let spec = &automation.spec;
    let kind = &spec.source_ref.kind;
    if kind != GIT_REPOSITORY {
        return Err(lasting(format_args!("source kind '{kind}' not supported")));
    }
    let Some(git) = &spec.git else {
        return Err(lasting(format_args!(
            "source kind '{kind}' necessitates field .spec.git"
        )));
    };
    let key = source_of(automation);
    let (own, name) = (
        automation.namespace().unwrap_or_default(),
        automation.name_any(),
    );
    let options = &context.shared.options;
    if options.cross_namespace == CrossNamespace::Blocked && key.namespace != own {
        let text =
            format!("can't access '{kind}/{key}', cross-namespace references have been blocked");
        return Err(Trouble::Lasting(Reason::AccessDenied, text));
    }
    let repository = match context.world.repository(&context.shared.client, &key).await {
        Ok(Some(repository)) => repository,
        Ok(None) => {
            return Err(Trouble::manager(format_args!(
                "referenced git repository does not exist: {kind}.{} \"{}\" not found",
                api::keys::SOURCE_GROUP,
                key.name
            )));
        }
        Err(error) => {
            let error = Chain(&error);
            let text = format_args!("failed to get referenced git repository: {error}");
            return Err(Trouble::manager(text));
        }
    };
    let own_ref = git.checkout.as_ref().map(|checkout| &checkout.reference);
    let reference = own_ref.or(repository.spec.reference.as_ref());
    let checkout = reference.map(checkout_ref);
    let push = git.push.as_ref().and_then(|push| push.branch.as_deref());
    let gates = branch::Gates {
        all_branch_references: options.gates.git_all_branch_references,
        force_push_branch: options.gates.git_force_push_branch,
    };
    let plan = branch::plan(checkout.as_ref(), push, gates).map_err(Trouble::manager)?;
    let whose = Beneficiary {
        kind: "ImageUpdateAutomation",
        namespace: &own,
        name: &name,
    };
    let writer = writer(context, whose, &key, &repository).await?;
    Ok(Source {
        writer,
        plan,
        named: named(checkout.as_ref()),
        timeout: timeout(&repository),
    })
}

fn named(checkout: Option<&CheckoutRef>) -> Named {
    let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    match checkout {
        None => Named::ByDefault,
        // A commit counts more than a name.
        Some(checkout) if is_given(&checkout.name) && !is_given(&checkout.commit) => Named::InFull,
        Some(CheckoutRef {
            branch,
            tag,
            semver,
            commit,
            ..
        }) => match [branch, tag, semver, commit].into_iter().any(is_given) {
            true => Named::ByUser,
            false => Named::ByDefault,
        },
    }
}

pub(crate) fn checkout_ref(reference: &GitReference) -> CheckoutRef {
    CheckoutRef {
        branch: reference.branch.clone(),
        tag: reference.tag.clone(),
        semver: reference.semver.clone(),
        name: reference.name.clone(),
        commit: reference.commit.clone(),
    }
}

fn timeout(repository: &GitRepository) -> Duration {
    let given = repository.spec.timeout.as_ref();
    given
        .and_then(|text| Duration::try_from(text.value()).ok())
        .unwrap_or(DEFAULT_TIMEOUT)
}

/// What the Secrets of a repository hold, with their names.
struct Data {
    secret: Option<(String, SecretData)>,
    proxy: Option<(String, SecretData)>,
}

impl Data {
    async fn read(
        context: &Context,
        namespace: &str,
        repository: &GitRepository,
    ) -> Result<Self, Trouble> {
        let secrets = Secrets::new(context.shared.client.clone());
        let read = async |reference: &Option<LocalObjectReference>, what: &str| {
            let Some(LocalObjectReference { name }) = reference else {
                return Ok(None);
            };
            let named = format!("{namespace}/{name}");
            match secrets.secret(namespace, name).await {
                Ok(secret) => Ok(Some((named, data_of(&secret)))),
                Err(error) => Err(Trouble::manager(format_args!(
                    "failed to get {what} secret '{named}': {}",
                    Chain(&error)
                ))),
            }
        };
        Ok(Self {
            proxy: read(&repository.spec.proxy_secret_ref, "proxy").await?,
            secret: read(&repository.spec.secret_ref, "auth").await?,
        })
    }

    fn secret(&self) -> Option<&SecretData> {
        self.secret.as_ref().map(|(_, data)| data)
    }

    /// Says how the remote is reached, as far as the Secrets say it.
    fn settings(&self, url: &str, provider: GitProvider) -> Result<Settings, Trouble> {
        if let (GitProvider::Generic, Some((named, data))) = (provider, &self.secret) {
            reject_app_data(named, data).map_err(misuse)?;
        }
        let settings = Settings::from_secret(url, self.secret());
        let mut settings = settings.map_err(|error| unusable(url, error))?;
        if let Some((named, data)) = &self.proxy {
            settings.proxy = Some(Proxy::from_secret(named, data).map_err(Trouble::manager)?);
        }
        Ok(settings)
    }
}

/// Returns the writer of a repository's remote, reached as the repository says.
async fn writer(
    context: &Context,
    whose: Beneficiary<'_>,
    key: &ObjectKey,
    repository: &GitRepository,
) -> Result<Arc<Writer>, Trouble> {
    let spec = &repository.spec;
    let account = spec.service_account_name.as_deref();
    let gates = &context.shared.options.gates;
    if account.is_some_and(|name| !name.is_empty()) && !gates.object_level_workload_identity {
        let text = "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller";
        return Err(Trouble::Lasting(
            Reason::FeatureGateDisabled,
            text.to_owned(),
        ));
    }
    let data = Data::read(context, &key.namespace, repository).await?;
    let provider = spec.provider.unwrap_or_default();
    let mut settings = data.settings(&spec.url, provider)?;
    let default = context.shared.options.default_service_account.as_deref();
    let identity = Identity::choose(whose.namespace, account, default);
    let cloud = match provider {
        GitProvider::Generic => None,
        GitProvider::Aws => Some(cloud::GitProvider::Aws),
        GitProvider::Azure => Some(cloud::GitProvider::Azure),
        GitProvider::Github => Some(cloud::GitProvider::Github),
    };
    if let Some(provider) = cloud {
        let login = GitLogin {
            whose,
            provider,
            url: &spec.url,
            secret: data.secret(),
            identity,
            tls: &settings.tls,
            proxy: settings.proxy.as_ref(),
        };
        settings.access = context.logins.git(login).await.map_err(refused)?;
    }
    let who = format!("{cloud:?} {identity:?}");
    let id = remote_id(&spec.url, &data, &who, &settings.access);
    let writer = context.writers.writer(&id, || settings);
    writer.map_err(|error| Trouble::checkout(Chain(&error)))
}

/// Names a remote by what is known before any token is granted.
fn remote_id(url: &str, data: &Data, who: &str, access: &Access) -> RemoteId {
    let secrets = [&data.secret, &data.proxy].into_iter().flat_map(|secret| {
        let pairs = secret.iter().flat_map(|(_, data)| data);
        let pairs = pairs.map(|(key, value)| (key.as_str(), value.as_slice()));
        // An empty key stands between the two, which no Secret has.
        pairs.chain([("", [].as_slice())])
    });
    let who = secrets.chain([("", who.as_bytes())]);
    let token = match access {
        Access::Basic { password, .. } => password.expose_secret(),
        Access::Bearer(token) => token.expose_secret(),
        Access::Anonymous | Access::Ssh(_) => "",
    };
    RemoteId::new(url, who, token.as_bytes())
}

fn unusable(url: &str, error: SettingsError) -> Trouble {
    match error {
        // The URL itself may hold a password.
        SettingsError::Address(error) if !url.contains('@') => Trouble::manager(format_args!(
            "failed to parse URL '{url}': {}",
            Chain(&error)
        )),
        SettingsError::Key(_) => Trouble::checkout(Chain(&error)),
        error => Trouble::manager(format_args!(
            "failed to configure authentication options: {}",
            Chain(&error)
        )),
    }
}

fn misuse(error: cloud::AppMisuse) -> Trouble {
    Trouble::Lasting(Reason::InvalidSourceConfiguration, error.to_string())
}

fn refused(error: cloud::CloudError) -> Trouble {
    match error {
        cloud::CloudError::Misuse(error) => misuse(error),
        error => Trouble::manager(format_args!(
            "failed to configure authentication options: {}",
            Chain(&error)
        )),
    }
}

/// Reads the key commits are signed with, if they are.
pub(super) async fn signing_key(
    context: &Context,
    automation: &ImageUpdateAutomation,
) -> Result<Option<Arc<SigningKey>>, Trouble> {
    let git = automation.spec.git.as_ref();
    let Some(wanted) = git.and_then(|git| git.commit.signing_key.clone()) else {
        return Ok(None);
    };
    let told = |error: SigningError| Trouble::manager(Chain(&error));
    let namespace = automation.namespace().unwrap_or_default();
    let name = wanted.secret_ref.name;
    let secrets = Secrets::new(context.shared.client.clone());
    let secret = secrets.secret(&namespace, &name).await;
    let secret = secret.map_err(|error| {
        told(SigningError::NoSecret {
            secret: name.clone(),
            source: error.into(),
        })
    })?;
    // Unlocking a key may take a second of work.
    let kind = wanted.key_type.unwrap_or_default();
    let read = move || SigningKey::from_secret(kind, &name, &data_of(&secret));
    match tokio::task::spawn_blocking(read).await {
        Ok(key) => key.map(|key| Some(Arc::new(key))).map_err(told),
        Err(error) => Err(Trouble::manager(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(trouble: Trouble) -> String {
        match trouble {
            Trouble::Passing(reason, text) | Trouble::Lasting(reason, text) => {
                format!("{reason}: {text}")
            }
        }
    }

    fn settings_of(url: &str, secret: &[(&str, &str)]) -> String {
        let data = secret
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
            .collect();
        let error = Settings::from_secret(url, Some(&data)).unwrap_err();
        said(unusable(url, error))
    }

    #[test]
    fn what_is_wrong_with_credentials_is_told_where_flux_tells_it() {
        assert_eq!(
            settings_of("http://git/a.git", &[("password", "x")]),
            "SourceManagerFailed: failed configuring source manager: failed to configure authentication options: invalid 'http' auth option: 'password' requires 'username' to be set"
        );
        assert_eq!(
            settings_of(
                "ssh://git@git/a.git",
                &[
                    ("identity", "nonsense"),
                    (
                        "known_hosts",
                        "git ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"
                    )
                ]
            ),
            "GitOperationFailed: failed to checkout source: unable to construct auth method with options: ssh: no key found"
        );
    }

    #[test]
    fn a_url_with_a_password_is_not_repeated() {
        let text = settings_of("https://me:hunter2@/", &[]);
        assert!(!text.contains("hunter2"), "{text}");
    }
}
