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
pub(crate) const MICROSECONDS: Unit = Unit {
    name: "µs",
    size: 1e-6,
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
pub(crate) const PERCENT: Unit = Unit {
    name: "%",
    size: 0.01,
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
    let extremes = match figures[..] {
        [least, .., most] => Some([least, most]),
        _ => None,
    };
    row(what, figures[figures.len() / 2], extremes, unit, budget);
}

/// Prints a figure in base units beside the bounds it lies between with some confidence; the budget is in `unit`.
pub(crate) fn interval(what: &str, figure: f64, bounds: [f64; 2], unit: Unit, budget: Budget) {
    row(what, figure, Some(bounds), unit, budget);
}

fn row(what: &str, median: f64, spread: Option<[f64; 2]>, unit: Unit, budget: Budget) {
    let shown = |figure: f64| {
        let figure = figure / unit.size;
        let decimals = match figure.abs() {
            100.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        format!("{figure:.decimals$}")
    };
    let spread = spread.map(|spread| spread.map(shown).join(" … "));
    let spread = spread.unwrap_or_default();
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
