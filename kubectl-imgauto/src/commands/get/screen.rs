//! A picture on a terminal that is drawn again and again.

use crate::table::shortened;

/// What is on the terminal.
#[derive(Debug, Default)]
pub(in crate::commands) struct Screen {
    /// How many lines were drawn last.
    lines: usize,
}

impl Screen {
    /// Returns what replaces the last picture by the next one, on a terminal of so many lines.
    ///
    /// Only what is on the terminal can be replaced, so that a long picture is cut.
    pub(in crate::commands) fn draw(&mut self, text: &str, columns: usize, rows: usize) -> String {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let most = rows.saturating_sub(1).max(2);
        if lines.len() > most {
            let hidden = lines.len() - (most - 1);
            lines.truncate(most - 1);
            lines.push(shortened(&format!("… {hidden} more"), columns));
        }
        let up = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        self.lines = lines.len();
        let lines: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        format!("{up}{lines}\x1b[J")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_replaces_the_one_before() {
        let mut screen = Screen::default();
        assert_eq!(screen.draw("a\nb\n", 80, 24), "a\x1b[K\nb\x1b[K\n\x1b[J");
        assert_eq!(screen.draw("c\n", 80, 24), "\x1b[2Ac\x1b[K\n\x1b[J");
        assert_eq!(screen.draw("d\n", 80, 24), "\x1b[1Ad\x1b[K\n\x1b[J");
    }

    #[test]
    fn a_long_picture_is_cut() {
        let mut screen = Screen::default();
        let text: String = (0..30).map(|line| format!("{line}\n")).collect();
        let drawn = screen.draw(&text, 80, 10);
        assert_eq!(drawn.lines().count(), 10);
        assert!(drawn.contains("7\x1b[K\n… 22 more\x1b[K\n"), "{drawn:?}");
    }
}
