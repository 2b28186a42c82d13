//! The table of results, as Markdown that reads well in a terminal.

use std::time::Duration;

/// What a figure must not be above, or below.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    Unset,
    AtMost(f64),
    AtLeast(f64),
}

/// A unit of figures, with the power of ten or two that turns base units into it.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    name: &'static str,
    size: f64,
}

pub(crate) const MILLISECONDS: Unit = Unit {
    name: "ms",
    size: 1e-3,
};
pub(crate) const MEGABYTES: Unit = Unit {
    name: "MB",
    size: 1e6,
};
pub(crate) const MEBIBYTES: Unit = Unit {
    name: "MiB",
    size: 1_048_576.0,
};
pub(crate) const GIGABYTES_PER_SECOND: Unit = Unit {
    name: "GB/s",
    size: 1e9,
};

pub(crate) const PER_SECOND: Unit = Unit {
    name: "/s",
    size: 1.0,
};
/// A number of things, or how many there are of one thing for each of another.
pub(crate) const COUNT: Unit = Unit {
    name: "",
    size: 1.0,
};

/// Prints the head of the table.
pub(crate) fn begin() {
    line(["what", "median", "min … max", "budget", "ratio"]);
    line(["---", "---:", "---:", "---:", "---:"]);
}

/// Measures `round` several times; the budget is in milliseconds.
pub(crate) fn times(
    what: &str,
    rounds: usize,
    budget: Budget,
    mut round: impl FnMut() -> Duration,
) {
    let times = (0..rounds).map(|_| round().as_secs_f64()).collect();
    figures(what, times, MILLISECONDS, budget);
}

/// Prints the median of figures in base units beside their extremes; the budget is in `unit`.
///
/// The ratio is that of figure and budget, turned around for a least one: below 1, the budget is kept.
pub(crate) fn figures(what: &str, mut figures: Vec<f64>, unit: Unit, budget: Budget) {
    figures.sort_by(f64::total_cmp);
    let shown = |figure: f64| {
        let figure = figure / unit.size;
        let decimals = match figure {
            100.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        format!("{figure:.decimals$}")
    };
    let median = figures[figures.len() / 2];
    let (least, most) = (figures[0], figures[figures.len() - 1]);
    let spread = match figures.len() {
        1 => String::new(),
        _ => format!("{} … {}", shown(least), shown(most)),
    };
    let (budget, ratio) = match budget {
        Budget::Unset => (String::new(), String::new()),
        Budget::AtMost(most) => (
            format!("≤ {most} {}", unit.name),
            format!("{:.2}", median / unit.size / most),
        ),
        Budget::AtLeast(least) => (
            format!("≥ {least} {}", unit.name),
            format!("{:.2}", least * unit.size / median),
        ),
    };
    let median = format!("{} {}", shown(median), unit.name);
    line([what, median.trim(), &spread, budget.trim(), &ratio]);
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn line([what, median, spread, budget, ratio]: [&str; 5]) {
    println!("| {what:<76} | {median:>9} | {spread:>15} | {budget:>9} | {ratio:>5} |");
}
