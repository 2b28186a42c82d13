//! Which automations a run carries out, and with which policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::ImageUpdateAutomation;
use api::automation::GitSpec;
use engine::branch::{CheckoutRef, is_branch_name};
use engine::marker::{Manner, Policy, Wanted};
use engine::template::{Template, TemplateError};
use kube::core::{Selector, SelectorExt as _};

use super::choice::Choices;
use crate::resources::{Found, ObjectKey, Resources};
use crate::update::{Message, Order, Scope};

/// What is taken from the command line instead of the automations.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The branch to commit to.
    pub branch: Option<String>,
    /// The author's name.
    pub author_name: Option<String>,
    /// The author's address.
    pub author_email: Option<String>,
    /// The template of the commit message.
    pub message_template: Option<String>,
}

/// One automation, ready to be planned.
#[derive(Debug)]
pub struct Automation {
    /// Its namespace and name.
    pub key: ObjectKey,
    /// The branch the command line names.
    branch: Option<String>,
    /// What it may edit, from the root of the repository.
    pub path: String,
    /// Name and address of the author.
    pub author: (String, String),
    /// The template of the commit message.
    pub template: Arc<Template>,
    /// The values the template may use.
    pub values: BTreeMap<String, String>,
    /// Where it reads and writes.
    pub git: Option<GitSpec>,
    /// Its policies.
    pub policies: BTreeSet<ObjectKey>,
    /// Policies of its namespace that its selector leaves out.
    left_out: BTreeSet<ObjectKey>,
}

/// Why the automations cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum AutomationError {
    /// There is nothing to do anything by.
    #[error("no ImagePolicy and no ImageUpdateAutomation is in the files")]
    Nothing,
    /// The one that was asked for is not there.
    #[error("no ImageUpdateAutomation {wanted} is in the files; there are: {there}")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// The names there are.
        there: String,
    },
    /// The branch the command line names cannot be one.
    #[error("'{0}' is not a valid branch name")]
    Branch(String),
    /// The selector means nothing.
    #[error("ImageUpdateAutomation {automation}: failed to parse policy selector")]
    Selector {
        /// The automation.
        automation: ObjectKey,
        /// What is wrong with it.
        #[source]
        source: kube::core::ParseExpressionError,
    },
    /// The commit message cannot be made.
    #[error("ImageUpdateAutomation {automation}: spec.git.commit.messageTemplate")]
    Template {
        /// The automation.
        automation: ObjectKey,
        /// What is wrong, and where.
        #[source]
        source: TemplateError,
    },
}

/// The name a run goes by when the files hold no automation.
const IMPLICIT: &str = "local";

/// Returns the automations to carry out, by namespace and name, and those left out because they are suspended.
///
/// Without any automation in the files, every namespace with policies gets one that updates everything.
/// `only` is a name, or a namespace and a name; a suspended automation is carried out if it is asked for by name.
///
/// # Errors
/// When there is nothing to do, or an automation cannot work.
pub fn automations(
    resources: &Resources,
    only: Option<&str>,
    overrides: &Overrides,
) -> Result<(Vec<Automation>, Vec<ObjectKey>), AutomationError> {
    if let Some(branch) = &overrides.branch
        && (!is_branch_name(branch) || branch.starts_with("refs/"))
    {
        return Err(AutomationError::Branch(branch.clone()));
    }
    let mut found = Vec::new();
    let mut suspended = Vec::new();
    for (key, automation) in &resources.automations {
        if only.is_some_and(|only| key.name != only && key.to_string() != only) {
            continue;
        }
        if automation.object.spec.suspend && only.is_none() {
            suspended.push(key.clone());
            continue;
        }
        found.push(explicit(key, automation, resources, overrides)?);
    }
    if let (Some(only), true) = (only, found.is_empty()) {
        let there: Vec<_> = resources
            .automations
            .keys()
            .map(ToString::to_string)
            .collect();
        return Err(AutomationError::Unknown {
            wanted: only.to_owned(),
            there: if there.is_empty() {
                "none".to_owned()
            } else {
                there.join(", ")
            },
        });
    }
    if resources.automations.is_empty() {
        let namespaces: BTreeSet<_> = resources
            .policies
            .keys()
            .map(|key| &key.namespace)
            .collect();
        for namespace in namespaces {
            found.push(implicit(namespace, resources, overrides)?);
        }
        if found.is_empty() {
            return Err(AutomationError::Nothing);
        }
    }
    Ok((found, suspended))
}

fn explicit(
    key: &ObjectKey,
    automation: &Found<ImageUpdateAutomation>,
    resources: &Resources,
    overrides: &Overrides,
) -> Result<Automation, AutomationError> {
    let spec = &automation.object.spec;
    let selector = match spec.policy_selector.clone() {
        None => Selector::default(),
        Some(selector) => {
            Selector::try_from(selector).map_err(|source| AutomationError::Selector {
                automation: key.clone(),
                source,
            })?
        }
    };
    let commit = spec.git.as_ref().map(|git| &git.commit);
    let author = commit.map(|commit| (commit.author.name.clone(), commit.author.email.clone()));
    let template = commit.and_then(|commit| commit.message_template.as_deref());
    let update = spec.update.as_ref();
    let (policies, left_out) = of_namespace(&key.namespace, resources).partition(|policy| {
        let labels = resources.policies[policy].object.metadata.labels.as_ref();
        selector.matches(labels.unwrap_or(&BTreeMap::new()))
    });
    Ok(Automation {
        key: key.clone(),
        branch: overrides.branch.clone(),
        path: update
            .and_then(|update| update.path.clone())
            .unwrap_or_default(),
        author: authored(author, overrides),
        template: parse_template(key, template, overrides)?,
        values: commit
            .map(|commit| commit.message_template_values.clone())
            .unwrap_or_default(),
        git: spec.git.clone(),
        policies,
        left_out,
    })
}

fn implicit(
    namespace: &str,
    resources: &Resources,
    overrides: &Overrides,
) -> Result<Automation, AutomationError> {
    let key = ObjectKey::new(namespace, IMPLICIT);
    Ok(Automation {
        template: parse_template(&key, None, overrides)?,
        key,
        branch: overrides.branch.clone(),
        path: String::new(),
        author: authored(None, overrides),
        values: BTreeMap::new(),
        git: None,
        policies: of_namespace(namespace, resources).collect(),
        left_out: BTreeSet::new(),
    })
}

fn of_namespace<'a>(
    namespace: &'a str,
    resources: &'a Resources,
) -> impl Iterator<Item = ObjectKey> + 'a {
    let keys = resources.policies.keys();
    keys.filter(move |key| key.namespace == namespace).cloned()
}

fn authored(author: Option<(String, String)>, overrides: &Overrides) -> (String, String) {
    let (name, email) =
        author.unwrap_or_else(|| ("imgauto".to_owned(), "imgauto@localhost".to_owned()));
    (
        overrides.author_name.clone().unwrap_or(name),
        overrides.author_email.clone().unwrap_or(email),
    )
}

fn parse_template(
    key: &ObjectKey,
    template: Option<&str>,
    overrides: &Overrides,
) -> Result<Arc<Template>, AutomationError> {
    let text = overrides
        .message_template
        .as_deref()
        .or(template)
        .unwrap_or_default();
    let parsed = Template::parse(text).map(Arc::new);
    parsed.map_err(|source| AutomationError::Template {
        automation: key.clone(),
        source,
    })
}

impl Automation {
    /// What it asks for, given what its policies chose.
    #[must_use]
    pub(super) fn order(&self, choices: &Choices) -> Order {
        Order {
            automation: self.key.clone(),
            path: self.path.clone(),
            wanted: self.wanted(choices),
            scope: Scope::Everything,
            message: Message {
                template: Ok(Arc::clone(&self.template)),
                values: self.values.clone(),
            },
            author: self.author.clone(),
            signer: None,
        }
    }

    /// What its markers may be set to, and why some policies have nothing to say.
    #[must_use]
    pub fn wanted(&self, choices: &Choices) -> Wanted {
        let mut policies = BTreeMap::new();
        for policy in &self.policies {
            let chosen = match (choices.latest.get(policy), choices.invalid.get(policy)) {
                (Some(latest), _) => Policy::Latest(latest.clone()),
                (None, Some(reason)) => Policy::Invalid(reason.clone()),
                (None, None) => Policy::Pending,
            };
            policies.insert(policy.name.clone(), chosen);
        }
        for policy in &self.left_out {
            policies.insert(policy.name.clone(), Policy::NotSelected);
        }
        Wanted {
            namespace: self.key.namespace.clone(),
            policies,
            manner: Manner::Better,
        }
    }

    /// The ref it reads from: its own, else that of its `GitRepository`.
    #[must_use]
    pub fn checkout_ref(&self, resources: &Resources) -> Option<CheckoutRef> {
        let own = self.git.as_ref().and_then(|git| git.checkout.as_ref());
        let own = own.map(|checkout| &checkout.reference);
        let reference = own.or_else(|| {
            let source = &resources.automations.get(&self.key)?.object.spec.source_ref;
            let namespace = source.namespace_or(&self.key.namespace);
            let repository = resources
                .git_repositories
                .get(&ObjectKey::new(namespace, &source.name))?;
            repository.object.spec.reference.as_ref()
        })?;
        Some(CheckoutRef {
            branch: reference.branch.clone(),
            tag: reference.tag.clone(),
            semver: reference.semver.clone(),
            name: reference.name.clone(),
            commit: reference.commit.clone(),
        })
    }

    /// The branch it writes to: that of the command line, else its own.
    #[must_use]
    pub fn push_branch(&self) -> Option<&str> {
        let push = self.git.as_ref().and_then(|git| git.push.as_ref());
        let own = push
            .and_then(|push| push.branch.as_deref())
            .filter(|branch| !branch.is_empty());
        self.branch.as_deref().or(own)
    }

    /// The update path as people write it.
    #[must_use]
    pub fn shown_path(&self) -> &str {
        if self.path.is_empty() {
            "."
        } else {
            &self.path
        }
    }
}
