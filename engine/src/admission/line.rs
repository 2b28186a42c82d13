//! A line of a bounded length that says all it has to say: when it gets too long, names give way and words stay.

/// The fewest letters a name is shortened to; with fewer nobody would know it again.
const SHORTEST: usize = 8;

/// A line that is put together from words of ours and names of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Name(String),
}

impl Line {
    /// A line of words with a name for each `{}`.
    ///
    /// A name may hold anything and have any length: it is whatever was sent.
    pub(super) fn new(words: &str, names: &[&str]) -> Self {
        Self::default().and(words, names)
    }

    /// Adds words with a name for each `{}`.
    pub(super) fn and(mut self, words: &str, names: &[&str]) -> Self {
        let mut names = names.iter();
        for (place, words) in words.split("{}").enumerate() {
            if place > 0 {
                let name = names.next().copied().unwrap_or_default();
                self.0.push(Piece::Name(name.chars().map(plain).collect()));
            }
            self.0.push(Piece::Words(words.to_owned()));
        }
        self
    }

    /// Adds the key of a label or annotation, of whose domain nothing is left out.
    pub(super) fn key(self, key: &str) -> Self {
        match key.split_once('/') {
            Some((domain, name)) => self.and(&format!("{domain}/{{}}"), &[name]),
            None => self.and("{}", &[key]),
        }
    }

    /// Writes the line with at most `limit` characters. Of names that are too long the middle is left out, since both
    /// ends tell them apart: a registry and a tag, a namespace and a name.
    pub(super) fn within(&self, limit: usize) -> String {
        let room = self.room_for_names(limit);
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Name(name) => shortened(name, room),
        });
        cut(&pieces.collect::<String>(), limit)
    }

    /// How long each name may be so that all fit.
    fn room_for_names(&self, limit: usize) -> usize {
        let (mut words, mut names) = (0, Vec::new());
        for piece in &self.0 {
            match piece {
                Piece::Words(text) => words += text.chars().count(),
                Piece::Name(text) => names.push(text.chars().count()),
            }
        }
        names.sort_unstable();
        let (mut left, mut count) = (limit.saturating_sub(words), names.len());
        for length in names {
            // Those that are shorter than their share leave more to the longer ones.
            let share = left / count;
            if length > share {
                return share.max(SHORTEST);
            }
            left -= length;
            count -= 1;
        }
        limit
    }
}

/// A text on one line and of at most `limit` characters, the last of them `…` if there was more.
pub(super) fn cut(text: &str, limit: usize) -> String {
    let mut letters = text.chars().map(plain);
    let mut shown: String = letters.by_ref().take(limit).collect();
    if letters.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// A letter that can stand in a line.
fn plain(letter: char) -> char {
    match letter {
        // These turn the direction of a line, or end it, and count as letters otherwise.
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter if letter.is_control() => ' ',
        letter => letter,
    }
}

/// Leaves out the middle of a text that has more than `limit` characters.
fn shortened(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let kept = limit.saturating_sub(1);
    let (front, back) = (kept / 2, kept - kept / 2);
    let front = text.chars().take(front);
    let back = text.chars().skip(length - back);
    front.chain(['…']).chain(back).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_one_line_of_a_bounded_length() {
        assert_eq!(cut("a\nb\tc\u{7f}", 10), "a b c ");
        assert_eq!(cut("\u{202e}a", 10), "\u{fffd}a");
        assert_eq!(cut("abcde", 5), "abcde");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("äöüäöü", 5), "äöüä…");
    }

    #[test]
    fn names_give_way_and_the_longest_first() {
        let line = Line::new(
            "container {}: see {}",
            &["web", "registry.example.com/team/web:1.0.0"],
        );
        assert_eq!(
            line.within(100),
            "container web: see registry.example.com/team/web:1.0.0"
        );
        assert_eq!(line.within(40), "container web: see registry.e…/web:1.0.0");
        let both = Line::new("{} {}", &["aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb"]);
        assert_eq!(both.within(19), "aaaa…aaaa bbbb…bbbb");
    }

    #[test]
    fn the_domain_of_a_key_stays() {
        let line = Line::new("set ", &[]).key("policy.imgauto.dev/a-container-with-a-name");
        assert_eq!(line.within(34), "set policy.imgauto.dev/a-con…-name");
    }

    #[test]
    fn where_words_alone_are_too_many_the_end_goes() {
        let line = Line::new("no room here for {}", &["somebody's name"]);
        assert_eq!(line.within(20), "no room here for so…");
    }

    proptest! {
        #[test]
        fn no_line_is_too_long(words in ".{0,40}", names in prop::collection::vec(any::<String>(), 0..4), limit in 1..200_usize) {
            let line = names.iter().fold(Line::new(&words, &[]), |line, name| line.and("{} ", &[name]).key(name));
            let written = line.within(limit);
            prop_assert!(written.chars().count() <= limit);
            prop_assert!(!written.contains(char::is_control));
        }
    }
}
