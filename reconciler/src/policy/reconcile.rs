//! One reconcile of one `ImagePolicy`: what is known, what is decided, what is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::condition::CommonStatus as _;
use api::reason::Reason;
use api::{ImagePolicy, ImageRepository};
use engine::change::LatestRef;
use engine::image::Repository;
use engine::policy::{DigestPlan, Policy};
use engine::schedule::scan_timeout;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;

use super::decision::{self, Lack, News, Refusal, Without};
use super::{Evaluator, access, repository_of};
use crate::chain::Chain;
use crate::cluster::{CrossNamespace, Reporter, release};
use crate::registry::InFluxWords;
use crate::resources::ObjectKey;
use crate::scan::{CONTROLLER, Purpose, Warnings, is_gated};
use crate::store::StoredTags;

/// What a policy may choose from.
enum AtHand {
    Tags(StoredTags),
    None(Lack),
}

/// What a reconcile leads to, if not to a choice.
enum Otherwise {
    /// A refusal, to be told.
    Refused(Refusal),
    /// Nothing, until something changes.
    Stay,
    /// Nothing, for so long.
    Wait(Duration),
}

impl From<Refusal> for Otherwise {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Evaluator {
    /// Evaluates a policy, and tells.
    pub(super) async fn evaluate(&self, object: &ImagePolicy) -> Result<Action, kube::Error> {
        if object.metadata.deletion_timestamp.is_some() {
            self.forget(object);
            release(&self.shared.client, object).await?;
            return Ok(Action::await_change());
        }
        let mut reporter = Reporter::new(&self.shared, &self.memory, CONTROLLER, object);
        let status = reporter.status().clone();
        if object.spec.suspend {
            let mut status = status;
            if let Some(request) = reporter.request() {
                status.set_last_handled_reconcile_at(request.to_owned());
            }
            return reporter.record(status).await;
        }
        let progress = reporter.progress();
        let uid = object.uid().unwrap_or_default();
        let report = match self.decide(object, &mut reporter).await? {
            Ok(chosen) => decision::resolved(&object.spec, status, chosen),
            Err(Otherwise::Refused(refusal)) => {
                let again = self.shared.options.requeue_dependency;
                decision::refused(status, refusal, progress, again)
            }
            Err(Otherwise::Wait(wait)) => return Ok(Action::requeue(wait)),
            Err(Otherwise::Stay) => {
                let refresh = decision::refresh(&object.spec);
                return Ok(refresh.map_or_else(Action::await_change, Action::requeue));
            }
        };
        self.waiting().remove(&uid);
        reporter.conclude(report).await
    }

    async fn decide(
        &self,
        object: &ImagePolicy,
        reporter: &mut Reporter<'_, ImagePolicy>,
    ) -> Result<Result<LatestRef, Otherwise>, kube::Error> {
        let (repository, image, policy) = match self.prepare(object).await {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let stored = match self.at_hand(&repository, &image) {
            Ok(AtHand::Tags(stored)) => stored,
            Ok(AtHand::None(lack)) => {
                return Ok(Err(self.lacking(object, reporter, &repository, lack)));
            }
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let chosen = tokio::task::spawn_blocking({
            let status = reporter.status().clone();
            move || {
                if stored.tags.is_empty() {
                    return Err(Refusal::NoTags);
                }
                let tags: Vec<&str> = stored.tags.iter().collect();
                decision::choose(&policy?, &tags, &status)
            }
        });
        let chosen = chosen
            .await
            .unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()));
        let tag = match chosen {
            Ok(chosen) => chosen.tag,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let name = repository.spec.image.clone();
        let plan = decision::digest_plan(&object.spec, reporter.status(), &name, &tag);
        let digest = match plan {
            DigestPlan::Absent => None,
            DigestPlan::Keep(digest) => Some(digest),
            DigestPlan::Fetch => {
                let progress = reporter.progress();
                let fetched = self.digest(&repository, &image, &tag);
                match reporter.watch(&progress, fetched).await? {
                    Ok(digest) => Some(digest),
                    Err(why) => {
                        let refusal = decision::undigested(&name, &tag, &why);
                        return Ok(Err(refusal.into()));
                    }
                }
            }
        };
        Ok(Ok(LatestRef { name, tag, digest }))
    }

    /// Checks the policy and its repository, as far as that goes without tags.
    async fn prepare(
        &self,
        object: &ImagePolicy,
    ) -> Result<(Arc<ImageRepository>, Repository, Result<Policy, Refusal>), Refusal> {
        decision::check_interval(&object.spec)?;
        let namespace = object.namespace().unwrap_or_default();
        let key = repository_of(object);
        let foreign = key.namespace != namespace;
        if foreign && self.shared.options.cross_namespace == CrossNamespace::Blocked {
            return Err(Refusal::denied(&access::blocked(&key)));
        }
        let repository = self.repository(&key);
        let repository = repository.ok_or_else(|| Refusal::missing(&key.name))?;
        if foreign {
            self.admit(&key, &repository, &namespace).await?;
        }
        let image = Repository::parse(&repository.spec.image)
            .map_err(|error| Refusal::Stalled(Reason::ImageUrlInvalid, error.to_string()))?;
        if is_gated(&repository.spec, self.shared.options.gates) {
            return Err(Refusal::gated());
        }
        let policy = decision::rule(&object.spec)?;
        Ok((repository, image, policy))
    }

    async fn admit(
        &self,
        key: &ObjectKey,
        repository: &ImageRepository,
        namespace: &str,
    ) -> Result<(), Refusal> {
        let access = repository.spec.access_from.as_ref();
        let labels = match access {
            None => Ok(std::collections::BTreeMap::new()),
            Some(_) => {
                self.repositories
                    .registries
                    .namespace_labels(namespace)
                    .await
            }
        };
        let labels = labels.map_err(|error| {
            Refusal::unreferred(Reason::AccessDenied, &Chain(&error).to_string())
        })?;
        access::check(key, access, namespace, &labels).map_err(|why| Refusal::denied(&why))
    }

    /// The stored tags of the image a repository names now.
    fn at_hand(&self, repository: &ImageRepository, image: &Repository) -> Result<AtHand, Refusal> {
        let status = repository.status.as_ref();
        if status.is_none_or(|status| status.last_scan_result.is_none()) {
            return Ok(AtHand::None(Lack::NotScanned));
        }
        let uid = repository.uid().unwrap_or_default();
        let stored = self.repositories.tags.get(&uid).map_err(|error| {
            let why = format!("failed to read tags from database: {}", Chain(&error));
            Refusal::Failed(Reason::Failure, why)
        })?;
        let current = stored.filter(|stored| stored.canonical == image.canonical());
        Ok(current.map_or(AtHand::None(Lack::Lost), AtHand::Tags))
    }

    /// What a policy does that has no tags to choose from.
    fn lacking(
        &self,
        object: &ImagePolicy,
        reporter: &Reporter<'_, ImagePolicy>,
        repository: &ImageRepository,
        lack: Lack,
    ) -> Otherwise {
        let news = if reporter.request().is_some() || reporter.is_new_generation() {
            News::Some
        } else {
            News::None
        };
        let now = Instant::now();
        let uid = object.uid().unwrap_or_default();
        let since = *self.waiting().entry(uid).or_insert(now);
        let without = decision::without(lack, reporter.status(), news, since, now);
        if lack == Lack::Lost && without != Without::Stay {
            let key = crate::feed::key_of(repository);
            self.repositories.wanted.put(key);
        }
        match without {
            Without::Stay => Otherwise::Stay,
            Without::Wait(wait) => Otherwise::Wait(wait),
            Without::Tell => Refusal::NoTags.into(),
        }
    }

    /// Asks the registry for the digest of a tag.
    async fn digest(
        &self,
        repository: &ImageRepository,
        image: &Repository,
        tag: &str,
    ) -> Result<String, String> {
        let spec = &repository.spec;
        let timeout = spec.timeout.as_ref().map(|timeout| timeout.value());
        let timeout = timeout.and_then(|timeout| Duration::try_from(timeout).ok());
        let interval = Duration::try_from(spec.interval.value()).unwrap_or_default();
        let deadline = tokio::time::Instant::now() + scan_timeout(timeout, interval);
        let registries = &self.repositories.registries;
        let connection = registries
            .connect(repository, image, Purpose::Use, Warnings::Known)
            .await
            .map_err(|error| {
                let why = Chain(&error);
                format!("failed to configure authentication options: {why}")
            })?;
        let digest = connection.client.digest(image, tag, deadline).await;
        let digest = digest.map_err(|error| {
            let name = &spec.image;
            let why = InFluxWords(&error);
            format!("failed fetching descriptor for \"{name}:{tag}\": {why}")
        })?;
        Ok(digest.to_string())
    }
}
