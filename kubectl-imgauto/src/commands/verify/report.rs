//! What `verify` prints on standard output.

use serde::Serialize;

use super::question::Answer;
use super::verdict::Verdict;
use crate::commands::status::cells::{self, Digests};
use crate::commands::status::document::{API_VERSION, Item, moment};
use crate::commands::status::style::{Mark, Style};
use crate::error::CliError;
use crate::format::Format;
use crate::observe::Report;
use crate::session::Session;
use crate::table::{Headings, Table};

/// Prints the answers in the form that was asked for.
pub(super) fn render(
    format: &Format,
    report: &Report,
    answers: &[Answer<'_>],
    session: &Session<'_>,
) -> Result<String, CliError> {
    match format {
        Format::Document(form) => {
            let value = serde_json::to_value(VerifyReport::new(report, answers));
            let value = value
                .map_err(|error| CliError::failure(format!("cannot write the report: {error}")))?;
            form.report(&value)
        }
        Format::Table => Ok(table(answers, Style::of(session))),
        _ => Ok(images(answers)),
    }
}

/// The images that are verified, as a search for `image:` in a manifest would find them.
fn images(answers: &[Answer<'_>]) -> String {
    let equal = answers
        .iter()
        .filter(|answer| answer.verdict == Verdict::Equal);
    equal
        .map(|answer| format!("image: {}\n", answer.row.image))
        .collect()
}

/// A line for each container.
pub(super) fn table(answers: &[Answer<'_>], style: Style) -> String {
    let headings = [
        "NAMESPACE",
        "WORKLOAD",
        "CONTAINER",
        "EXPECTED",
        "RUNNING",
        "ROLLOUT",
        "EQUAL",
    ];
    let mut table = Table::new(&headings);
    table.rows = answers
        .iter()
        .map(|answer| cells_of(answer, style))
        .collect();
    let text = match style.width {
        // Names give way first, the answer never.
        Some(width) => table.fitted(Headings::Shown, width, &[4, 2, 1, 3, 0]),
        None => table.aligned(Headings::Shown),
    };
    style.plain(text)
}

fn cells_of(answer: &Answer<'_>, style: Style) -> Vec<String> {
    let row = answer.row;
    let expected = answer.expected.as_ref();
    let expected = expected.map_or(cells::NOTHING.into(), |expected| expected.version());
    let (mark, word) = match answer.verdict {
        Verdict::Equal => (Mark::Good, "yes"),
        Verdict::Different { .. } => (Mark::Bad, "no"),
        Verdict::Unknown { .. } => (Mark::Pending, "unknown"),
    };
    vec![
        row.workload.namespace.clone(),
        cells::long_name(&row.workload),
        cells::container(row),
        expected.into_owned(),
        cells::running(row, Digests::Short),
        cells::rollout(row),
        format!("{} {word}", mark.sign(style.markers)),
    ]
}

/// What `verify -o json` prints: the names of its fields are a contract.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyReport<'a> {
    api_version: &'static str,
    kind: &'static str,
    generated_at: String,
    /// Whether everything could be looked at.
    complete: bool,
    /// What could not, each in a sentence.
    missing_permissions: &'a [String],
    /// Whether everything is as expected; null if it cannot be told.
    equal: Option<bool>,
    items: Vec<Verified<'a>>,
}

/// One container: what `status` tells of it, and the answer.
#[derive(Debug, Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    item: Item<'a>,
    expected: Option<Expectation<'a>>,
    /// Whether it is as expected; null if it cannot be told.
    equal: Option<bool>,
    /// Why it is not, or why it cannot be told.
    difference: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Expectation<'a> {
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> VerifyReport<'a> {
    fn new(report: &'a Report, answers: &'a [Answer<'a>]) -> Self {
        let items: Vec<_> = answers.iter().map(Verified::new).collect();
        let equal = if items.iter().any(|item| item.equal == Some(false)) {
            Some(false)
        } else {
            let all = !items.is_empty() && items.iter().all(|item| item.equal == Some(true));
            all.then_some(true)
        };
        Self {
            api_version: API_VERSION,
            kind: "VerifyReport",
            generated_at: moment(report.at),
            complete: report.missing.is_empty(),
            missing_permissions: &report.missing,
            equal,
            items,
        }
    }
}

impl<'a> Verified<'a> {
    fn new(answer: &'a Answer<'a>) -> Self {
        let (equal, difference) = match &answer.verdict {
            Verdict::Equal => (Some(true), None),
            Verdict::Different { text, .. } => (Some(false), Some(text.as_str())),
            Verdict::Unknown { text, .. } => (None, Some(text.as_str())),
        };
        Self {
            item: Item::new(answer.row),
            expected: answer.expected.as_ref().map(|expected| Expectation {
                tag: expected.tag.as_deref(),
                digest: expected.digest.as_deref(),
            }),
            equal,
            difference,
        }
    }
}
