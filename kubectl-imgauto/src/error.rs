//! Errors as users see them: what happened, where, and what to do next.

use crate::session::Markers;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Yes, or done.
    Done,
    /// No, or the action failed.
    No,
    /// The command line is wrong, or a yes/no question could not be answered.
    Usage,
    /// What was waited for did not come in time.
    TimedOut,
    /// The user stopped it.
    Interrupted,
}

impl ExitStatus {
    /// Returns the exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do what was asked.
///
/// Printed on standard error as
///
/// ```text
/// ✗ what happened
///     where: lines of input, a mark below them
///   next: what to type
/// ```
#[derive(Debug)]
pub(crate) struct CliError {
    problems: Vec<Problem>,
    next: Vec<String>,
    status: ExitStatus,
}

/// One thing that is wrong.
#[derive(Debug)]
struct Problem {
    message: String,
    place: Vec<String>,
}

impl CliError {
    /// The command line is wrong, or a question could not be answered: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message.into())
    }

    /// What was asked for failed: exit code 1.
    pub(crate) fn failure(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::No, message.into())
    }

    /// What was waited for did not come in time: exit code 124.
    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::TimedOut, message.into())
    }

    /// The user stopped it: exit code 130, and nothing is said of what everybody can see.
    pub(crate) fn interrupted() -> Self {
        Self {
            problems: Vec::new(),
            next: Vec::new(),
            status: ExitStatus::Interrupted,
        }
    }

    fn new(status: ExitStatus, message: String) -> Self {
        Self {
            problems: vec![Problem {
                message,
                place: Vec::new(),
            }],
            next: Vec::new(),
            status,
        }
    }

    /// Says that a yes/no question could not be answered, whatever the reason: exit code 2.
    pub(crate) fn undecided(mut self) -> Self {
        self.status = ExitStatus::Usage;
        self
    }

    /// Adds lines that show the place, below the last message.
    pub(crate) fn at(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        if let Some(problem) = self.problems.last_mut() {
            problem.place.extend(lines);
        }
        self
    }

    /// Adds something the user can do.
    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next.push(step.into());
        self
    }

    /// Adds something the user can do, unless there is something already.
    pub(crate) fn or_next(self, step: impl Into<String>) -> Self {
        if self.next.is_empty() {
            self.next(step)
        } else {
            self
        }
    }

    /// Joins errors found side by side into one, which ends with the first one's exit code.
    pub(crate) fn all(errors: Vec<Self>) -> Result<(), Self> {
        let joined = errors.into_iter().reduce(|mut first, mut other| {
            first.problems.append(&mut other.problems);
            for step in other.next {
                if !first.next.contains(&step) {
                    first.next.push(step);
                }
            }
            first
        });
        joined.map_or(Ok(()), Err)
    }

    /// Returns how the program ends.
    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    /// Returns what happened first, without a mark and without advice.
    pub(crate) fn headline(&self) -> &str {
        self.problems
            .first()
            .map_or("", |problem| problem.message.as_str())
    }

    /// Returns what happened and where, without marks.
    pub(crate) fn lines(&self) -> Vec<String> {
        let problems = self.problems.iter().flat_map(|problem| {
            let place = problem.place.iter().cloned();
            std::iter::once(problem.message.clone()).chain(place)
        });
        problems.collect()
    }

    /// Returns what the user can do.
    pub(crate) fn steps(&self) -> &[String] {
        &self.next
    }

    /// Returns the lines for standard error.
    pub(crate) fn render(&self, markers: Markers) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            text += &format!("{} {}\n", markers.failed(), problem.message);
            for line in &problem.place {
                text += &format!("    {line}\n");
            }
        }
        for (index, step) in self.next.iter().enumerate() {
            let label = if index == 0 { "next:" } else { "  or:" };
            text += &format!("  {label} {step}\n");
        }
        text
    }
}
