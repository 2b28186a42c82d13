//! The objects of a list, read piece by piece as they come.

use std::marker::PhantomData;

use memchr::memmem;
use serde::de::DeserializeOwned;

/// What stands before the objects. What an API server writes before it holds no word of a user.
const BEGIN: &[u8] = b"\"items\":";

/// How much is read at a time, in bytes: many times the length of an object, since the one that is cut off is read twice.
pub(super) const PIECE: usize = 512 * 1024;

/// Reads a list: pieces of its JSON go in, objects come out.
#[derive(Debug)]
pub(super) struct Items<W> {
    /// What came and is not read yet.
    rest: Vec<u8>,
    place: Place,
    objects: PhantomData<fn() -> W>,
}

/// How far a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Among,
    Behind,
}

impl<W> Default for Items<W> {
    fn default() -> Self {
        Self {
            rest: Vec::new(),
            place: Place::Before,
            objects: PhantomData,
        }
    }
}

impl<W: DeserializeOwned> Items<W> {
    /// Takes up what came, which must be read with [`read`](Self::read) before long.
    pub(super) fn extend(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
    }

    /// How much waits to be read, in bytes.
    pub(super) fn waiting(&self) -> usize {
        self.rest.len()
    }

    /// Reads the objects that have come in full.
    ///
    /// # Errors
    ///
    /// If one is no such object.
    pub(super) fn read(&mut self) -> Result<Vec<W>, serde_json::Error> {
        if self.place == Place::Before {
            let Some(at) = memmem::find(&self.rest, BEGIN) else {
                return Ok(Vec::new());
            };
            let list = self.rest[at + BEGIN.len()..].trim_ascii_start();
            match list.first() {
                None => return Ok(Vec::new()),
                Some(b'[') => self.place = Place::Among,
                // Go writes a list of nothing as `null`.
                Some(_) => self.place = Place::Behind,
            }
            let begin = self.rest.len() - list.len() + 1;
            self.rest.drain(..begin);
        }
        let mut found = Vec::new();
        let mut done = 0;
        while self.place == Place::Among {
            let from = &self.rest[done..];
            let next = from.trim_ascii_start();
            let next = next.strip_prefix(b",").unwrap_or(next);
            let mut objects = serde_json::Deserializer::from_slice(next).into_iter();
            if next.trim_ascii_start().starts_with(b"]") {
                self.place = Place::Behind;
                break;
            }
            match objects.next() {
                Some(Ok(object)) => found.push(object),
                Some(Err(error)) if !error.is_eof() => return Err(error),
                // It goes on in the next piece.
                _ => break,
            }
            done = self.rest.len() - next.len() + objects.byte_offset();
        }
        match self.place {
            Place::Behind => self.rest.clear(),
            _ => drop(self.rest.drain(..done)),
        }
        Ok(found)
    }

    /// Whether the list has come to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.place == Place::Behind
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Named {
        name: String,
    }

    fn names(found: Vec<Named>) -> Vec<String> {
        found.into_iter().map(|object| object.name).collect()
    }

    /// What is read of a list that comes in pieces of a length, and whether it was whole.
    fn read(text: &str, length: usize) -> (Vec<String>, bool) {
        let mut items = Items::<Named>::default();
        let mut found = Vec::new();
        for piece in text.as_bytes().chunks(length) {
            items.extend(piece);
            found.extend(names(items.read().unwrap()));
        }
        (found, items.is_whole())
    }

    #[test]
    fn a_list_may_be_empty_and_must_come_to_its_end() {
        let head = r#"{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":"#;
        for (items, count, is_whole) in [
            ("[]}", 0, true),
            ("null}", 0, true),
            (" [ ] }", 0, true),
            (r#"[{"name":"a"} , {"name":"b"}]}"#, 2, true),
            (r#"[{"name":"a"},"#, 1, false),
            (r#"[{"name":"a"},{"na"#, 1, false),
            ("", 0, false),
        ] {
            let (found, whole) = read(&format!("{head}{items}"), PIECE);
            assert_eq!((found.len(), whole), (count, is_whole), "{items}");
        }
        assert_eq!(read("", 1), (Vec::new(), false));
    }

    #[test]
    fn what_is_no_such_object_is_an_error() {
        let mut items = Items::<Named>::default();
        items.extend(br#"{"items":[{"name":1}]}"#);
        items.read().unwrap_err();
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_list_is_cut(
            wanted in proptest::collection::vec("[\\PC\"\\\\\\[\\]{},]{0,12}", 0..6),
            length in 1_usize..40,
        ) {
            let objects: Vec<_> = wanted.iter().map(|name| serde_json::json!({ "name": name })).collect();
            let list = serde_json::json!({ "kind": "List", "metadata": {}, "items": objects });
            prop_assert_eq!(read(&list.to_string(), length), (wanted, true));
        }
    }
}
