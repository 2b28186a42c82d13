//! `create repository`: an ImageRepository.

use api::reference::LocalObjectReference;
use api::repository::{AccessFrom, NamespaceSelector, Provider};
use api::{DurationText, ImageRepository, ImageRepositorySpec};
use clap::ValueEnum;
use engine::duration::GoDuration;
use serde_json::{Value, json};

use super::{Basis, Common, Draft, Names, checks, merge, metadata};
use crate::commands::field_owners::Path;
use crate::error::CliError;
use crate::flag_value;

/// Items the API server accepts in an exclusion list.
const EXCLUSIONS_LIMIT: usize = 25;
/// Characters the API server accepts in the name of a service account.
const SERVICE_ACCOUNT_LIMIT: usize = 253;

/// Flags of `create repository`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto create repository podinfo --image=ghcr.io/stefanprodan/podinfo --interval=5m --export\n  kubectl imgauto create repository app --image=registry.example.com/app --secret-ref=pull --cert-secret-ref=ca --export"
)]
pub(super) struct Args {
    /// Repository to scan, without scheme, tag or digest; required
    #[arg(
        long,
        value_name = "IMAGE",
        default_value = "",
        hide_default_value = true
    )]
    image: String,
    /// Secret with registry credentials, of the type kubectl create secret docker-registry makes
    #[arg(long, value_name = "SECRET")]
    secret_ref: Option<String>,
    /// Secret with a CA certificate, a client certificate, or both
    #[arg(long, alias = "cert-ref", value_name = "SECRET")]
    cert_secret_ref: Option<String>,
    /// Secret with the address of a proxy
    #[arg(long, value_name = "SECRET")]
    proxy_secret_ref: Option<String>,
    /// Time one scan may take, below one hour; defaults to the interval
    #[arg(long, value_name = "DURATION", value_parser = flag_value::duration)]
    scan_timeout: Option<GoDuration>,
    /// Where credentials come from; defaults to generic
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<ProviderName>,
    /// Allow plain HTTP
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = flag_value::switch, action = clap::ArgAction::Set)]
    insecure: Option<bool>,
    /// Regular expression of tags to leave out, repeatable; defaults to signatures, ^.*\.sig$
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<String>,
    /// Labels of namespaces whose policies may use this repository, KEY=VALUE[,KEY=VALUE…];
    /// repeatable, and empty for every namespace
    #[arg(long, value_name = "LABELS")]
    access_from_namespace: Vec<String>,
    /// ServiceAccount whose pull secrets or cloud identity is used
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    #[command(flatten)]
    pub(super) names: Names,
}

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProviderName {
    /// Secrets only
    Generic,
    /// Amazon ECR
    Aws,
    /// Azure Container Registry
    Azure,
    /// Google Artifact Registry
    Gcp,
}

impl From<ProviderName> for Provider {
    fn from(name: ProviderName) -> Self {
        match name {
            ProviderName::Generic => Self::Generic,
            ProviderName::Aws => Self::Aws,
            ProviderName::Azure => Self::Azure,
            ProviderName::Gcp => Self::Gcp,
        }
    }
}

impl Draft for Args {
    type Kind = ImageRepository;

    fn build(
        &self,
        common: &Common,
        basis: Basis<'_, ImageRepository>,
    ) -> Result<ImageRepository, CliError> {
        build(self, common, basis)
    }

    fn named(&self, common: &Common, built: &Value) -> Value {
        let defaults: &[&[&str]] = match common.interval {
            Some(_) => &[],
            None => &[&["spec", "interval"]],
        };
        let mut named = metadata::named(built, common, defaults);
        if let Some(insecure) = self.insecure {
            let path = metadata::path_of(&["spec", "insecure"]);
            merge::put(&mut named, &path, json!(insecure));
        }
        named
    }

    fn superseded(&self, _live: &ImageRepository) -> Vec<Path> {
        Vec::new()
    }
}

fn build(
    args: &Args,
    common: &Common,
    basis: Basis<'_, ImageRepository>,
) -> Result<ImageRepository, CliError> {
    let mut errors = Vec::new();
    let name = metadata::name(&args.names, &mut errors);
    if basis.is_nothing() || !args.image.is_empty() {
        errors.extend(checks::image(&args.image).err());
    }
    let interval = DurationText::from(common.interval.unwrap_or(checks::DEFAULT_INTERVAL));
    errors.extend(checks::interval(&interval).err());
    let timeout = checks::set_duration(args.scan_timeout);
    errors.extend(
        timeout
            .as_ref()
            .and_then(|timeout| checks::timeout(timeout).err()),
    );
    errors.extend(exclusions(&args.exclude));
    let account = checks::set_text(args.service_account.as_ref());
    if account
        .as_ref()
        .is_some_and(|account| account.chars().count() > SERVICE_ACCOUNT_LIMIT)
    {
        errors.push(CliError::usage(format!(
            "--service-account may have {SERVICE_ACCOUNT_LIMIT} characters"
        )));
    }
    let access_from = access_from(&args.access_from_namespace, &mut errors);
    let metadata = metadata::metadata(name, common, &mut errors);
    CliError::all(errors)?;
    Ok(ImageRepository {
        metadata,
        spec: ImageRepositorySpec {
            image: args.image.clone(),
            interval,
            timeout,
            secret_ref: secret(args.secret_ref.as_ref()),
            proxy_secret_ref: secret(args.proxy_secret_ref.as_ref()),
            service_account_name: account,
            cert_secret_ref: secret(args.cert_secret_ref.as_ref()),
            suspend: common.suspend.unwrap_or_default(),
            access_from,
            exclusion_list: (!args.exclude.is_empty()).then(|| args.exclude.clone()),
            provider: args.provider.map(Provider::from),
            insecure: args.insecure.unwrap_or_default(),
        },
        status: None,
    })
}

fn secret(name: Option<&String>) -> Option<LocalObjectReference> {
    checks::set_text(name).map(LocalObjectReference::new)
}

fn exclusions(patterns: &[String]) -> Vec<CliError> {
    let mut errors: Vec<CliError> = patterns
        .iter()
        .filter_map(|pattern| {
            checks::pattern("--exclude is an invalid regex pattern", pattern).err()
        })
        .collect();
    if patterns.len() > EXCLUSIONS_LIMIT {
        errors.push(CliError::usage(format!(
            "--exclude is given {} times, an ImageRepository may have {EXCLUSIONS_LIMIT}",
            patterns.len()
        )));
    }
    errors
}

fn access_from(selectors: &[String], errors: &mut Vec<CliError>) -> Option<AccessFrom> {
    if selectors.is_empty() {
        return None;
    }
    let selector = |text: &String| {
        let pairs: Vec<String> = text
            .split(',')
            .filter(|p| !p.is_empty())
            .map(str::to_owned)
            .collect();
        NamespaceSelector {
            match_labels: metadata::entries("--access-from-namespace", &pairs, errors),
        }
    };
    Some(AccessFrom {
        namespace_selectors: selectors.iter().map(selector).collect(),
    })
}
