//! What an inventory holds at most.

use serde::Serialize;

use super::{Inventory, InventoryEntry, InventoryProblem, InventorySource, Truncated};

/// The most entries of one inventory.
pub const MAX_ENTRIES: usize = 5_000;
/// The most problems of one inventory.
pub const MAX_PROBLEMS: usize = 500;
/// The most unclaimed markers of one inventory.
pub const MAX_UNCLAIMED: usize = 100;
/// The longest text of a problem's reason or an entry's value, in bytes; longer ones end in `...`.
pub const MAX_TEXT: usize = 1_024;
/// The bytes that entries and problems take at most, as JSON. What is left of 1 MiB, more than a tenth,
/// is for the rest of the object.
pub const BUDGET: usize = 900 * 1024;
/// The part of the budget that problems may take from entries.
const PROBLEM_BUDGET: usize = 200 * 1024;
/// The part of the budget that unclaimed markers may take from entries.
const UNCLAIMED_BUDGET: usize = 100 * 1024;

impl Inventory {
    /// Returns the report on `source`, sorted and cut so that the object stays below 1 MiB.
    ///
    /// The lists come in any order. At most [`MAX_ENTRIES`], [`MAX_PROBLEMS`] and [`MAX_UNCLAIMED`] are kept, fewer
    /// if they take more than [`BUDGET`]: the first in the order of files and lines. The counts are of all.
    pub fn new(
        source: InventorySource,
        mut entries: Vec<InventoryEntry>,
        mut problems: Vec<InventoryProblem>,
        mut unclaimed: Vec<InventoryProblem>,
    ) -> Self {
        let (entry_count, problem_count) = (entries.len(), problems.len());
        let unclaimed_count = unclaimed.len();
        entries.sort_unstable();
        problems.sort_unstable();
        unclaimed.sort_unstable();
        for entry in &mut entries {
            shorten(&mut entry.value);
        }
        for problem in problems.iter_mut().chain(&mut unclaimed) {
            shorten(&mut problem.reason);
            if let Some(setter) = &mut problem.setter {
                shorten(setter);
            }
        }
        let mut spent = cut(&mut problems, MAX_PROBLEMS, PROBLEM_BUDGET);
        spent += cut(&mut unclaimed, MAX_UNCLAIMED, UNCLAIMED_BUDGET);
        cut(&mut entries, MAX_ENTRIES, BUDGET - spent);
        let left_out = Truncated {
            entries: count(entry_count - entries.len()),
            problems: count(problem_count - problems.len()),
            unclaimed: count(unclaimed_count - unclaimed.len()),
        };
        Self {
            source,
            entries,
            problems,
            unclaimed,
            entry_count: count(entry_count),
            problem_count: count(problem_count),
            truncated: (left_out != Truncated::default()).then_some(left_out),
        }
    }
}

/// Cuts a list to `most` items of `budget` bytes of JSON; returns the bytes of what is left.
fn cut<T: Serialize>(items: &mut Vec<T>, most: usize, budget: usize) -> usize {
    items.truncate(most);
    let mut spent = 0;
    let fits = items.iter().position(|item| {
        let size = size(item);
        let full = spent + size > budget;
        if !full {
            spent += size;
        }
        full
    });
    if let Some(fits) = fits {
        items.truncate(fits);
    }
    spent
}

/// The bytes of an item of a list, with the comma behind it.
fn size(item: &impl Serialize) -> usize {
    let text = serde_json::to_string(item).expect("an item holds texts and numbers only");
    text.len() + 1
}

/// Cuts a text between two characters.
fn shorten(text: &mut String) {
    const END: &str = "...";
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT - END.len()));
        text.push_str(END);
    }
}

fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
