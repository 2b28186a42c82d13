//! `create` on a cluster: applies what was named, and waits until it is reconciled.

use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use super::merge::{self, Conflict, Named, Request, Takeover};
use super::{Basis, Common, Draft, DryRun, print};
use crate::cluster::{Cluster, FIELD_MANAGER};
use crate::commands::objects::Objects;
use crate::commands::reconciliation::{self, Awaited, Limit};
use crate::commands::{manifest, ownership};
use crate::error::{CliError, ExitStatus};
use crate::image_kind::ImageKind;
use crate::session::Session;

/// How often a change is worked out because the object changed meanwhile.
const ATTEMPTS: usize = 5;

/// What the API server says of a field somebody else applied.
const FIELD_CONFLICT: &str = "FieldManagerConflict";

/// Applies what the command line says, after all has been checked that can be checked without a cluster.
pub(super) fn run<D: Draft>(
    draft: &D,
    common: &Common,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let basis = match common.is_replacement() {
        true => Basis::Nothing,
        false => Basis::Unknown,
    };
    let name = draft.build(common, basis)?.name_any();
    let namespace = session.namespace_to_look_in()?;
    let limit = Limit::of(session.globals);
    let reached = Cluster::open(session).and_then(|cluster| {
        let objects = Objects::<D::Kind>::new(&cluster.client, &namespace);
        let live = cluster.run(limit.bound(objects.find(&name)))?;
        Ok((cluster, objects, live))
    });
    let (cluster, objects, live) = match reached {
        Ok(reached) => reached,
        Err(error) if error.status() == ExitStatus::Interrupted => return Err(error),
        Err(error) => {
            // Unless there is an object to add to, this is missing besides.
            let missing = draft.build(common, Basis::Nothing).err();
            let error = error
                .next("the same command with --export prints the manifest, and needs no cluster");
            let errors = missing.into_iter().chain([error]);
            return CliError::all(errors.collect()).map(|()| ExitStatus::No);
        }
    };
    let work = Work {
        draft,
        common,
        objects: &objects,
        name: &name,
    };
    let applying = work.apply(session, live);
    let object = cluster.run(limit.bound(applying))?;
    let object = match work.is_waited_for(session, &object) {
        true => cluster.run(work.wait(session, limit))?,
        false => object,
    };
    match common.output {
        Some(format) => session.print(&print(&object, format)?),
        None => Ok(ExitStatus::Done),
    }
}

/// What the command works with.
struct Work<'a, D: Draft> {
    draft: &'a D,
    common: &'a Common,
    objects: &'a Objects<D::Kind>,
    name: &'a str,
}

/// What is to be sent, and what the user is told before.
struct Prepared<K> {
    sending: Sending<K>,
    warning: Option<String>,
}

/// What is to be sent.
enum Sending<K> {
    /// All of a new object.
    New(Value),
    /// An object in place of the one that is there.
    Whole(Box<K>),
    /// What was named.
    Part(Request),
}

impl<D: Draft> Work<'_, D> {
    /// Applies what was named to the object, or makes it, with flux's lines.
    async fn apply(
        &self,
        session: &mut Session<'_>,
        mut live: Option<D::Kind>,
    ) -> Result<D::Kind, CliError> {
        let (kind, dry) = (D::Kind::KIND, self.dry_run_remark());
        let mut prepared = self.prepare(live.as_ref())?;
        session.generating(&format!("generating {kind}"));
        if let Some(warning) = &prepared.warning {
            session.warn(warning);
        }
        session.note(&format!("applying {kind}{dry}"));
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.send(&prepared.sending, live.as_ref()).await {
                Ok(object) => {
                    self.tell(session, live.as_ref(), &object)?;
                    return Ok(object);
                }
                Err(kube::Error::Api(status)) if is_outdated(&status) && attempts < ATTEMPTS => {}
                Err(error) => return Err(self.refused(&error)),
            }
            live = self.objects.find(self.name).await?;
            prepared = self.prepare(live.as_ref())?;
        }
    }

    /// Works out what to send, or says what stands against it.
    fn prepare(&self, live: Option<&D::Kind>) -> Result<Prepared<D::Kind>, CliError> {
        let Some(live) = live else {
            let object = self.draft.build(self.common, Basis::Nothing)?;
            let mut object = manifest::of(&object)?;
            object["metadata"]["namespace"] = json!(self.objects.namespace);
            return Ok(Prepared {
                sending: Sending::New(object),
                warning: None,
            });
        };
        let before = json(live)?;
        if self.common.is_replacement() {
            let object = self.draft.build(self.common, Basis::Nothing)?;
            let object = replaced(&before, &json(&object)?);
            let fields = [vec!["spec".to_owned()]];
            return Ok(Prepared {
                warning: self.warning(live, &fields),
                sending: Sending::Whole(Box::new(read(object)?)),
            });
        }
        let named = self.named(live)?;
        let takeover = match self.common.force_conflicts {
            true => Takeover::Wanted,
            false => Takeover::Refused,
        };
        let merge = merge::merge(&before, live.meta(), &named, takeover)
            .map_err(|conflicts| self.conflicting(Some(live), &conflicts))?;
        let changes = merge.request != Request::None;
        Ok(Prepared {
            warning: changes.then(|| self.warning(live, &merge.fields)).flatten(),
            sending: Sending::Part(merge.request),
        })
    }

    /// What the user named, on top of the object that is there.
    fn named(&self, live: &D::Kind) -> Result<Named, CliError> {
        let object = self.draft.build(self.common, Basis::Object(live))?;
        Ok(Named {
            fields: self.draft.named(self.common, &json(&object)?),
            superseded: self.draft.superseded(live),
        })
    }

    fn warning(&self, live: &D::Kind, fields: &[Vec<String>]) -> Option<String> {
        let what = format!("{} {}", D::Kind::HUMAN, self.name);
        let remedy = "the same command with --dry-run=server -o yaml";
        ownership::warning(live.meta(), fields, &what, remedy)
    }

    async fn send(
        &self,
        sending: &Sending<D::Kind>,
        live: Option<&D::Kind>,
    ) -> Result<D::Kind, kube::Error> {
        let params = |force| PatchParams {
            dry_run: self.is_dry_run(),
            force,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let api = &self.objects.api;
        match sending {
            Sending::New(object) => {
                let params = params(self.common.force_conflicts);
                api.patch(self.name, &params, &Patch::Apply(object)).await
            }
            Sending::Whole(object) => {
                let params = PostParams {
                    dry_run: self.is_dry_run(),
                    field_manager: Some(FIELD_MANAGER.to_owned()),
                };
                api.replace(self.name, &params, object).await
            }
            Sending::Part(Request::Apply { object, force }) => {
                let object = Patch::Apply(object);
                api.patch(self.name, &params(*force), &object).await
            }
            Sending::Part(Request::Patch(change)) => {
                let change = Patch::Merge(change);
                api.patch(self.name, &params(false), &change).await
            }
            Sending::Part(Request::None) => match live {
                Some(live) => Ok(live.clone()),
                None => api.get(self.name).await,
            },
        }
    }

    /// Says what became of the object, and what was lost.
    fn tell(
        &self,
        session: &mut Session<'_>,
        before: Option<&D::Kind>,
        after: &D::Kind,
    ) -> Result<(), CliError> {
        let (kind, dry) = (D::Kind::KIND, self.dry_run_remark());
        let Some(before) = before else {
            session.done(&format!("{kind} created{dry}"));
            return Ok(());
        };
        if manifest::of(before)? == manifest::of(after)? {
            return Ok(());
        }
        if self.common.is_replacement() {
            let object = self.draft.build(self.common, Basis::Nothing)?;
            let named = self.draft.named(self.common, &json(&object)?);
            let lost = merge::lost(&json(before)?, &json(after)?, &named);
            if !lost.is_empty() {
                session.warn(&format!("--replace gave up {}", lost.join(", ")));
            }
        }
        session.done(&format!("{kind} updated{dry}"));
        Ok(())
    }

    fn is_dry_run(&self) -> bool {
        self.common.dry_run == Some(DryRun::Server)
    }

    fn dry_run_remark(&self) -> &'static str {
        match self.is_dry_run() {
            true => " (server dry run)",
            false => "",
        }
    }

    /// Decides whether there is a reconcile to wait for.
    fn is_waited_for(&self, session: &mut Session<'_>, object: &D::Kind) -> bool {
        if self.is_dry_run() || !self.common.wait {
            return false;
        }
        if object.is_suspended() {
            let (kind, word, name) = (D::Kind::KIND, D::Kind::NOUN.word(), self.name);
            session.note(&format!(
                "{kind} is suspended, and nothing to wait for: kubectl imgauto resume {word} {name} -n {}",
                self.objects.namespace
            ));
            return false;
        }
        true
    }

    async fn wait(&self, session: &mut Session<'_>, limit: Limit) -> Result<D::Kind, CliError> {
        let kind = D::Kind::KIND;
        session.waiting(&format!("waiting for {kind} reconciliation"));
        let waited = reconciliation::wait(self.objects, self.name, Awaited::Ready, limit).await;
        let object = waited.map_err(|failure| failure.into_error(kind, limit))?;
        session.done(&format!("{kind} reconciliation completed"));
        Ok(object)
    }

    fn refused(&self, error: &kube::Error) -> CliError {
        let kube::Error::Api(status) = error else {
            return self.objects.refused(error, "apply", self.name);
        };
        let conflicts = conflicts(status);
        if conflicts.is_empty() {
            return self.objects.refused(error, "apply", self.name);
        }
        self.conflicting(None, &conflicts)
    }

    /// Says which fields are held by whom, and how to get them.
    fn conflicting(&self, live: Option<&D::Kind>, conflicts: &[Conflict]) -> CliError {
        let (kind, namespace) = (D::Kind::KIND, &self.objects.namespace);
        let error = CliError::failure(format!(
            "cannot apply {kind} {namespace}/{}: others apply what would change",
            self.name
        ));
        let line =
            |conflict: &Conflict| format!("{} belongs to \"{}\"", conflict.field, conflict.manager);
        let error = error.at(conflicts.iter().map(line));
        let owner = live.and_then(|live| ownership::owner(live.meta()));
        let error = match owner {
            Some(owner) => error
                .at([format!("{owner} applies it, and would undo the change")])
                .next("commit what the same command prints with --force-conflicts --dry-run=server -o yaml"),
            None => error,
        };
        error.next("the same command with --force-conflicts takes the fields over")
    }
}

/// Whether a change was made from a version of the object that is no more.
fn is_outdated(status: &Status) -> bool {
    status.code == 409 && conflicts(status).is_empty()
}

/// Returns the conflicts of an apply, as the API server tells them.
fn conflicts(status: &Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == FIELD_CONFLICT)
        .map(|cause| Conflict {
            field: cause.field.trim_start_matches('.').to_owned(),
            // The sentence is `conflict with "NAME" …`.
            manager: cause
                .message
                .split('"')
                .nth(1)
                .unwrap_or(&cause.message)
                .to_owned(),
        })
        .collect()
}

/// Puts a new spec and new labels in the place of those that are there; annotations are added.
fn replaced(before: &Value, new: &Value) -> Value {
    let mut object = before.clone();
    object["spec"] = new["spec"].clone();
    object["metadata"]["labels"] = new["metadata"]["labels"].clone();
    for (key, value) in new["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let path = ["metadata", "annotations", key].map(str::to_owned);
        merge::put(&mut object, &path, value.clone());
    }
    object
}

fn json(object: &impl serde::Serialize) -> Result<Value, CliError> {
    serde_json::to_value(object).map_err(|error| CliError::failure(error.to_string()))
}

fn read<K: ImageKind>(object: Value) -> Result<K, CliError> {
    serde_json::from_value(object).map_err(|error| CliError::failure(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(causes: &Value) -> Status {
        serde_json::from_value(json!({
            "status": "Failure", "code": 409, "reason": "Conflict", "message": "Apply failed",
            "details": {"name": "podinfo", "causes": causes},
        }))
        .unwrap()
    }

    #[test]
    fn conflicts_are_told_apart_from_a_version_that_is_no_more() {
        let taken = answer(&json!([{
            "reason": "FieldManagerConflict", "field": ".spec.interval",
            "message": "conflict with \"kustomize-controller\" using image.toolkit.fluxcd.io/v1",
        }]));
        assert!(!is_outdated(&taken));
        let conflict = Conflict {
            field: "spec.interval".to_owned(),
            manager: "kustomize-controller".to_owned(),
        };
        assert_eq!(conflicts(&taken), [conflict]);
        let outdated = answer(&json!([]));
        assert!(is_outdated(&outdated) && conflicts(&outdated).is_empty());
    }

    #[test]
    fn a_replacement_keeps_annotations_and_nothing_else_of_the_user() {
        let before = json!({
            "metadata": {"name": "podinfo", "uid": "1", "labels": {"a": "b"}, "annotations": {"note": "x"}},
            "spec": {"image": "old", "suspend": true},
        });
        let new = json!({
            "metadata": {"name": "podinfo", "labels": {"c": "d"}, "annotations": {"more": "y"}},
            "spec": {"image": "new"},
        });
        let want = json!({
            "metadata": {"name": "podinfo", "uid": "1", "labels": {"c": "d"},
                "annotations": {"note": "x", "more": "y"}},
            "spec": {"image": "new"},
        });
        assert_eq!(replaced(&before, &new), want);
    }
}
