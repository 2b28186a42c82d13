//! One workload with all that is known of its containers, as a tree.

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr as _;

use super::cells::{self, Digests, NOTHING, elapsed};
use super::style::{Mark, Style};
use super::wrap::wrapped;
use crate::observe::{Applied, Certainty, Committed, Row, Running, Wanted};
use crate::session::Markers;
use crate::table::shortened;

/// Where the state stands in the first line, if there is room.
const STATE_COLUMN: usize = 56;

/// Draws the tree of a workload, whose containers these are.
pub(crate) fn render(rows: &[&Row], now: Timestamp, style: Style) -> String {
    let Some(worst) = rows
        .iter()
        .min_by_key(|row| cells::severity(row.judgement.state))
    else {
        return String::new();
    };
    let tree = Tree {
        now,
        style,
        glyphs: Glyphs::of(style.markers),
        digests: match style.width {
            Some(_) => Digests::Short,
            None => Digests::Whole,
        },
    };
    let mut text = tree.head(worst, rows);
    for (index, row) in rows.iter().enumerate() {
        text += &tree.container(row, rows.len(), Branch::of(index, rows.len()));
    }
    let mut steps: Vec<_> = rows.iter().filter_map(|row| row.next.as_deref()).collect();
    steps.dedup();
    for (index, step) in steps.iter().enumerate() {
        let label = if index == 0 { "\nnext:" } else { "  or:" };
        let step = cells::plain(step);
        text += &format!("{label} {step}\n");
    }
    style.plain(text)
}

/// Where a branch of the tree ends.
#[derive(Clone, Copy)]
enum Branch {
    /// Others follow.
    Inner,
    /// It is the last one.
    Last,
}

impl Branch {
    fn of(index: usize, count: usize) -> Self {
        if index + 1 == count {
            Self::Last
        } else {
            Self::Inner
        }
    }
}

/// What the lines of the tree are made of.
struct Glyphs {
    inner: &'static str,
    last: &'static str,
    trunk: &'static str,
    dot: &'static str,
}

impl Glyphs {
    fn of(markers: Markers) -> Self {
        match markers {
            Markers::Flux => Self {
                inner: "├─ ",
                last: "└─ ",
                trunk: "│  ",
                dot: "·",
            },
            Markers::Ascii => Self {
                inner: "|- ",
                last: "`- ",
                trunk: "|  ",
                dot: "-",
            },
        }
    }

    /// What stands in front of a branch, and in front of what hangs below it.
    fn of_branch(&self, branch: Branch) -> (&'static str, &'static str) {
        match branch {
            Branch::Inner => (self.inner, self.trunk),
            Branch::Last => (self.last, "   "),
        }
    }
}

/// What is said of one stretch of the way.
struct Leaf {
    label: &'static str,
    value: String,
    detail: String,
}

struct Tree {
    now: Timestamp,
    style: Style,
    glyphs: Glyphs,
    digests: Digests,
}

impl Tree {
    /// The workload, its worst state and what it is about.
    fn head(&self, worst: &Row, rows: &[&Row]) -> String {
        let workload = &worst.workload;
        let name = format!(
            "{} {} {}",
            cells::short_name(workload),
            self.glyphs.dot,
            workload.namespace
        );
        let state = self.style.state(worst.judgement.state);
        let tag = match rows {
            [row] if row.wanted.is_some() => format!("   {}", cells::wanted(row)),
            _ => String::new(),
        };
        let ending = 3 + state.width() + tag.width();
        let name = match self.style.width {
            Some(width) => shortened(&name, width.saturating_sub(ending)),
            None => name,
        };
        let gap = STATE_COLUMN.saturating_sub(name.width());
        let total = name.width() + gap + ending;
        let gap = match self.style.width {
            Some(width) if total > width => 0,
            _ => gap,
        };
        let state = self.style.paint(Mark::of(worst.judgement.state), &state);
        format!("{name}{}   {state}{tag}\n", " ".repeat(gap))
    }

    fn container(&self, row: &Row, containers: usize, branch: Branch) -> String {
        let (own, below) = self.glyphs.of_branch(branch);
        let mut text = format!("{own}{}\n", cells::plain(&cells::container(row)));
        let mut leaves = Vec::new();
        if containers > 1 || Mark::of(row.judgement.state) != Mark::Good {
            leaves.push(self.state(row));
        }
        if row.policy.is_some() {
            leaves.push(self.wanted(row));
        }
        if let Some(git) = &row.git {
            leaves.push(self.git(git));
        } else if row.policy.is_some() {
            leaves.push(Leaf {
                label: "git",
                value: "?".to_owned(),
                detail: "neither an inventory nor an automation tells".to_owned(),
            });
        }
        leaves.push(applied(row, row.applied.as_ref()));
        leaves.extend(row.running.iter().map(|running| self.running(running)));
        if row.running.is_empty() {
            leaves.push(Leaf {
                label: "running",
                value: NOTHING.to_owned(),
                detail: "no pod".to_owned(),
            });
        }
        let values = leaves.iter().map(|leaf| leaf.value.width()).max();
        for (index, leaf) in leaves.iter().enumerate() {
            let branch = Branch::of(index, leaves.len());
            text += &self.leaf(leaf, below, branch, values.unwrap_or(0));
        }
        text
    }

    /// One leaf; what does not fit goes on below itself.
    fn leaf(&self, leaf: &Leaf, trunk: &str, branch: Branch, values: usize) -> String {
        let (own, below) = self.glyphs.of_branch(branch);
        let value = cells::plain(&leaf.value);
        let label = format!("{trunk}{own}{:<7}  ", leaf.label);
        let values = if value.is_empty() { 0 } else { values + 3 };
        let gap = values.saturating_sub(value.width());
        let first = format!("{label}{value}{}", " ".repeat(gap));
        let indent = first.width() - trunk.width() - own.width();
        let rest = format!("{trunk}{below}{}", " ".repeat(indent));
        let room = self.style.width.unwrap_or(usize::MAX);
        let lines = wrapped(
            &cells::plain(&leaf.detail),
            room.saturating_sub(first.width()),
        );
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            let start = if index == 0 { &first } else { &rest };
            text += format!("{start}{line}").trim_end();
            text.push('\n');
        }
        text
    }

    fn state(&self, row: &Row) -> Leaf {
        let state = self.style.state(row.judgement.state);
        let detail = match cells::explanation(row) {
            nothing if nothing.is_empty() => state,
            text => format!("{state}, {text}"),
        };
        Leaf {
            label: "state",
            value: String::new(),
            detail,
        }
    }

    fn wanted(&self, row: &Row) -> Leaf {
        let detail = match (&row.policy, &row.wanted) {
            (_, None) | (None, _) => format!("policy {} has not chosen yet", cells::policy(row)),
            (Some(tie), Some(wanted)) => {
                let guess = match tie.certainty {
                    Certainty::Stated => "",
                    Certainty::Guessed => " (guessed by the name of the image)",
                };
                self.choice(&format!("policy {}{guess}", tie.policy), wanted)
            }
        };
        Leaf {
            label: "wanted",
            value: cells::wanted(row),
            detail,
        }
    }

    fn choice(&self, policy: &str, wanted: &Wanted) -> String {
        let mut parts = vec![policy.to_owned()];
        if !wanted.rule.is_empty() {
            parts.push(wanted.rule.clone());
        }
        if let Some(scan) = &wanted.scan {
            let tags = if scan.tags == 1 { "tag" } else { "tags" };
            parts.push(match scan.at {
                Some(at) => format!("{} {tags} scanned {} ago", scan.tags, self.age(at)),
                None => format!("{} {tags}", scan.tags),
            });
        }
        if let Some(digest) = &wanted.digest {
            parts.push(cells::short_digest(digest, self.digests));
        }
        if let Some(since) = wanted.since {
            parts.push(format!("chosen {} ago", self.age(since)));
        }
        let was = wanted.previous.as_ref();
        let was = was.map(|tag| format!(" (was {tag})")).unwrap_or_default();
        parts.join(", ") + &was
    }

    fn git(&self, git: &Committed) -> Leaf {
        let mut parts = Vec::new();
        parts.extend(cells::revision(git));
        parts.extend(cells::place(git));
        let by = git.automation.as_ref();
        let by = by.map(|automation| format!("update {automation}"));
        parts.extend(match (git.pushed_at, by) {
            (Some(at), Some(by)) => Some(format!("pushed {} ago by {by}", self.age(at))),
            (Some(at), None) => Some(format!("pushed {} ago", self.age(at))),
            (None, by) => by,
        });
        Leaf {
            label: "git",
            value: cells::committed(git, self.digests),
            detail: parts.join(", "),
        }
    }

    fn running(&self, running: &Running) -> Leaf {
        let mut parts = vec![format!("{}/{} ready", running.ready, running.pods)];
        parts.extend(running.owner.clone());
        if let (Some(_), Some(digest)) = (&running.tag, &running.digest) {
            parts.push(cells::short_digest(digest, self.digests));
        }
        let (tag, digest) = (running.tag.as_deref(), running.digest.as_deref());
        Leaf {
            label: "running",
            value: cells::version(tag, digest, self.digests),
            detail: parts.join(", "),
        }
    }

    fn age(&self, since: Timestamp) -> String {
        elapsed(since, self.now)
    }
}

/// What the spec of the workload says, and who wrote it.
fn applied(row: &Row, applied: Option<&Applied>) -> Leaf {
    let detail = match applied {
        Some(Applied {
            by,
            revision: Some(revision),
        }) => format!("{by} at {revision}"),
        Some(Applied { by, revision: None }) => by.clone(),
        None => row.image.clone(),
    };
    Leaf {
        label: "applied",
        value: cells::spec_version(&row.image),
        detail,
    }
}
