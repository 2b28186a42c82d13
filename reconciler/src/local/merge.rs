//! Which problems are left when several automations looked at the same files.

use engine::marker::{Policy, Wanted};

use crate::update::{Elsewhere, Plan, Problem};

/// What the automations of a run looked at, and what they could not use.
#[derive(Debug, Default)]
pub(super) struct Shared {
    problems: Vec<Problem>,
    elsewhere: Vec<Elsewhere>,
    views: Vec<View>,
}

/// What one automation looked at.
#[derive(Debug)]
struct View {
    wanted: Wanted,
    /// The files with markers, in order.
    files: Vec<String>,
}

impl Shared {
    /// Adds what one automation looked at.
    pub(super) fn add(&mut self, wanted: Wanted, plan: Plan) {
        self.problems.extend(plan.problems);
        self.elsewhere.extend(plan.elsewhere);
        let files = plan.marked.into_iter().map(|file| file.path).collect();
        self.views.push(View { wanted, files });
    }

    /// Returns the problems, by file and line, without those that another automation answers for.
    pub(super) fn settle(self) -> Vec<Problem> {
        let Self {
            mut problems,
            elsewhere,
            views,
        } = self;
        let nobodys = elsewhere
            .into_iter()
            .filter(|marker| !views.iter().any(|view| view.answers_for(marker)));
        problems.extend(nobodys.map(|marker| marker.problem));
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        problems
    }
}

impl View {
    /// Whether the automation looked at the marker as one of its own: it follows it, or says why it cannot.
    fn answers_for(&self, marker: &Elsewhere) -> bool {
        let mut parts = marker.setter.split(':');
        let (namespace, policy) = (parts.next(), parts.next().unwrap_or_default());
        let own = namespace == Some(self.wanted.namespace.as_str());
        let file = marker.problem.file.as_ref();
        own && self.wanted.policies.get(policy) != Some(&Policy::NotSelected)
            && file.is_some_and(|file| self.files.binary_search(file).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use engine::marker::scan;

    use super::*;
    use crate::update::MarkedFile;

    fn automation(
        namespace: &str,
        policy: Policy,
        files: &[&str],
        elsewhere: &[(&str, &str)],
    ) -> (Wanted, Plan) {
        let wanted = Wanted {
            namespace: namespace.into(),
            policies: BTreeMap::from([("app".to_owned(), policy)]),
            ..Wanted::default()
        };
        let marked = files.iter().map(|path| MarkedFile {
            path: (*path).to_owned(),
            scan: Arc::new(scan(b"")),
        });
        let elsewhere = elsewhere.iter().map(|(file, setter)| Elsewhere {
            setter: (*setter).to_owned(),
            problem: Problem::warning(file, 1, format!("{setter} seen from {namespace}")),
        });
        let plan = Plan {
            marked: marked.collect(),
            elsewhere: elsewhere.collect(),
            ..Plan::default()
        };
        (wanted, plan)
    }

    fn settled(automations: Vec<(Wanted, Plan)>) -> Vec<String> {
        let mut shared = Shared::default();
        for (wanted, plan) in automations {
            shared.add(wanted, plan);
        }
        let problems = shared.settle().into_iter();
        problems.map(|problem| problem.reason).collect()
    }

    #[test]
    fn a_marker_of_another_namespace_is_that_namespaces_business_if_it_is_looked_at_there() {
        let one = || {
            automation(
                "one",
                Policy::Pending,
                &["a.yaml"],
                &[("a.yaml", "two:app")],
            )
        };
        let two = |files| automation("two", Policy::Pending, files, &[]);
        assert_eq!(settled(vec![one()]), ["two:app seen from one"]);
        assert_eq!(settled(vec![one(), two(&["a.yaml"])]), [""; 0]);
        assert_eq!(
            settled(vec![one(), two(&["b.yaml"])]),
            ["two:app seen from one"]
        );
    }

    #[test]
    fn a_policy_one_selector_leaves_out_is_no_problem_if_another_takes_it() {
        let marker = [("a.yaml", "one:app:tag")];
        let without = || automation("one", Policy::NotSelected, &["a.yaml"], &marker);
        let with = automation("one", Policy::Pending, &["a.yaml"], &[]);
        assert_eq!(
            settled(vec![without(), without()]),
            ["one:app:tag seen from one"; 2]
        );
        assert_eq!(settled(vec![without(), with]), [""; 0]);
    }
}
