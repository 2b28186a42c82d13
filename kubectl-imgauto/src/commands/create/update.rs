//! `create update`: an ImageUpdateAutomation.

use api::automation::{
    CommitSpec, CommitUser, GIT_REPOSITORY, GitCheckoutSpec, GitSpec, PushSpec, SigningKey,
    SigningKeyType, SourceReference, UpdateStrategy, UpdateStrategyName,
};
use api::git_repository::GitReference;
use api::reference::LocalObjectReference;
use api::{DurationText, ImageUpdateAutomation, ImageUpdateAutomationSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use super::{Basis, Common, Draft, Names, checks, message, metadata, selector};
use crate::commands::field_owners::Path;
use crate::error::CliError;

/// Flags of `create update`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto create update flux-system --git-repo-ref=flux-system --git-repo-path=./clusters/my-cluster \\\n    --checkout-branch=main --push-branch=image-updates --author-name=bot --author-email=bot@example.com \\\n    --commit-template='{{range .Changed.Changes}}{{print .OldValue}} -> {{println .NewValue}}{{end}}' --export"
)]
pub(super) struct Args {
    /// Name of the GitRepository; required
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    git_repo_ref: String,
    /// Namespace of the GitRepository, when it is another one
    #[arg(long, value_name = "NAMESPACE")]
    git_repo_namespace: Option<String>,
    /// Kind of the source: GitRepository
    #[arg(long, value_name = "KIND", default_value = GIT_REPOSITORY)]
    source_kind: String,
    /// Directory with the manifests to update; defaults to the whole repository
    #[arg(long, value_name = "PATH")]
    git_repo_path: Option<String>,
    /// Branch to check out; required unless a tag, a range or a commit is checked out
    #[arg(long, value_name = "BRANCH")]
    checkout_branch: Option<String>,
    /// Tag to check out; needs --push-branch
    #[arg(long, value_name = "TAG")]
    checkout_tag: Option<String>,
    /// Range of versions whose highest tag is checked out; needs --push-branch
    #[arg(long, value_name = "RANGE")]
    checkout_semver: Option<String>,
    /// Commit to check out; needs --push-branch
    #[arg(long, value_name = "COMMIT")]
    checkout_commit: Option<String>,
    /// Branch to push to; defaults to the one that is checked out
    #[arg(long, value_name = "BRANCH")]
    push_branch: Option<String>,
    /// Refspec to push besides the branch
    #[arg(long, value_name = "REFSPEC")]
    push_refspec: Option<String>,
    /// Push option to send, repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    push_option: Vec<String>,
    /// Template of the commit message
    #[arg(long, value_name = "TEMPLATE")]
    commit_template: Option<String>,
    /// Value the template finds under .Values, repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    template_value: Vec<String>,
    /// Name of the author; required
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    author_name: String,
    /// Address of the author; required
    #[arg(
        long,
        value_name = "EMAIL",
        default_value = "",
        hide_default_value = true
    )]
    author_email: String,
    /// Secret with the key commits are signed with
    #[arg(long, value_name = "SECRET")]
    signing_key_secret: Option<String>,
    /// Format of that key, gpg or ssh; defaults to gpg
    #[arg(long, value_name = "TYPE")]
    signing_key_type: Option<String>,
    /// Labels of the policies that take part, such as app=web,tier!=cache
    #[arg(long, value_name = "SELECTOR")]
    policy_selector: Option<String>,
    #[command(flatten)]
    pub(super) names: Names,
}

impl Draft for Args {
    type Kind = ImageUpdateAutomation;

    fn build(
        &self,
        common: &Common,
        basis: Basis<'_, ImageUpdateAutomation>,
    ) -> Result<ImageUpdateAutomation, CliError> {
        build(self, common, basis)
    }

    fn named(&self, common: &Common, built: &Value) -> Value {
        let mut defaults: Vec<&[&str]> = Vec::new();
        if common.interval.is_none() {
            defaults.push(&["spec", "interval"]);
        }
        // There is one kind only.
        if self.git_repo_ref.is_empty() {
            defaults.push(&["spec", "sourceRef", "kind"]);
        }
        metadata::named(built, common, &defaults)
    }

    /// Of several places to check out one counts, so those that would count before the named one go.
    fn superseded(&self, _live: &ImageUpdateAutomation) -> Vec<Path> {
        let is_set = |flag: &Option<String>| checks::set_text(flag.as_ref()).is_some();
        let given = [
            ("branch", is_set(&self.checkout_branch)),
            ("tag", is_set(&self.checkout_tag)),
            ("semver", is_set(&self.checkout_semver)),
            ("commit", is_set(&self.checkout_commit)),
            ("name", false),
        ];
        if given.iter().all(|(_, given)| !given) {
            return Vec::new();
        }
        // A branch beside a commit says where to look for it.
        let kept = |field| field == "branch" && is_set(&self.checkout_commit);
        given
            .into_iter()
            .filter(|(field, given)| !given && !kept(*field))
            .map(|(field, _)| metadata::path_of(&["spec", "git", "checkout", "ref", field]))
            .collect()
    }
}

fn build(
    args: &Args,
    common: &Common,
    basis: Basis<'_, ImageUpdateAutomation>,
) -> Result<ImageUpdateAutomation, CliError> {
    let mut errors = Vec::new();
    let name = metadata::name(&args.names, &mut errors);
    let source_ref = source(args, basis, &mut errors);
    let checkout = checkout(args, basis, &mut errors);
    let author = author(args, basis, &mut errors);
    let signing_key = signing_key(args, basis, &mut errors);
    let interval = DurationText::from(common.interval.unwrap_or(checks::DEFAULT_INTERVAL));
    errors.extend(checks::interval(&interval).err());
    let message_template = checks::set_text(args.commit_template.as_ref());
    let message_template_values =
        metadata::entries("--template-value", &args.template_value, &mut errors);
    let tried = message_template.as_ref().map_or(Ok(()), |template| {
        let mut values = commit(basis)
            .map(|commit| commit.message_template_values.clone())
            .unwrap_or_default();
        values.extend(message_template_values.clone());
        message::template(template, &values, &name)
    });
    errors.extend(tried.err());
    let push = push(args, &mut errors);
    let policy_selector = policies(args, &mut errors);
    let metadata = metadata::metadata(name, common, &mut errors);
    CliError::all(errors)?;
    Ok(ImageUpdateAutomation {
        metadata,
        spec: ImageUpdateAutomationSpec {
            source_ref,
            git: Some(GitSpec {
                checkout: Some(checkout),
                commit: CommitSpec {
                    author,
                    signing_key,
                    message_template,
                    message_template_values,
                },
                push,
            }),
            interval,
            policy_selector,
            update: checks::set_text(args.git_repo_path.as_ref()).map(|path| UpdateStrategy {
                strategy: UpdateStrategyName::Setters,
                path: Some(path),
            }),
            suspend: common.suspend.unwrap_or_default(),
        },
        status: None,
    })
}

/// How the object that is there makes commits.
fn commit(basis: Basis<'_, ImageUpdateAutomation>) -> Option<&CommitSpec> {
    let git = basis.object()?.spec.git.as_ref()?;
    Some(&git.commit)
}

fn source(
    args: &Args,
    basis: Basis<'_, ImageUpdateAutomation>,
    errors: &mut Vec<CliError>,
) -> SourceReference {
    if args.git_repo_ref.is_empty() && basis.is_nothing() {
        errors.push(CliError::usage(
            "a reference to a GitRepository is required (--git-repo-ref)",
        ));
    }
    if args.source_kind != GIT_REPOSITORY {
        errors.push(CliError::usage(format!(
            "--source-kind must be one of: {GIT_REPOSITORY}"
        )));
    }
    SourceReference {
        api_version: None,
        kind: args.source_kind.clone(),
        name: args.git_repo_ref.clone(),
        namespace: checks::set_text(args.git_repo_namespace.as_ref()),
    }
}

fn checkout(
    args: &Args,
    basis: Basis<'_, ImageUpdateAutomation>,
    errors: &mut Vec<CliError>,
) -> GitCheckoutSpec {
    let reference = GitReference {
        branch: checks::set_text(args.checkout_branch.as_ref()),
        tag: checks::set_text(args.checkout_tag.as_ref()),
        semver: checks::set_text(args.checkout_semver.as_ref()),
        name: None,
        commit: checks::set_text(args.checkout_commit.as_ref()),
    };
    let detached = [
        ("--checkout-tag", &reference.tag),
        ("--checkout-semver", &reference.semver),
        ("--checkout-commit", &reference.commit),
    ];
    let detached: Vec<&str> = detached
        .into_iter()
        .filter_map(|(flag, value)| value.is_some().then_some(flag))
        .collect();
    let mut refuse = |why: String| errors.push(CliError::usage(why));
    match detached[..] {
        [] if reference.branch.is_none() && basis.is_nothing() => {
            refuse("the Git repository branch is required (--checkout-branch)".to_owned());
        }
        [] => {}
        [flag] => {
            // A detached checkout has no branch to push to; servers refuse what would be pushed.
            let push = basis
                .object()
                .and_then(|live| live.spec.git.as_ref()?.push.as_ref());
            let pushes = push.is_some_and(|push| push.branch.is_some());
            let named = checks::set_text(args.push_branch.as_ref()).is_some();
            if !named && !pushes && basis.is_known() {
                refuse(format!("{flag} needs --push-branch"));
            }
        }
        _ => refuse(format!(
            "only one of {} can be specified",
            detached.join(", ")
        )),
    }
    if let Some(range) = &reference.semver {
        errors.extend(checks::checkout_range(range).err());
    }
    GitCheckoutSpec { reference }
}

fn author(
    args: &Args,
    basis: Basis<'_, ImageUpdateAutomation>,
    errors: &mut Vec<CliError>,
) -> CommitUser {
    if args.author_name.is_empty() && basis.is_nothing() {
        errors.push(CliError::usage(
            "the author name is required (--author-name)",
        ));
    }
    if args.author_email.is_empty() && basis.is_nothing() {
        errors.push(CliError::usage(
            "the author email is required (--author-email)",
        ));
    }
    CommitUser {
        name: args.author_name.clone(),
        email: args.author_email.clone(),
    }
}

fn signing_key(
    args: &Args,
    basis: Basis<'_, ImageUpdateAutomation>,
    errors: &mut Vec<CliError>,
) -> Option<SigningKey> {
    let secret = checks::set_text(args.signing_key_secret.as_ref());
    let wanted = checks::set_text(args.signing_key_type.as_ref());
    let live = commit(basis).and_then(|commit| commit.signing_key.as_ref());
    if wanted.is_some() && secret.is_none() && live.is_none() && basis.is_known() {
        errors.push(CliError::usage(
            "--signing-key-type requires --signing-key-secret",
        ));
    }
    let key_type = match wanted.as_deref() {
        None => None,
        Some("gpg") => Some(SigningKeyType::Gpg),
        Some("ssh") => Some(SigningKeyType::Ssh),
        Some(_) => {
            errors.push(CliError::usage(
                "--signing-key-type must be one of: gpg, ssh",
            ));
            None
        }
    };
    (secret.is_some() || key_type.is_some()).then(|| SigningKey {
        key_type,
        secret_ref: LocalObjectReference::new(secret.unwrap_or_default()),
    })
}

fn push(args: &Args, errors: &mut Vec<CliError>) -> Option<PushSpec> {
    let push = PushSpec {
        branch: checks::set_text(args.push_branch.as_ref()),
        refspec: checks::set_text(args.push_refspec.as_ref()),
        options: metadata::entries("--push-option", &args.push_option, errors),
    };
    (push != PushSpec::default()).then_some(push)
}

fn policies(args: &Args, errors: &mut Vec<CliError>) -> Option<LabelSelector> {
    let text = checks::set_text(args.policy_selector.as_ref())?;
    selector::parse(&text)
        .map_err(|error| {
            errors.push(CliError::usage(format!("--policy-selector: {error}")));
        })
        .ok()
}
