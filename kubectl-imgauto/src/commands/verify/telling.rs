//! What is said of each container while it is verified, on standard error.

use std::collections::BTreeMap;

use super::question::Answer;
use super::verdict::{Verdict, hint};
use crate::commands::status::cells;
use crate::commands::status::style::Mark;
use crate::observe::{Role, Workload};
use crate::session::{Markers, Session, printable};

/// Says each thing once.
#[derive(Debug)]
pub(super) struct Teller {
    markers: Markers,
    told: BTreeMap<(Workload, Role, String), String>,
}

impl Teller {
    pub(super) fn new(session: &Session<'_>) -> Self {
        Self {
            markers: Markers::of(session.globals),
            told: BTreeMap::new(),
        }
    }

    /// Says what changed, while there is hope that it changes again.
    pub(super) fn tell(&mut self, answers: &[Answer<'_>], session: &mut Session<'_>) {
        for answer in answers {
            match &answer.verdict {
                Verdict::Equal => self.equal(answer, session),
                Verdict::Different { text, .. } | Verdict::Unknown { text, .. } => {
                    let row = answer.row;
                    // Hints hold ages, which are no news.
                    let judgement = &row.judgement;
                    let news = format!("{text} {:?} {:?}", judgement.state, judgement.reason);
                    if self.is_news(answer, news) {
                        let hint = hint(row).map(|hint| format!(" ({hint})"));
                        let hint = hint.unwrap_or_default();
                        session.waiting(&format!("{}: {text}{hint}", place(answer)));
                    }
                }
            }
        }
    }

    /// Says how each container stands in the end.
    pub(super) fn conclude(&mut self, answers: &[Answer<'_>], session: &mut Session<'_>) {
        for answer in answers {
            match &answer.verdict {
                Verdict::Equal => self.equal(answer, session),
                Verdict::Different { text, .. } => {
                    let text = format!("{}: {text}{}", place(answer), because(answer));
                    self.bad(&text, session);
                }
                Verdict::Unknown { text, .. } => {
                    let text = format!("{}: cannot tell: {text}", place(answer));
                    self.bad(&text, session);
                }
            }
        }
    }

    fn equal(&mut self, answer: &Answer<'_>, session: &mut Session<'_>) {
        let text = format!("{}: {}", place(answer), answer.row.image);
        if self.is_news(answer, text.clone()) {
            session.done(&text);
        }
    }

    fn bad(&self, text: &str, session: &mut Session<'_>) {
        let text = format!("{} {text}\n", Mark::Bad.sign(self.markers));
        // Nobody is left to be told when standard error is gone.
        let _ = session.stderr.write_all(printable(&text).as_bytes());
    }

    fn is_news(&mut self, answer: &Answer<'_>, news: String) -> bool {
        let row = answer.row;
        let key = (row.workload.clone(), row.role, row.container.clone());
        match self.told.get_mut(&key) {
            Some(told) if *told == news => false,
            Some(told) => {
                *told = news;
                true
            }
            None => self.told.insert(key, news).is_none(),
        }
    }
}

/// `default/deployment/podinfo podinfod`.
pub(super) fn place(answer: &Answer<'_>) -> String {
    let row = answer.row;
    let workload = cells::long_place(&row.workload);
    match answer.expected {
        Some(_) => format!("{workload} {}", row.container),
        // It is about the workload as a whole where none of its containers is meant.
        None if row.policy.is_none() => workload,
        None => format!("{workload} {}", row.container),
    }
}

/// The reason in brackets, or else what the state says.
pub(super) fn because(answer: &Answer<'_>) -> String {
    match answer.row.judgement.reason {
        Some(reason) => format!(" [{reason}]"),
        None => hint(answer.row).map_or(String::new(), |hint| format!(" ({hint})")),
    }
}
