//! The report of `tags`: field names are a contract, the table is for people.

use engine::policy::{Policy, TagVerdict, Verdict};
use reconciler::resources::ObjectKey;
use serde::Serialize;

use crate::session::Markers;

/// What the report answers.
pub(super) struct Question<'a> {
    /// The image, as the user wrote it.
    pub(super) image: &'a str,
    /// The policy, and the object it stands in.
    pub(super) policy: Option<(Option<&'a ObjectKey>, &'a Policy)>,
    /// The tag that was selected before.
    pub(super) current: Option<&'a str>,
}

/// The tags of an image and what the policy thinks of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    api_version: &'static str,
    kind: &'static str,
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The tag the policy selects.
    pub(super) selected: Option<String>,
    /// The digest of the selected tag, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    /// Why none is selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    total: usize,
    omitted: usize,
    tags: Vec<TagVerdict>,
}

impl Report {
    /// Judges `tags`, which come in stored order.
    pub(super) fn new(question: &Question<'_>, tags: &[String]) -> Self {
        let mut report = Self {
            api_version: "cli.imgauto.dev/v1alpha1",
            kind: "TagReport",
            image: question.image.to_owned(),
            policy: None,
            rule: None,
            selected: None,
            digest: None,
            error: None,
            total: tags.len(),
            omitted: 0,
            tags: Vec::new(),
        };
        let Some((key, policy)) = question.policy else {
            report.tags = tags.iter().map(|tag| unjudged(tag)).collect();
            return report;
        };
        let verdicts = policy.verdicts(tags, question.current);
        report.policy = key.map(ToString::to_string);
        report.rule = Some(describe(policy));
        report.selected = verdicts.selected;
        report.error = verdicts.error.map(|error| error.to_string());
        report.tags = verdicts.tags;
        report
    }

    /// Keeps the first `limit` tags and counts the others.
    pub(super) fn limit(&mut self, limit: usize) {
        self.omitted = self.tags.len().saturating_sub(limit);
        self.tags.truncate(limit);
    }

    /// Lays the report out for people.
    pub(super) fn table(&self, markers: Markers) -> String {
        let (arrow, more) = match markers {
            Markers::Flux => ("→", "…"),
            Markers::Ascii => (">", "..."),
        };
        let mut text = self.image.clone();
        if let Some(rule) = &self.rule {
            let policy = self
                .policy
                .as_ref()
                .map(|policy| format!(" {policy}:"))
                .unwrap_or_default();
            text += &format!("   policy{policy} {rule}");
        }
        text += &format!("   {} tags\n", self.total);
        let mut rows = vec![[
            "".to_owned(),
            "TAG".to_owned(),
            "SORT KEY".to_owned(),
            "VERDICT".to_owned(),
            "WHY".to_owned(),
        ]];
        rows.extend(self.tags.iter().map(|tag| row(tag, arrow)));
        let widths = [0, 1, 2, 3].map(|column| {
            rows.iter()
                .map(|row: &[String; 5]| row[column].chars().count())
                .max()
                .unwrap_or(0)
        });
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line += &format!("{cell:width$}  ");
            }
            line += &row[4];
            text += line.trim_end();
            text.push('\n');
        }
        if self.omitted > 0 {
            text += &format!("   {more} {} more (--all)\n", self.omitted);
        }
        if let Some(error) = &self.error {
            text += &format!("no tag is selected: {error}\n");
        }
        if let Some(digest) = &self.digest {
            text += &format!("digest {digest}\n");
        }
        text
    }
}

fn unjudged(tag: &str) -> TagVerdict {
    TagVerdict {
        tag: tag.to_owned(),
        key: None,
        verdict: Verdict::Candidate,
        reason: "no policy was given".to_owned(),
    }
}

fn row(tag: &TagVerdict, arrow: &str) -> [String; 5] {
    let (arrow, verdict) = match tag.verdict {
        Verdict::Selected => (arrow, "selected"),
        Verdict::Candidate => ("", "candidate"),
        Verdict::Rejected => ("", "rejected"),
    };
    let key = tag.key.as_deref().unwrap_or("-");
    [arrow, &tag.tag, key, verdict, &tag.reason].map(str::to_owned)
}

fn describe(policy: &Policy) -> String {
    match &policy.filter {
        Some(filter) => format!(
            "{}, tags that match {}",
            policy.rule,
            filter.pattern.source()
        ),
        None => policy.rule.to_string(),
    }
}
