//! Where in the grammar the cursor stands.

use clap::{Arg, Command};

/// The cursor, and what stands before it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The command that the words lead to.
    pub(super) command: &'a Command,
    /// The first word of it, such as `get`; nothing before that is whole.
    pub(super) verb: Option<&'a str>,
    /// The flags before the cursor, with their values.
    pub(super) flags: Vec<(&'a Arg, &'a str)>,
    /// The words that are neither commands nor flags.
    pub(super) words: Vec<&'a str>,
    /// What belongs at the cursor.
    pub(super) wanted: Wanted<'a>,
    /// What there is of it.
    pub(super) typed: &'a str,
    /// After `--` nothing is a flag.
    flags_are_over: bool,
}

/// What belongs at the cursor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// The name of a flag.
    Flag,
    /// The value of this flag.
    Value(&'a Arg),
    /// A command or an argument.
    Word,
    /// What nobody knows, such as the value of an unknown flag.
    Unknown,
}

/// Finds the cursor's place behind `words`.
pub(super) fn find<'a>(grammar: &'a Command, words: &'a [String], typed: &'a str) -> Place<'a> {
    let mut place = Place {
        command: grammar,
        verb: None,
        flags: Vec::new(),
        words: Vec::new(),
        wanted: Wanted::Word,
        typed,
        flags_are_over: false,
    };
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if let Some(flag) = place.step(word) {
            match words.next() {
                Some(value) => place.flags.push((flag, value)),
                None => {
                    place.wanted = Wanted::Value(flag);
                    return place;
                }
            }
        }
    }
    if !place.flags_are_over && typed.starts_with('-') {
        place.at_flag();
    }
    place
}

impl<'a> Place<'a> {
    /// Takes one word, and returns the flag whose value comes next.
    fn step(&mut self, word: &'a str) -> Option<&'a Arg> {
        if self.flags_are_over || !word.starts_with('-') || word == "-" {
            self.take(word);
            return None;
        }
        if word == "--" {
            self.flags_are_over = true;
            return None;
        }
        let Some(long) = word.strip_prefix("--") else {
            return self.shorts(&word[1..]);
        };
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let flag = self.long(name)?;
        match value {
            None if takes_next(flag) => return Some(flag),
            None => self.flags.push((flag, "true")),
            Some(value) => self.flags.push((flag, value)),
        }
        None
    }

    /// Takes a command or an argument.
    fn take(&mut self, word: &'a str) {
        let next = self.command.find_subcommand(word);
        match next.filter(|_| self.words.is_empty()) {
            Some(next) => {
                self.command = next;
                self.verb.get_or_insert(next.get_name());
            }
            None => self.words.push(word),
        }
    }

    /// Takes flags of one letter, such as `-A`, `-n x`, `-nx` and `-An=x`.
    fn shorts(&mut self, letters: &'a str) -> Option<&'a Arg> {
        for (at, letter) in letters.char_indices() {
            let mut known = self.command.get_arguments();
            let flag = known.find(|flag| {
                let aliases = flag.get_all_short_aliases().unwrap_or_default();
                flag.get_short() == Some(letter) || aliases.contains(&letter)
            })?;
            let rest = &letters[at + letter.len_utf8()..];
            if takes_next(flag) && rest.is_empty() {
                return Some(flag);
            }
            if takes_next(flag) || rest.starts_with('=') {
                let value = rest.strip_prefix('=').unwrap_or(rest);
                self.flags.push((flag, value));
                return None;
            }
            self.flags.push((flag, "true"));
        }
        None
    }

    /// Finds a flag by its long name or another name it has.
    fn long(&self, name: &str) -> Option<&'a Arg> {
        self.command.get_arguments().find(|flag| {
            let aliases = flag.get_all_aliases().unwrap_or_default();
            flag.get_long() == Some(name) || aliases.contains(&name)
        })
    }

    /// Tells what belongs to a word that begins as a flag.
    fn at_flag(&mut self) {
        let value = self
            .typed
            .strip_prefix("--")
            .and_then(|long| long.split_once('='));
        self.wanted = match value {
            Some((name, value)) => {
                self.typed = value;
                self.long(name).map_or(Wanted::Unknown, Wanted::Value)
            }
            None => Wanted::Flag,
        };
    }
}

/// Whether the word behind a flag is its value.
fn takes_next(flag: &Arg) -> bool {
    flag.get_action().takes_values() && !flag.is_require_equals_set()
}
