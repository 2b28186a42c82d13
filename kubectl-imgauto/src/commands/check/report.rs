//! What a check found, and how it is shown.

use serde::Serialize;

use crate::error::{CliError, ExitStatus};
use crate::session::Markers;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Category {
    /// This program and what is around it.
    Client,
    /// The cluster.
    Cluster,
    /// What runs in it.
    Reconciler,
    /// What its API server calls.
    Webhook,
}

impl Category {
    /// All, in the order in which they are shown.
    const ALL: [Self; 4] = [Self::Client, Self::Cluster, Self::Reconciler, Self::Webhook];

    fn title(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Cluster => "cluster",
            Self::Reconciler => "reconciler",
            Self::Webhook => "webhook",
        }
    }
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Good,
    /// It should be looked at, but nothing fails for it.
    Warning,
    /// Something fails.
    Bad,
    /// The cluster did not answer, and nothing can be said.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What it is about.
    #[serde(skip)]
    pub(super) category: Category,
    /// What was looked at, and what it is like.
    #[serde(rename = "description")]
    pub(super) text: String,
    /// How it looks.
    #[serde(rename = "result")]
    pub(super) verdict: Verdict,
    /// More about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) detail: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hints: Vec<String>,
}

impl Finding {
    /// Something as it should be.
    pub(super) fn good(category: Category, text: impl Into<String>) -> Self {
        Self::new(category, Verdict::Good, text)
    }

    /// Something to look at.
    pub(super) fn warning(category: Category, text: impl Into<String>) -> Self {
        Self::new(category, Verdict::Warning, text)
    }

    /// Something that fails.
    pub(super) fn bad(category: Category, text: impl Into<String>) -> Self {
        Self::new(category, Verdict::Bad, text)
    }

    /// A cluster that could not be asked.
    pub(super) fn unanswered(category: Category, error: &CliError) -> Self {
        Self::of_error(category, Verdict::Unknown, error)
    }

    /// Something that could not be looked at, while the rest could.
    pub(super) fn hidden(category: Category, error: &CliError) -> Self {
        Self::of_error(category, Verdict::Warning, error)
    }

    fn of_error(category: Category, verdict: Verdict, error: &CliError) -> Self {
        let (mut lines, hints) = (error.lines(), error.steps().to_vec());
        let text = if lines.is_empty() {
            String::new()
        } else {
            lines.remove(0)
        };
        Self {
            detail: lines,
            hints,
            ..Self::new(category, verdict, text)
        }
    }

    fn new(category: Category, verdict: Verdict, text: impl Into<String>) -> Self {
        Self {
            category,
            text: text.into(),
            verdict,
            detail: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Adds a line about it.
    pub(super) fn at(mut self, line: impl Into<String>) -> Self {
        self.detail.push(line.into());
        self
    }

    /// Adds something the user can do.
    pub(super) fn hint(mut self, step: impl Into<String>) -> Self {
        self.hints.push(step.into());
        self
    }

    fn lines(&self, markers: Markers) -> String {
        let mut text = format!("{} {}\n", mark(self.verdict, markers), self.text);
        for line in &self.detail {
            text += &format!("    {line}\n");
        }
        for (index, step) in self.hints.iter().enumerate() {
            let label = if index == 0 { "next:" } else { "  or:" };
            text += &format!("    {label} {step}\n");
        }
        text
    }
}

/// The mark in front of a finding.
fn mark(verdict: Verdict, markers: Markers) -> &'static str {
    match (verdict, markers) {
        (Verdict::Good, Markers::Flux) => "√",
        (Verdict::Good, Markers::Ascii) => "+",
        (Verdict::Warning, Markers::Flux) => "‼",
        (Verdict::Warning, Markers::Ascii) => "!",
        (Verdict::Bad | Verdict::Unknown, Markers::Flux) => "×",
        (Verdict::Bad | Verdict::Unknown, Markers::Ascii) => "x",
    }
}

/// All that was found.
#[derive(Clone, Debug)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

/// The report for machines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    success: bool,
    complete: bool,
    categories: Vec<Section<'a>>,
}

#[derive(Serialize)]
struct Section<'a> {
    name: Category,
    checks: Vec<&'a Finding>,
}

impl Report {
    /// Puts findings together.
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// How the program ends.
    pub(super) fn status(&self) -> ExitStatus {
        if self.count(Verdict::Unknown) > 0 {
            ExitStatus::Usage
        } else if self.count(Verdict::Bad) > 0 {
            ExitStatus::No
        } else {
            ExitStatus::Done
        }
    }

    /// How many things should be looked at.
    pub(super) fn warnings(&self) -> usize {
        self.count(Verdict::Warning)
    }

    fn count(&self, verdict: Verdict) -> usize {
        let same = self.findings.iter().filter(|it| it.verdict == verdict);
        same.count()
    }

    /// All findings below the titles of their categories.
    pub(super) fn table(&self, markers: Markers) -> String {
        let sections = self.sections().into_iter().map(|section| {
            let title = section.name.title();
            let findings = section.checks.iter().map(|finding| finding.lines(markers));
            format!(
                "{title}\n{}\n{}",
                "-".repeat(title.len()),
                findings.collect::<String>()
            )
        });
        sections.collect::<Vec<_>>().join("\n")
    }

    /// What is not good.
    pub(super) fn short(&self, markers: Markers) -> String {
        let found = self
            .findings
            .iter()
            .filter(|it| it.verdict != Verdict::Good);
        found.map(|finding| finding.lines(markers)).collect()
    }

    /// The report for machines.
    pub(super) fn document(&self) -> Document<'_> {
        Document {
            api_version: "cli.imgauto.dev/v1alpha1",
            kind: "Check",
            success: self.status() == ExitStatus::Done,
            complete: self.count(Verdict::Unknown) == 0,
            categories: self.sections(),
        }
    }

    fn sections(&self) -> Vec<Section<'_>> {
        let sections = Category::ALL.into_iter().map(|name| Section {
            name,
            checks: self
                .findings
                .iter()
                .filter(|it| it.category == name)
                .collect(),
        });
        sections
            .filter(|section| !section.checks.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::output;
    use expect_test::expect;

    fn report() -> Report {
        Report::new(vec![
            Finding::good(Category::Client, "one"),
            Finding::bad(Category::Reconciler, "two")
                .at("because")
                .hint("do")
                .hint("do that"),
            Finding::warning(Category::Client, "three").hint("look"),
        ])
    }

    #[test]
    fn findings_stand_below_their_categories() {
        expect![[r"
            client
            ------
            √ one
            ‼ three
                next: look

            reconciler
            ----------
            × two
                because
                next: do
                  or: do that
        "]]
        .assert_eq(&report().table(Markers::Flux));
    }

    #[test]
    fn the_short_form_leaves_out_what_is_good() {
        expect![[r"
            x two
                because
                next: do
                  or: do that
            ! three
                next: look
        "]]
        .assert_eq(&report().short(Markers::Ascii));
        let good = Report::new(vec![Finding::good(Category::Client, "one")]);
        assert_eq!(good.short(Markers::Flux), "");
    }

    #[test]
    fn machines_get_all() {
        expect![[r#"
            {
              "apiVersion": "cli.imgauto.dev/v1alpha1",
              "kind": "Check",
              "success": false,
              "complete": true,
              "categories": [
                {
                  "name": "client",
                  "checks": [
                    {
                      "description": "one",
                      "result": "good"
                    },
                    {
                      "description": "three",
                      "result": "warning",
                      "hints": [
                        "look"
                      ]
                    }
                  ]
                },
                {
                  "name": "reconciler",
                  "checks": [
                    {
                      "description": "two",
                      "result": "bad",
                      "detail": [
                        "because"
                      ],
                      "hints": [
                        "do",
                        "do that"
                      ]
                    }
                  ]
                }
              ]
            }
        "#]]
        .assert_eq(&output::json(&report().document()).unwrap());
    }

    #[test]
    fn what_fails_and_what_cannot_be_told_decide_the_ending() {
        let error = CliError::failure("no answer").next("look");
        let unknown = Finding::unanswered(Category::Cluster, &error);
        assert_eq!(
            (unknown.text.as_str(), unknown.hints.len()),
            ("no answer", 1)
        );
        let warning = Finding::warning(Category::Client, "");
        let bad = Finding::bad(Category::Cluster, "");
        let ending = |findings: &[&Finding]| {
            Report::new(findings.iter().copied().cloned().collect()).status()
        };
        assert_eq!(ending(&[&warning]), ExitStatus::Done);
        assert_eq!(ending(&[&warning, &bad]), ExitStatus::No);
        assert_eq!(ending(&[&bad, &unknown]), ExitStatus::Usage);
    }
}
