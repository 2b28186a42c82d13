//! Breaks text into lines that fit.

use unicode_width::UnicodeWidthStr as _;

use crate::table::shortened;

/// Breaks a text between words into lines of at most `width` columns; a word that is wider is cut.
///
/// There is always a line, if only an empty one.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(shortened(&line, width));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(shortened(&line, width));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_get_wider() {
        let text = "main@3f9c2ab, clusters/my-cluster/podinfo-deployment.yaml:18, pushed 5m ago";
        for width in 1..80 {
            let lines = wrapped(text, width);
            assert!(lines.iter().all(|line| line.width() <= width), "{width}");
        }
        assert_eq!(wrapped(text, 80), [text]);
        assert_eq!(
            wrapped("one two three", 8),
            ["one two".to_owned(), "three".to_owned()]
        );
        assert_eq!(wrapped("a-very-long-word", 6), ["a-ver…"]);
        assert_eq!(wrapped("", 6), [""]);
    }
}
