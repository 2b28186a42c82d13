//! Tables: byte for byte as flux lays them out, or fitted to a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

/// Rows of cells below a row of headings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// The headings, in capitals.
    pub(crate) headings: Vec<String>,
    /// The rows, each with a cell for each heading.
    pub(crate) rows: Vec<Vec<String>>,
}

/// Whether the headings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Headings {
    /// They are.
    Shown,
    /// They are not.
    Hidden,
}

impl Table {
    /// Begins a table.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            headings: headings.iter().map(|&heading| heading.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Lays it out as flux does: cells are filled up, and each is followed by a tab; of the headings the last one
    /// is followed by a blank instead. A cell with several lines makes its row as high.
    pub(crate) fn as_flux(&self, headings: Headings) -> String {
        let widths = self.widths(headings);
        let mut text = String::new();
        if headings == Headings::Shown {
            let cells = filled(&self.headings, &widths);
            text += &cells.join("\t");
            text += " \n";
        }
        for line in self.rows.iter().flat_map(|row| lines_of(row)) {
            for cell in filled(&line, &widths) {
                text += &cell;
                text.push('\t');
            }
            text.push('\n');
        }
        text
    }

    /// The same, with a blank for each end of a line within a cell: people read rows, and terminals have few lines.
    pub(crate) fn on_one_line_each(&self) -> Self {
        let joined = |cell: &String| cell.split_whitespace().collect::<Vec<_>>().join(" ");
        let rows = self.rows.iter();
        Self {
            headings: self.headings.clone(),
            rows: rows.map(|row| row.iter().map(joined).collect()).collect(),
        }
    }

    /// Lays it out with two blanks between columns and none at the end of a line.
    pub(crate) fn aligned(&self, headings: Headings) -> String {
        let widths = self.widths(headings);
        let head = (headings == Headings::Shown).then_some(&self.headings);
        let lines = head.into_iter().chain(&self.rows);
        lines
            .map(|line| format!("{}\n", filled(line, &widths).join("  ").trim_end()))
            .collect()
    }

    /// The same, in no more than `width` columns: the widest of the columns in `elastic` give way, those named first
    /// before the others.
    pub(crate) fn fitted(&self, headings: Headings, width: usize, elastic: &[usize]) -> String {
        let mut widths = self.widths(headings);
        let mut excess = (widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1))
            .saturating_sub(width);
        for &column in elastic {
            let Some(own) = widths.get_mut(column) else {
                continue;
            };
            let heading = self
                .headings
                .get(column)
                .map_or(0, |heading| heading.width());
            let least = heading.max(SHORTEST).min(*own);
            let given = excess.min(*own - least);
            *own -= given;
            excess -= given;
        }
        let shorten = |line: &Vec<String>| {
            let cells = line.iter().zip(&widths).zip(&self.headings);
            let shorter = cells.map(|((cell, width), heading)| match heading.as_str() {
                IMAGE => shortened_image(cell, *width),
                _ => shortened(cell, *width),
            });
            shorter.collect()
        };
        let fitted = Self {
            headings: shorten(&self.headings),
            rows: self.rows.iter().map(shorten).collect(),
        };
        let text = fitted.aligned(headings);
        text.lines()
            .map(|line| shortened(line, width) + "\n")
            .collect()
    }

    fn widths(&self, headings: Headings) -> Vec<usize> {
        let mut widths = vec![0; self.headings.len()];
        let head = (headings == Headings::Shown).then_some(&self.headings);
        for line in head.into_iter().chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(line) {
                let widest = cell.split('\n').map(UnicodeWidthStr::width).max();
                *width = widest.unwrap_or(0).max(*width);
            }
        }
        widths
    }
}

/// The heading of columns that hold references of images.
const IMAGE: &str = "IMAGE";

/// What a shortened column keeps at least.
const SHORTEST: usize = 8;

/// The lines of a row. Below a cell that has fewer lines than others flux puts two blanks.
fn lines_of(row: &[String]) -> Vec<Vec<String>> {
    let cells: Vec<Vec<&str>> = row.iter().map(|cell| cell.split('\n').collect()).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        let parts = cells
            .iter()
            .map(|lines| lines.get(at).copied().unwrap_or("  "));
        parts.map(str::to_owned).collect()
    };
    (0..height).map(line).collect()
}

fn filled(cells: &[String], widths: &[usize]) -> Vec<String> {
    let cells = cells.iter().zip(widths);
    cells
        .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))))
        .collect()
}

/// Cuts a text to a number of columns, with an ellipsis for what is left out.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(letter);
    }
    kept.push('…');
    kept
}

/// Cuts a reference of an image to a number of columns: first the digest, which nobody reads, then the middle, since the
/// host stands in front and name and tag at the end.
fn shortened_image(image: &str, width: usize) -> String {
    if image.width() <= width {
        return image.to_owned();
    }
    let without_digest = image.split_once('@').map_or(image, |(name, _)| name);
    if without_digest.width() <= width {
        return without_digest.to_owned();
    }
    let letters: Vec<_> = without_digest.chars().collect();
    let kept = width.saturating_sub(1);
    let front = kept / 3;
    let start = letters.len().saturating_sub(kept - front);
    let (front, end) = (&letters[..front], &letters[start..]);
    front.iter().chain(&['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "READY", "MESSAGE"]);
        let cell = |text: &str| text.to_owned();
        table.rows.push(vec![
            cell("podinfo"),
            cell("True"),
            cell("a message that is rather long"),
        ]);
        table.rows.push(vec![cell("é😀"), cell("False"), cell("")]);
        table
    }

    #[test]
    fn the_layout_is_that_of_flux() {
        assert_eq!(
            table().as_flux(Headings::Shown),
            "NAME   \tREADY\tMESSAGE                       \npodinfo\tTrue \ta message that is rather long\t\né😀    \tFalse\t                             \t\n"
        );
        assert_eq!(
            table().as_flux(Headings::Hidden).lines().next(),
            Some("podinfo\tTrue \ta message that is rather long\t")
        );
    }

    #[test]
    fn a_cell_with_several_lines_makes_its_row_as_high() {
        let mut table = Table::new(&["A", "MESSAGE"]);
        table
            .rows
            .push(vec!["x".to_owned(), "one\ntwo, longer\n".to_owned()]);
        assert_eq!(
            table.as_flux(Headings::Shown),
            "A\tMESSAGE     \nx\tone        \t\n  \ttwo, longer\t\n  \t           \t\n"
        );
        assert_eq!(
            table.on_one_line_each().aligned(Headings::Shown),
            "A  MESSAGE\nx  one two, longer\n"
        );
    }

    #[test]
    fn a_fitted_table_is_never_wider_than_its_terminal() {
        for width in 5..60 {
            let text = table().fitted(Headings::Shown, width, &[2, 0]);
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
        let text = table().fitted(Headings::Shown, 30, &[2, 0]);
        assert_eq!(
            text,
            "NAME     READY  MESSAGE\npodinfo  True   a message tha…\né😀      False\n"
        );
    }

    #[test]
    fn an_image_keeps_its_name_and_tag() {
        let image = "ghcr.io/acme/shop/frontend:1.2.3@sha256:0123456789abcdef";
        let rows = [
            (60, image),
            (40, "ghcr.io/acme/shop/frontend:1.2.3"),
            (20, "ghcr.i…rontend:1.2.3"),
            (1, "…"),
        ];
        for (width, want) in rows {
            assert_eq!(shortened_image(image, width), want);
        }
        let mut table = Table::new(&["IMAGE", "READY"]);
        table.rows.push(vec![image.to_owned(), "True".to_owned()]);
        assert_eq!(
            table.fitted(Headings::Hidden, 26, &[0]),
            "ghcr.i…rontend:1.2.3  True\n"
        );
    }

    #[test]
    fn nothing_is_cut_where_there_is_room() {
        assert_eq!(
            table().fitted(Headings::Shown, 80, &[2]),
            table().aligned(Headings::Shown)
        );
    }
}
