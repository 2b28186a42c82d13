//! What one automation asks for, from its policies to its commit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use engine::change::Change;
use engine::marker::Wanted;
use engine::template::{Data, Limits, Template, TemplateError};
use git2::Oid;
use jiff::Timestamp;
use jiff::tz::Offset;

use super::{Plan, ScanCache, Scope, UpdateError, plan};
use crate::git::{Author, Edit, GitError, NewCommit, Repository, Signer, SigningKey};
use crate::resources::ObjectKey;
use crate::source::{GitTree, Source};

/// One automation's update.
pub struct Order {
    /// Whose it is.
    pub automation: ObjectKey,
    /// What it may edit, from the root of the repository.
    pub path: String,
    /// What its markers may be set to.
    pub wanted: Wanted,
    /// Which files it looks at.
    pub scope: Scope,
    /// How the commit message is made.
    pub message: Message,
    /// Name and address of the author.
    pub author: (String, String),
    /// Signs the commit, if it is to be signed.
    pub signer: Option<Arc<SigningKey>>,
}

/// How a commit message is made.
#[derive(Clone, Debug)]
pub struct Message {
    /// The template; what is wrong with it matters only when there is something to commit.
    pub template: Result<Arc<Template>, TemplateError>,
    /// The values the template may use.
    pub values: BTreeMap<String, String>,
}

/// What became of an order.
#[derive(Debug, Default)]
pub struct Built {
    /// What it changes, and what it could not use.
    pub plan: Plan,
    /// The commit message; absent when nothing changes.
    pub message: Option<String>,
    /// The commit; absent when nothing changes or nothing was committed.
    pub commit: Option<Oid>,
}

/// Why an order cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The files cannot be listed or read.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The commit message cannot be made.
    #[error(transparent)]
    Message(#[from] TemplateError),
    /// The commit cannot be made.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Order {
    /// Plans the edits and writes the message.
    ///
    /// # Errors
    /// When files cannot be read, or there is something to commit and no message can be made.
    pub fn plan(&self, source: &dyn Source, cache: &ScanCache) -> Result<Built, OrderError> {
        let plan = plan(source, &self.path, &self.wanted, cache, self.scope)?;
        let message = match plan.files.is_empty() {
            true => None,
            false => Some(self.render(&plan.changes())?),
        };
        Ok(Built {
            plan,
            message,
            commit: None,
        })
    }

    /// Plans on the tree of `parent` and commits on top of it, if there is something to commit.
    ///
    /// # Errors
    /// As [`Order::plan`], and when the commit cannot be made or signed.
    pub fn carry_out(
        &self,
        repository: &Repository,
        parent: Oid,
        cache: &ScanCache,
    ) -> Result<Built, OrderError> {
        let mut built = self.plan(&GitTree::new(repository, parent), cache)?;
        if let Some(message) = &built.message {
            built.commit = Some(self.commit(repository, parent, &built.plan, message)?);
        }
        Ok(built)
    }

    fn render(&self, changes: &[Change]) -> Result<String, TemplateError> {
        let data = Data {
            automation: (&self.automation.namespace, &self.automation.name),
            changes,
            values: &self.message.values,
        };
        let template = self.message.template.as_ref().map_err(Clone::clone)?;
        template.render(&data, Limits::default())
    }

    fn commit(
        &self,
        repository: &Repository,
        parent: Oid,
        plan: &Plan,
        message: &str,
    ) -> Result<Oid, GitError> {
        let edits = plan.files.iter().map(|file| Edit {
            path: file.path.clone(),
            content: file.after.clone(),
        });
        let edits: Vec<Edit> = edits.collect();
        let (name, email) = self.author.clone();
        let author = Author {
            name,
            email,
            time: Timestamp::now(),
            zone: Offset::UTC,
        };
        let signer = self.signer.as_ref().map(|key| key.signer(author.time));
        repository.commit(&NewCommit {
            parent,
            edits: &edits,
            author: &author,
            message,
            signer: signer.as_ref().map(|signer| signer as &Signer<'_>),
        })
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("automation", &self.automation)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
