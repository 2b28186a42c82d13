//! A picture on a terminal that is drawn over itself.
//!
//! The cursor stays below the picture and is never hidden, so that nothing has to be put right however the program ends.

use unicode_width::UnicodeWidthStr as _;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Size {
    /// How many columns it has.
    pub(in crate::commands) columns: usize,
    /// How many lines it has.
    pub(in crate::commands) lines: usize,
}

/// What is on the terminal.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Screen {
    /// The lines of the last picture.
    shown: Vec<String>,
}

impl Screen {
    /// Returns what has to be written so that the terminal shows a picture in place of the last one; nothing if it is
    /// the same.
    ///
    /// A picture that is too high is cut: a terminal scrolls, and what has left it cannot be drawn over.
    pub(in crate::commands) fn draw(&mut self, picture: &str, size: Size) -> String {
        let lines = cut(picture, size);
        if lines == self.shown {
            return String::new();
        }
        let mut text = String::new();
        let height = self.height(size.columns).min(size.lines.saturating_sub(1));
        if height > 0 {
            text += &format!("\u{1b}[{height}A\r");
        }
        for line in &lines {
            text += line;
            text += "\u{1b}[K\n";
        }
        text += "\u{1b}[J";
        self.shown = lines;
        text
    }

    /// How many lines the last picture takes on a terminal that may have been made narrower since.
    fn height(&self, columns: usize) -> usize {
        let columns = columns.max(1);
        let high = |line: &String| visible_width(line).div_ceil(columns).max(1);
        self.shown.iter().map(high).sum()
    }
}

fn cut(picture: &str, size: Size) -> Vec<String> {
    // The cursor needs the last line.
    let room = size.lines.saturating_sub(1).max(1);
    let mut lines: Vec<_> = picture.lines().map(str::to_owned).collect();
    if lines.len() > room {
        let gone = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(format!("({gone} more lines)"));
    }
    lines
}

/// The columns a line takes, without what only sets colours.
fn visible_width(line: &str) -> usize {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().width();
    let rest = parts.map(|part| match part.split_once('m') {
        Some((_, text)) => text.width(),
        None => part.width(),
    });
    first + rest.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        columns: 20,
        lines: 5,
    };

    #[test]
    fn a_picture_is_drawn_over_the_one_before() {
        let mut screen = Screen::default();
        assert_eq!(
            screen.draw("one\ntwo\n", SIZE),
            "one\u{1b}[K\ntwo\u{1b}[K\n\u{1b}[J"
        );
        assert_eq!(screen.draw("one\ntwo\n", SIZE), "");
        assert_eq!(
            screen.draw("three\n", SIZE),
            "\u{1b}[2A\rthree\u{1b}[K\n\u{1b}[J"
        );
        assert_eq!(
            screen.draw("four\n", SIZE),
            "\u{1b}[1A\rfour\u{1b}[K\n\u{1b}[J"
        );
    }

    #[test]
    fn a_picture_never_scrolls() {
        let mut screen = Screen::default();
        let drawn = screen.draw("1\n2\n3\n4\n5\n6\n", SIZE);
        assert_eq!(drawn.matches('\n').count(), 4);
        assert!(drawn.contains("(3 more lines)"), "{drawn:?}");
        assert!(screen.draw("1\n", SIZE).starts_with("\u{1b}[4A"));
    }

    #[test]
    fn lines_that_a_narrower_terminal_broke_are_counted() {
        let mut screen = Screen::default();
        screen.draw("\u{1b}[32mgreen\u{1b}[0m and twenty columns\nshort\n", SIZE);
        let narrow = Size {
            columns: 10,
            lines: 50,
        };
        assert!(screen.draw("x\n", narrow).starts_with("\u{1b}[4A\r"));
    }
}
