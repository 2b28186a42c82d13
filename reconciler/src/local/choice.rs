//! Which image each policy wants, in a run without a cluster.

use std::collections::{BTreeMap, BTreeSet};

use api::{ImagePolicy, ImageRepository};
use engine::change::LatestRef;
use engine::image::{Repository, check_reference};
use engine::policy::{DigestPlan, Exclusions, Policy};
use futures::future::join_all;

use super::Progress;
use super::registries::Registries;
use super::tag_files::TagFiles;
use crate::chain::Chain;
use crate::resources::{Found, ObjectKey, Resources};
use crate::update::Problem;

/// Where the tags that policies choose from come from.
#[derive(Debug)]
pub enum Origin<'a> {
    /// Nothing is asked: `status.latestRef` of the policies counts.
    Status,
    /// Files in place of registries.
    Files(&'a TagFiles),
    /// The registries themselves.
    Registries(&'a Registries),
}

/// What the policies chose.
#[derive(Debug, Default)]
pub struct Choices {
    /// The image each policy wants.
    pub latest: BTreeMap<ObjectKey, LatestRef>,
    /// The policies whose result is no image reference, and why it is none.
    pub invalid: BTreeMap<ObjectKey, String>,
    /// Why other policies have no result, at the objects to blame.
    pub problems: Vec<Problem>,
}

/// The kept tags of a repository, stored order.
type Tags = Result<Vec<String>, Problem>;

/// Evaluates `wanted` policies.
///
/// Each repository that one of them names is asked once, all of them side by side; what goes wrong concerns the policies that need it and no others.
pub async fn choose(
    resources: &Resources,
    wanted: &BTreeSet<ObjectKey>,
    origin: &Origin<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Choices {
    let policies: Vec<_> = wanted
        .iter()
        .filter_map(|key| Some((key, resources.policies.get(key)?)))
        .collect();
    let mut choices = Choices::default();
    if let Origin::Status = origin {
        for (key, policy) in policies {
            // Nothing was asked and so nothing failed: what the cluster has not decided is left alone.
            let outcome = from_status(policy).map_err(Problem::lenient);
            choices.put(key, policy, outcome, Problem::lenient);
        }
        return choices;
    }
    let repositories: BTreeSet<ObjectKey> = policies
        .iter()
        .map(|(key, policy)| repository_of(key, &policy.object))
        .filter(|key| resources.repositories.contains_key(key))
        .collect();
    progress(Progress::Scanning {
        repositories: repositories.len(),
    });
    if let Origin::Registries(_) = origin {
        for key in &repositories {
            let object = &resources.repositories[key].object;
            if let Some(text) = Registries::stand_in(key, object, resources) {
                progress(Progress::Note { text: &text });
            }
        }
    }
    let scans = repositories.iter().filter_map(|key| {
        let found = resources.repositories.get(key)?;
        Some(async move { (key.clone(), scan(key, found, resources, origin).await) })
    });
    let tags: BTreeMap<ObjectKey, Tags> = join_all(scans).await.into_iter().collect();
    let evaluations = policies.iter().map(|(key, policy)| {
        let tags = &tags;
        async move { (*key, evaluate(key, policy, resources, tags, origin).await) }
    });
    for (key, outcome) in join_all(evaluations).await {
        let policy = &resources.policies[key];
        let repository = repository_of(key, &policy.object);
        if let (Ok(latest), Some(Ok(tags))) = (&outcome, tags.get(&repository)) {
            progress(Progress::Chosen {
                policy: key,
                latest,
                tags: tags.len(),
            });
        }
        choices.put(key, policy, outcome, |problem| problem);
    }
    choices
}

impl Choices {
    fn put(
        &mut self,
        key: &ObjectKey,
        policy: &Found<ImagePolicy>,
        outcome: Result<LatestRef, Problem>,
        weigh: impl Fn(Problem) -> Problem,
    ) {
        let problem = match outcome {
            Ok(latest) => match check_reference(&latest.to_string()) {
                Ok(()) => {
                    self.latest.insert(key.clone(), latest);
                    return;
                }
                Err(error) => {
                    let reason = format!("encountered invalid image ref \"{latest}\": {error}");
                    let problem = policy.refuse("status.latestRef", &reason);
                    self.invalid.insert(key.clone(), reason);
                    weigh(problem)
                }
            },
            Err(problem) => problem,
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// The repository a policy names, in the policy's namespace unless it says otherwise.
#[must_use]
pub fn repository_of(policy: &ObjectKey, object: &ImagePolicy) -> ObjectKey {
    let reference = &object.spec.image_repository_ref;
    let namespace = reference.namespace_or(&policy.namespace);
    ObjectKey::new(namespace, &reference.name)
}

fn from_status(policy: &Found<ImagePolicy>) -> Result<LatestRef, Problem> {
    let status = policy.object.status.as_ref();
    let Some(latest) = status.and_then(|status| status.latest_ref.as_ref()) else {
        return Err(policy.refuse(
            "spec",
            "has no status.latestRef, and nothing else is asked offline; leave out --offline, or export the object from the cluster with its status",
        ));
    };
    Ok(LatestRef {
        name: latest.name.clone(),
        tag: latest.tag.clone(),
        digest: latest.digest.clone().filter(|digest| !digest.is_empty()),
    })
}

async fn scan(
    key: &ObjectKey,
    found: &Found<ImageRepository>,
    resources: &Resources,
    origin: &Origin<'_>,
) -> Tags {
    let spec = &found.object.spec;
    let image = Repository::parse(&spec.image)
        .map_err(|error| found.refuse("spec.image", Chain(&error).to_string()))?;
    let list = spec.exclusion_list.as_deref().unwrap_or_default();
    let exclusions = Exclusions::new(list)
        .map_err(|error| found.refuse("spec.exclusionList", Chain(&error).to_string()))?;
    let tags = match origin {
        Origin::Files(files) => files
            .tags(key, &spec.image)
            .map_err(|error| found.refuse("spec.image", Chain(&error).to_string()))?,
        Origin::Registries(registries) => registries
            .tags(key, &found.object, &image, resources)
            .await
            .map_err(|error| {
                found.refuse("spec.image", format!("scan failed: {}", Chain(&error)))
            })?,
        Origin::Status => Vec::new(),
    };
    Ok(exclusions.keep(tags))
}

async fn evaluate(
    key: &ObjectKey,
    policy: &Found<ImagePolicy>,
    resources: &Resources,
    tags: &BTreeMap<ObjectKey, Tags>,
    origin: &Origin<'_>,
) -> Result<LatestRef, Problem> {
    let spec = &policy.object.spec;
    let repository_key = repository_of(key, &policy.object);
    let Some(repository) = resources.repositories.get(&repository_key) else {
        let reason =
            format!("ImageRepository {repository_key} is in none of the files that were read");
        return Err(policy.refuse("spec.imageRepositoryRef", reason));
    };
    check_access(key, &repository_key, repository, resources)
        .map_err(|reason| policy.refuse("spec.imageRepositoryRef", reason))?;
    let rules = Policy::try_from(spec).map_err(|error| {
        let place = error.place().map(|place| format!(" ({place})"));
        let reason = format!("{}{}", Chain(&error), place.unwrap_or_default());
        policy.refuse(error.field().path(), reason)
    })?;
    let tags = match &tags[&repository_key] {
        Ok(tags) => tags,
        Err(problem) => return Err(problem.clone()),
    };
    let status = policy.object.status.as_ref();
    let observed = status.and_then(|status| status.latest_ref.as_ref());
    let selected = rules
        .select(tags, observed.map(|latest| latest.tag.as_str()))
        .map_err(|error| {
            policy.refuse(
                "spec.policy",
                format!("{}, out of {} tags", Chain(&error), tags.len()),
            )
        })?;
    let name = repository.object.spec.image.clone();
    let known = observed.map(|latest| LatestRef {
        name: latest.name.clone(),
        tag: latest.tag.clone(),
        digest: latest.digest.clone(),
    });
    let reflection = spec.digest_reflection_policy.unwrap_or_default().into();
    let digest = match engine::policy::DigestReflection::plan(
        reflection,
        known.as_ref(),
        &name,
        &selected.tag,
    ) {
        DigestPlan::Absent => None,
        DigestPlan::Keep(digest) => Some(digest),
        DigestPlan::Fetch => Some(
            digest_of(
                policy,
                &repository_key,
                repository,
                &selected.tag,
                resources,
                origin,
            )
            .await?,
        ),
    };
    let tag = selected.tag;
    Ok(LatestRef { name, tag, digest })
}

/// Checks that the repository lets policies of this namespace in.
fn check_access(
    policy: &ObjectKey,
    key: &ObjectKey,
    repository: &Found<ImageRepository>,
    resources: &Resources,
) -> Result<(), String> {
    if key.namespace == policy.namespace {
        return Ok(());
    }
    let Some(access) = &repository.object.spec.access_from else {
        return Err(format!(
            "access denied: '{key}' can't be accessed due to missing ACL labels on 'accessFrom'"
        ));
    };
    let namespace = &policy.namespace;
    let found = resources.namespaces.get(namespace);
    let labels = found.and_then(|found| found.object.metadata.labels.as_ref());
    let carries = |name: &str, value: &str| match name {
        // Every namespace has this one, whether or not its manifest says so.
        "kubernetes.io/metadata.name" => value == namespace,
        _ => {
            labels
                .and_then(|labels| labels.get(name))
                .map(String::as_str)
                == Some(value)
        }
    };
    let admitted = access.namespace_selectors.iter().any(|selector| {
        let mut labels = selector.match_labels.iter();
        labels.all(|(name, value)| carries(name, value))
    });
    if admitted {
        return Ok(());
    }
    let unknown = match found {
        Some(_) => "",
        None => {
            "; no Namespace of this name is in the files that were read, so its labels are not known"
        }
    };
    Err(format!(
        "access denied: '{key}' can't be accessed due to ACL labels mismatch on namespace '{namespace}'{unknown}"
    ))
}

async fn digest_of(
    policy: &Found<ImagePolicy>,
    key: &ObjectKey,
    repository: &Found<ImageRepository>,
    tag: &str,
    resources: &Resources,
    origin: &Origin<'_>,
) -> Result<String, Problem> {
    let name = &repository.object.spec.image;
    let failed = |why: String| {
        policy.refuse(
            "spec.digestReflectionPolicy",
            format!("failed fetching digest of {name}:{tag}: {why}"),
        )
    };
    let Origin::Registries(registries) = origin else {
        return Err(failed(
            "files hold no digests; leave out --tags-from".to_owned(),
        ));
    };
    let image = Repository::parse(name).map_err(|error| failed(Chain(&error).to_string()))?;
    let digest = registries
        .digest(key, &repository.object, &image, tag, resources)
        .await;
    digest.map_err(|error| failed(Chain(&error).to_string()))
}

impl<T> Found<T>
where
    T: kube::Resource<DynamicType = ()>,
{
    /// Blames a field of this object.
    fn refuse(&self, field: &str, reason: impl AsRef<str>) -> Problem {
        let reason = reason.as_ref();
        let kind = T::kind(&());
        let metadata = self.object.meta();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let sentence = format!("{kind} {namespace}/{name}: {field}: {reason}");
        Problem::error(&self.place.file, self.place.line, sentence)
    }
}
