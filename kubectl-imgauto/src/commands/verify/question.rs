//! Which containers are asked about, and what each is expected to be.

use engine::image::Reference;
use reconciler::resources::ObjectKey;

use super::expected::Expected;
use super::verdict::{Demands, Verdict, judge};
use crate::commands::status::cells;
use crate::observe::{Role, Row};

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// What is expected.
    pub(super) expectation: Expectation,
    /// What else has to be true.
    pub(super) demands: Demands,
    /// Whether the user named workloads.
    pub(super) subject: Subject,
}

/// Where the expected image comes from.
#[derive(Clone, Debug)]
pub(super) enum Expectation {
    /// Each container's policy.
    Choice,
    /// This policy, whether or not it looks after the container; `None` as long as it has not chosen.
    ChoiceOf {
        /// The policy.
        policy: ObjectKey,
        /// What it chose.
        chosen: Option<Reference>,
    },
    /// The user: an image.
    Image(Reference),
    /// The user: a tag of whatever image is there.
    Tag(String),
}

/// What the question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Workloads that the user named: each has to have an answer.
    Named,
    /// Whatever is there that an answer can be given for.
    All,
}

/// A container and the answer for it.
#[derive(Clone, Debug)]
pub(super) struct Answer<'a> {
    /// The container.
    pub(super) row: &'a Row,
    /// What it is expected to be; `None` if that is not known.
    pub(super) expected: Option<Expected>,
    /// Whether it is.
    pub(super) verdict: Verdict,
}

impl Question {
    /// Answers for each container that is asked about, in the order of the rows.
    pub(super) fn answers<'a>(&self, rows: &'a [Row]) -> Vec<Answer<'a>> {
        let workloads = rows.chunk_by(|left, right| left.workload == right.workload);
        workloads.flat_map(|rows| self.of_workload(rows)).collect()
    }

    fn of_workload<'a>(&self, rows: &'a [Row]) -> Vec<Answer<'a>> {
        let meant = self.meant(rows);
        if !meant.is_empty() {
            return meant
                .into_iter()
                .map(|row| self.of_container(row))
                .collect();
        }
        match (self.subject, rows.first()) {
            (Subject::Named, Some(row)) => vec![Answer {
                row,
                expected: None,
                verdict: Verdict::undecidable(self.nothing_meant()),
            }],
            _ => Vec::new(),
        }
    }

    /// The containers of a workload that are asked about.
    fn meant<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let only = |keep: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| keep(row)).collect();
        let is_managed = |row: &Row| row.policy.is_some();
        match &self.expectation {
            Expectation::Choice => only(&is_managed),
            Expectation::ChoiceOf { policy, chosen } => {
                let is_tied =
                    |row: &Row| row.policy.as_ref().is_some_and(|tie| tie.policy == *policy);
                let tied: Vec<_> = only(&is_tied);
                match chosen {
                    _ if !tied.is_empty() || self.subject == Subject::All => tied,
                    Some(image) => self.of_image(rows, image),
                    None => self.sole(rows),
                }
            }
            Expectation::Image(image) => self.of_image(rows, image),
            Expectation::Tag(_) => {
                let managed: Vec<_> = only(&is_managed);
                if managed.is_empty() {
                    self.sole(rows)
                } else {
                    managed
                }
            }
        }
    }

    /// The containers with an image of the same repository, or else the only one there is.
    fn of_image<'a>(&self, rows: &'a [Row], image: &Reference) -> Vec<&'a Row> {
        let expected = Expected::of_image(image);
        let same: Vec<_> = rows
            .iter()
            .filter(|row| expected.has_repository_of(&row.image))
            .collect();
        if same.is_empty() {
            self.sole(rows)
        } else {
            same
        }
    }

    /// The only ordinary container of a workload that the user named.
    fn sole<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let mut main = rows.iter().filter(|row| row.role == Role::Main);
        match (self.subject, main.next(), main.next()) {
            (Subject::Named, Some(row), None) => vec![row],
            _ => Vec::new(),
        }
    }

    fn nothing_meant(&self) -> String {
        match &self.expectation {
            Expectation::Choice => {
                "no policy looks after it; --image or --tag says what is expected".to_owned()
            }
            Expectation::ChoiceOf { policy, .. } => {
                format!("policy {policy} is about none of its containers")
            }
            Expectation::Image(image) => format!(
                "none of its containers has the image {}/{}",
                image.registry(),
                image.repository()
            ),
            Expectation::Tag(_) => {
                "it has several containers; --image says which one is meant".to_owned()
            }
        }
    }

    fn of_container<'a>(&self, row: &'a Row) -> Answer<'a> {
        let expected = match &self.expectation {
            Expectation::Choice => row.wanted.as_ref().map(Expected::of_choice),
            // A marker may tie a policy to a mirror's image: then the repository does not matter.
            Expectation::ChoiceOf { policy, chosen } => chosen.as_ref().map(|image| {
                let is_tied = row.policy.as_ref().is_some_and(|tie| tie.policy == *policy);
                let expected = Expected::of_image(image);
                Expected {
                    repository: expected.repository.filter(|_| !is_tied),
                    ..expected
                }
            }),
            Expectation::Image(image) => Some(Expected::of_image(image)),
            Expectation::Tag(tag) => Some(Expected::of_tag(tag)),
        };
        let verdict = match (&expected, &self.expectation) {
            (Some(expected), _) => judge(row, expected, self.demands),
            (None, Expectation::ChoiceOf { policy, .. }) => not_chosen(&policy.to_string()),
            (None, _) => not_chosen(&cells::policy(row)),
        };
        Answer {
            row,
            expected,
            verdict,
        }
    }
}

fn not_chosen(policy: &str) -> Verdict {
    Verdict::unknown(format!("policy {policy} has not chosen a tag"))
}
