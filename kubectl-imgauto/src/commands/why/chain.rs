//! The chain as people read it: one line for each link, and below the broken one what mends it.

use std::borrow::Cow;
use std::fmt::Write as _;

use engine::delivery::{Check, CheckVerdict, Judgement, Link, Reason, Seen, State};
use reconciler::resources::ObjectKey;
use unicode_width::UnicodeWidthStr as _;

use super::events::Told;
use super::fix;
use crate::commands::status::cells::{self, Digests};
use crate::commands::status::style::{Mark, Style};
use crate::commands::status::wrap::wrapped;
use crate::observe::{PolicyRow, Row, UpdateRow, Wanted};
use crate::session::{Markers, printable};

/// Where states and reasons are explained.
pub(super) const DOCS: &str = "docs/status.md";

/// How far texts are set in: the mark, a blank and the name of the longest link.
const INDENT: usize = 14;

/// One thing that is asked about, with everything that is told of it.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    /// What it is about, in one line.
    pub(super) head: String,
    /// The container, if it is one.
    pub(super) row: Option<&'a Row>,
    /// The policy, as far as there is one.
    pub(super) policy: Option<ObjectKey>,
    /// The automation that is asked about, if one is.
    pub(super) update: Option<&'a ObjectKey>,
    pub(super) judgement: Cow<'a, Judgement>,
    /// The last link that is told of.
    last: Link,
    /// The command that mends what is broken.
    pub(super) fix: Option<String>,
    /// What controllers said of the objects on the way, the newest last.
    pub(super) events: Vec<Told>,
}

impl<'a> Chain<'a> {
    pub(super) fn of_container(row: &'a Row) -> Self {
        let workload = &row.workload;
        let policy = row.policy.as_ref().map(|tie| tie.policy.clone());
        let head = format!(
            "{} ({}), container {}: {}, {}",
            cells::short_name(workload),
            workload.namespace,
            cells::container(row),
            running(row),
            wanted(policy.as_ref(), row.wanted.as_ref())
        );
        let is_open = row.judgement.reason.is_some() || row.policy.is_none();
        Self {
            head,
            row: Some(row),
            policy,
            update: None,
            judgement: Cow::Borrowed(&row.judgement),
            last: Link::Rollout,
            fix: row.next.clone().filter(|_| is_open),
            events: Vec::new(),
        }
    }

    pub(super) fn of_policy(row: &'a PolicyRow) -> Self {
        let ObjectKey { namespace, name } = &row.policy;
        let told = told(row);
        Self::alone(row, format!("policy/{name} ({namespace}): {told}"))
    }

    pub(super) fn of_update(update: &'a UpdateRow, row: &'a PolicyRow) -> Self {
        let ObjectKey { namespace, name } = &update.update;
        let (policy, told) = (&row.policy.name, told(row));
        let head = format!("update/{name} ({namespace}), policy {policy}: {told}");
        Self {
            update: Some(&update.update),
            ..Self::alone(row, head)
        }
    }

    /// An automation of which no policy is known that it takes in.
    pub(super) fn of_idle_update(update: &'a UpdateRow) -> Self {
        let ObjectKey { namespace, name } = &update.update;
        let (state, verdict, text) = match &update.policies {
            Seen::Hidden(why) => (State::Unknown, CheckVerdict::Unknown, why.clone()),
            Seen::Present(_) | Seen::Absent => (
                State::Blocked,
                CheckVerdict::Broken(Reason::SelectorExcludes),
                format!("ImageUpdateAutomation {namespace}/{name} takes in no ImagePolicy"),
            ),
        };
        let reason = (state == State::Blocked).then_some(Reason::SelectorExcludes);
        let link = Link::Automation;
        let judgement = Judgement {
            state,
            reason,
            message: text.clone(),
            checks: vec![Check {
                link,
                verdict,
                text,
            }],
        };
        Self {
            head: format!("update/{name} ({namespace})"),
            row: None,
            policy: None,
            update: Some(&update.update),
            judgement: Cow::Owned(judgement),
            last: link,
            fix: None,
            events: Vec::new(),
        }
    }

    /// A policy by itself: nothing is known of workloads, and nothing is said of them.
    fn alone(row: &'a PolicyRow, head: String) -> Self {
        Self {
            head,
            row: None,
            policy: Some(row.policy.clone()),
            update: None,
            judgement: Cow::Borrowed(&row.judgement),
            last: Link::Push,
            fix: row.next.clone(),
            events: Vec::new(),
        }
    }

    /// The links that are told of.
    pub(super) fn checks(&self) -> impl Iterator<Item = &Check> {
        let checks = self.judgement.checks.iter();
        checks.filter(|check| check.link <= self.last)
    }

    /// The link that is broken, with its reason.
    pub(super) fn broken(&self) -> Option<(&Check, Reason)> {
        self.checks().find_map(|check| match check.verdict {
            CheckVerdict::Broken(reason) => Some((check, reason)),
            _ => None,
        })
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken().is_some()
    }

    /// Whether it cannot be told: of a policy by itself, whether its links hold.
    pub(super) fn is_unknown(&self) -> bool {
        match self.row {
            Some(row) => row.judgement.state == State::Unknown,
            None => self
                .checks()
                .any(|check| check.verdict == CheckVerdict::Unknown),
        }
    }

    /// Where the reason is explained.
    pub(super) fn docs(&self) -> Option<String> {
        let (_, reason) = self.broken()?;
        Some(format!("{DOCS}#{reason}"))
    }
}

/// What a policy chose, and what is committed for it.
fn told(row: &PolicyRow) -> String {
    let chosen = chosen(row.wanted.as_ref());
    match row.git.as_ref() {
        Some(git) => format!(
            "{chosen}, Git has {}",
            cells::committed(git, Digests::Short)
        ),
        None => chosen,
    }
}

fn running(row: &Row) -> String {
    let versions = row.running.iter().map(|running| match &running.tag {
        Some(tag) => tag.clone(),
        None => cells::version(None, running.digest.as_deref(), Digests::Short),
    });
    let versions: Vec<_> = versions.collect();
    match versions.is_empty() {
        true => "nothing runs".to_owned(),
        false => format!("running {}", versions.join(" and ")),
    }
}

fn wanted(policy: Option<&ObjectKey>, wanted: Option<&Wanted>) -> String {
    match policy {
        Some(policy) => format!("policy {policy} {}", chosen(wanted)),
        None => "no policy".to_owned(),
    }
}

fn chosen(wanted: Option<&Wanted>) -> String {
    match wanted {
        Some(wanted) => format!("wants {}", wanted.tag),
        None => "has not chosen".to_owned(),
    }
}

/// Draws all of it, with an empty line between two.
pub(super) fn render(chains: &[Chain<'_>], style: Style) -> String {
    let drawn = chains.iter().map(|chain| draw(chain, style));
    let text = drawn.collect::<Vec<_>>().join("\n");
    style.plain(text)
}

fn draw(chain: &Chain<'_>, style: Style) -> String {
    let mut text = format!("{}\n\n", printable(&chain.head));
    if chain.policy.is_none() && chain.row.is_some() {
        unmanaged(chain, style, &mut text);
    } else {
        for check in chain.checks() {
            if check.verdict != CheckVerdict::NotReached {
                line(check, style, &mut text);
            }
            if matches!(check.verdict, CheckVerdict::Broken(_)) {
                remedy(chain, style, &mut text);
            }
        }
    }
    let beyond = chain
        .checks()
        .filter(|check| check.verdict == CheckVerdict::NotReached);
    let beyond: Vec<_> = beyond.map(|check| check.link.as_str()).collect();
    if !beyond.is_empty() {
        let _ = writeln!(text, "- {}: not reached", beyond.join(", "));
    }
    if !chain.events.is_empty() {
        text += "\nevents\n";
        for event in &chain.events {
            let _ = writeln!(text, "  {}", printable(&event.to_string()));
        }
    }
    text
}

/// One link: its mark, its name, and what was found.
fn line(check: &Check, style: Style, text: &mut String) {
    let (mark, sign) = sign(check.verdict, style.markers);
    let reason = match check.verdict {
        CheckVerdict::Broken(reason) => format!("  [{reason}]"),
        _ => String::new(),
    };
    let head = format!("{} {:<12}", style.paint(mark, sign), check.link);
    let whole = format!("{}{reason}", check.text);
    push_wrapped(&head, &whole, style, text);
}

/// Writes a text behind a head, and its further lines below the first.
fn push_wrapped(head: &str, whole: &str, style: Style, text: &mut String) {
    let whole = printable(whole);
    let width = style
        .width
        .map_or(usize::MAX, |width| width.saturating_sub(INDENT));
    let lines = match whole.width() <= width {
        true => vec![whole.into_owned()],
        false => wrapped(&whole, width.max(20)),
    };
    for (index, line) in lines.iter().enumerate() {
        match index {
            0 => {
                let _ = writeln!(text, "{head}{line}");
            }
            _ => {
                let _ = writeln!(text, "{:INDENT$}{line}", "");
            }
        }
    }
}

/// What to do about the broken link: a command is there to be copied and is never broken.
fn remedy(chain: &Chain<'_>, style: Style, text: &mut String) {
    let Some((_, reason)) = chain.broken() else {
        return;
    };
    push_wrapped("    fix       ", fix::advice(reason), style, text);
    if let Some(command) = &chain.fix {
        let _ = writeln!(text, "{:INDENT$}{}", "", printable(command));
    }
    if let Some(docs) = chain.docs() {
        push_wrapped("    docs      ", &docs, style, text);
    }
}

/// A container that no policy is known for: its links would all say the same.
fn unmanaged(chain: &Chain<'_>, style: Style, text: &mut String) {
    let (mark, sign) = sign(CheckVerdict::Unknown, style.markers);
    let head = format!("{} {:<12}", style.paint(mark, sign), "policy");
    let care = chain.judgement.checks.first();
    let care = care.map_or(chain.judgement.message.as_str(), |check| &check.text);
    push_wrapped(&head, care, style, text);
    if let Some(command) = &chain.fix {
        let _ = writeln!(text, "    fix       {}", printable(command));
    }
    if let Some((check, _)) = chain.broken() {
        line(check, style, text);
    }
}

fn sign(verdict: CheckVerdict, markers: Markers) -> (Mark, &'static str) {
    match (verdict, markers) {
        (CheckVerdict::Holds, Markers::Flux) => (Mark::Good, "√"),
        (CheckVerdict::Holds, Markers::Ascii) => (Mark::Good, "+"),
        (CheckVerdict::UnderWay, Markers::Flux) => (Mark::Pending, "◌"),
        (CheckVerdict::UnderWay, Markers::Ascii) => (Mark::Pending, "o"),
        (CheckVerdict::Broken(_), Markers::Flux) => (Mark::Bad, "×"),
        (CheckVerdict::Broken(_), Markers::Ascii) => (Mark::Bad, "x"),
        (CheckVerdict::Unknown, _) => (Mark::Pending, "?"),
        (CheckVerdict::NotReached, _) => (Mark::Pending, "-"),
    }
}
