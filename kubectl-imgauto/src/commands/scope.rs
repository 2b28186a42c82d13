//! What the commands that look at workloads are about: the words and flags that say which are meant.

use std::path::Path;

use reconciler::resources::ObjectKey;

use crate::cluster::Cluster;
use crate::error::CliError;
use crate::noun::{Noun, Target, targets};
use crate::observe::{self, Report, Row, Workload};
use crate::session::Session;

/// Words and flags that say which workloads are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct ScopeFlags {
    /// Workloads, such as deployment/web or sts/queue, or whatever policy/NAME or update/NAME looks after
    #[arg(value_name = "NOUN/NAME")]
    words: Vec<String>,
    /// Look at all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Look at workloads with these labels only, such as app=web
    #[arg(short = 'l', long, alias = "label-selector", value_name = "SELECTOR")]
    selector: Option<String>,
}

/// Which workloads are meant.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// The namespace the user works in.
    pub(crate) home: String,
    /// Where it is looked.
    pub(crate) reach: Reach,
    /// The labels they have to have, as the API server takes them.
    pub(crate) selector: Option<String>,
    /// What the user named; nothing stands for everything.
    pub(crate) targets: Vec<Target>,
}

/// Where it is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In one namespace.
    Home,
    /// In all of them, because the user asked for it.
    Everywhere,
    /// In all of them, because what is named looks after workloads anywhere.
    Wherever,
}

impl ScopeFlags {
    /// Reads them; `verb` is the command they belong to.
    pub(crate) fn read(&self, verb: &str, session: &mut Session<'_>) -> Result<Scope, CliError> {
        let nouns = [Noun::Workload(None), Noun::Policy, Noun::Update];
        let targets = targets(&self.words, verb, &nouns)?;
        let home = session.namespace_to_look_in()?;
        let is_tie = |target: &Target| matches!(target.noun, Noun::Policy | Noun::Update);
        let reach = if self.all_namespaces {
            Reach::Everywhere
        } else if targets.iter().any(is_tie) {
            Reach::Wherever
        } else {
            Reach::Home
        };
        Ok(Scope {
            home,
            reach,
            selector: self.selector.clone().filter(|labels| !labels.is_empty()),
            targets,
        })
    }
}

impl Scope {
    /// The namespace to look at; `None` stands for all of them.
    pub(crate) fn namespace(&self) -> Option<&str> {
        match self.reach {
            Reach::Home => Some(&self.home),
            Reach::Everywhere | Reach::Wherever => None,
        }
    }

    /// Looks at it.
    pub(crate) async fn look(
        &self,
        cluster: &Cluster,
        source: Option<&Path>,
    ) -> Result<Report, CliError> {
        let scope = observe::Scope {
            namespace: self.namespace().map(str::to_owned),
            selector: self.selector.clone(),
            source: source.map(Path::to_path_buf),
            // They are counted, if not shown.
            unmanaged: observe::Unmanaged::Shown,
            ..observe::Scope::default()
        };
        let named = match self.reach {
            // Whatever is tied has to be found among all workloads.
            Reach::Wherever => scope,
            Reach::Home | Reach::Everywhere => scope.with_targets(&self.targets),
        };
        observe::report(cluster, &named).await
    }

    /// The one workload that is meant, if the user named just one.
    pub(crate) fn single(&self) -> Option<&str> {
        match self.targets.as_slice() {
            [
                Target {
                    noun: Noun::Workload(Some(_)),
                    name: Some(name),
                },
            ] => Some(name),
            _ => None,
        }
    }

    /// Whether the user named workloads by kind or name, and not all of what is there.
    pub(crate) fn names_workloads(&self) -> bool {
        let is_workload = |target: &Target| matches!(target.noun, Noun::Workload(_));
        self.targets
            .iter()
            .any(|target| is_workload(target) && target.name.is_some())
    }

    /// Whether a container is one of those that are meant.
    pub(crate) fn covers(&self, row: &Row) -> bool {
        let is_here = |workload: &Workload| {
            self.reach == Reach::Everywhere || workload.namespace == self.home
        };
        if self.targets.is_empty() {
            return is_here(&row.workload);
        }
        self.targets.iter().any(|target| match target.noun {
            Noun::Policy | Noun::Update => self.ties(target, row),
            _ => is_here(&row.workload) && names(target, &row.workload),
        })
    }

    /// Whether what is named looks after a container.
    fn ties(&self, target: &Target, row: &Row) -> bool {
        let tie = match target.noun {
            Noun::Policy => row.policy.as_ref().map(|tie| &tie.policy),
            _ => row.git.as_ref().and_then(|git| git.automation.as_ref()),
        };
        let fits = |key: &ObjectKey| match target.name.as_deref() {
            None => self.reach == Reach::Everywhere || key.namespace == self.home,
            Some(name) => match name.split_once('/') {
                Some((namespace, name)) => key.namespace == namespace && key.name == name,
                None => {
                    key.name == name
                        && (self.reach == Reach::Everywhere || key.namespace == self.home)
                }
            },
        };
        tie.is_some_and(fits)
    }

    /// Says what the user named and no container stands for.
    pub(crate) fn check(&self, rows: &[Row]) -> Result<(), CliError> {
        let place = match self.reach {
            Reach::Everywhere => "any namespace".to_owned(),
            Reach::Home | Reach::Wherever => format!("namespace {}", self.home),
        };
        let absent = self.targets.iter().filter_map(|target| {
            let name = target.name.as_ref()?;
            let word = target.noun.word();
            let tied = |row: &Row| self.ties(target, row);
            let named = |row: &Row| names(target, &row.workload);
            match target.noun {
                Noun::Policy | Noun::Update => (!rows.iter().any(tied)).then(|| {
                    CliError::failure(format!("no workload is tied to {word} {name} of {place}"))
                        .next(format!("kubectl imgauto get {word}{}", self.flag()))
                }),
                _ => (!rows.iter().any(named)).then(|| {
                    CliError::failure(format!("there is no {word} {name} in {place}"))
                        .next(format!("kubectl imgauto get workloads{}", self.flag()))
                }),
            }
        });
        CliError::all(absent.collect())
    }

    /// The flag that leads to the same place.
    pub(crate) fn flag(&self) -> String {
        match self.reach {
            Reach::Everywhere => " -A".to_owned(),
            Reach::Home | Reach::Wherever => format!(" -n {}", self.home),
        }
    }
}

/// Whether a target names a workload, by its kind and, if it has one, its name.
fn names(target: &Target, workload: &Workload) -> bool {
    let Noun::Workload(kind) = target.noun else {
        return false;
    };
    let is_name = |name: &String| *name == workload.name;
    kind.is_none_or(|kind| kind == workload.kind) && target.name.as_ref().is_none_or(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::status::samples::{fleet, podinfo};

    fn scope(reach: Reach, words: &[&str]) -> Scope {
        let nouns = [Noun::Workload(None), Noun::Policy, Noun::Update];
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        Scope {
            home: "flux-system".to_owned(),
            reach,
            selector: None,
            targets: targets(&words, "status", &nouns).unwrap(),
        }
    }

    fn covered(scope: &Scope) -> Vec<String> {
        let rows = fleet();
        let rows = rows.iter().filter(|row| scope.covers(row));
        rows.map(|row| row.workload.name.clone()).collect()
    }

    #[test]
    fn workloads_are_meant_by_namespace_kind_and_name() {
        let at_home = |words: &[&str]| Scope {
            home: "prod".to_owned(),
            ..scope(Reach::Home, words)
        };
        assert_eq!(covered(&at_home(&[])), ["api", "report"]);
        assert_eq!(covered(&at_home(&["cronjob"])), ["report"]);
        assert_eq!(covered(&at_home(&["deploy/api", "sts/queue"])), ["api"]);
        let everywhere = scope(Reach::Everywhere, &["deployments"]);
        assert_eq!(covered(&everywhere), ["podinfo", "web", "api"]);
        assert_eq!(covered(&scope(Reach::Home, &[])), Vec::<String>::new());
    }

    #[test]
    fn policies_and_updates_stand_for_what_they_look_after_anywhere() {
        for word in [
            "policy/podinfo",
            "policy/flux-system/podinfo",
            "update/flux-system",
        ] {
            let scope = scope(Reach::Wherever, &[word]);
            assert_eq!(
                (covered(&scope), scope.namespace()),
                (vec!["podinfo".to_owned()], None)
            );
        }
        let elsewhere = scope(Reach::Wherever, &["policy/prod/podinfo"]);
        assert_eq!(covered(&elsewhere), Vec::<String>::new());
    }

    #[test]
    fn what_is_named_and_not_there_is_said() {
        let rows = [podinfo()];
        let there = scope(Reach::Everywhere, &["deploy/podinfo", "policy/podinfo"]);
        assert!(there.check(&rows).is_ok());
        let absent = scope(Reach::Everywhere, &["sts/podinfo", "policy/web"]);
        let said = absent.check(&rows).unwrap_err();
        let said = said.render(crate::session::Markers::Flux);
        assert_eq!(
            said,
            "✗ there is no statefulset podinfo in any namespace
✗ no workload is tied to policy web of any namespace
  next: kubectl imgauto get workloads -A
    or: kubectl imgauto get policy -A
"
        );
    }

    #[test]
    fn one_workload_is_single_and_a_kind_is_not() {
        let single = |words: &[&str]| scope(Reach::Home, words).single().map(str::to_owned);
        assert_eq!(single(&["deploy/web"]).as_deref(), Some("web"));
        for words in [
            &["deploy"][..],
            &["deploy/a", "deploy/b"],
            &["policy/a"],
            &["workload/a"],
        ] {
            assert_eq!(single(words), None, "{words:?}");
        }
        assert!(scope(Reach::Home, &["deploy/web"]).names_workloads());
        assert!(!scope(Reach::Home, &["deploy"]).names_workloads());
    }
}
