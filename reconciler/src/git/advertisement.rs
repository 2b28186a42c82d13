//! The list of refs and capabilities a server begins with, read as it passes by.
//!
//! libgit2 reads it too, but its binding panics over ref names that are not UTF-8, which Git allows.

use git2::Oid;

/// What a server has announced so far.
#[derive(Default)]
pub(super) struct Advertisement {
    pending: Vec<u8>,
    garbled: bool,
    refs: Vec<(String, Oid)>,
    capabilities: String,
}

impl Advertisement {
    /// Takes the next bytes, cut anywhere.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.garbled {
            return;
        }
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some((header, after)) = rest.split_at_checked(4) {
            let length = std::str::from_utf8(header)
                .ok()
                .and_then(|digits| usize::from_str_radix(digits, 16).ok());
            match length {
                // A flush ends a section.
                Some(0) => rest = after,
                Some(length) if length >= 4 => {
                    let Some((line, next)) = after.split_at_checked(length - 4) else {
                        break;
                    };
                    self.line(line);
                    rest = next;
                }
                // libgit2 will say what is wrong.
                _ => {
                    self.garbled = true;
                    return;
                }
            }
        }
        self.pending = rest.to_vec();
    }

    /// Takes `<id> <name>`, the first one with capabilities behind a NUL; other lines are no refs.
    fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (line, capabilities) = match memchr::memchr(0, line) {
            Some(end) => (&line[..end], &line[end + 1..]),
            None => (line, &[][..]),
        };
        if !capabilities.is_empty() {
            self.capabilities = String::from_utf8_lossy(capabilities).into_owned();
        }
        let Some((id, name)) = line.split_at_checked(41) else {
            return;
        };
        let id = std::str::from_utf8(id).ok().and_then(|id| {
            let id = id.strip_suffix(' ')?;
            Oid::from_str(id).ok()
        });
        // Nobody can ask for a name that is no text.
        let name = std::str::from_utf8(name).ok();
        if let (Some(id), Some(name)) = (id, name)
            && !matches!(name, ".have" | "capabilities^{}")
        {
            self.refs.push((name.to_owned(), id));
        }
    }

    /// Returns whether the server announced `capability`, such as `push-options`.
    pub(super) fn offers(&self, capability: &str) -> bool {
        self.capabilities
            .split(' ')
            .any(|offered| offered == capability)
    }

    /// Returns the refs with their ids, peeled tags as `name^{}`.
    pub(super) fn refs(&self) -> &[(String, Oid)] {
        &self.refs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(line: &[u8]) -> Vec<u8> {
        let mut packet = format!("{:04x}", line.len() + 4).into_bytes();
        packet.extend_from_slice(line);
        packet
    }

    fn sample() -> Vec<u8> {
        let id = "1".repeat(40);
        let mut bytes = packet(b"# service=git-upload-pack\n");
        bytes.extend_from_slice(b"0000");
        let first = format!("{id} HEAD\0multi_ack push-options agent=git/2\n");
        bytes.extend_from_slice(&packet(first.as_bytes()));
        let mut latin = format!("{id} refs/heads/").into_bytes();
        latin.extend_from_slice(b"f\xfcr\n");
        bytes.extend_from_slice(&packet(&latin));
        bytes.extend_from_slice(&packet(format!("{id} refs/heads/für\n").as_bytes()));
        bytes.extend_from_slice(&packet(format!("{id} .have\n").as_bytes()));
        bytes.extend_from_slice(&packet(format!("shallow {id}\n").as_bytes()));
        bytes.extend_from_slice(b"0000");
        bytes
    }

    fn names(advertisement: &Advertisement) -> Vec<&str> {
        let refs = advertisement.refs().iter();
        refs.map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn refs_and_capabilities_are_read() {
        let mut advertisement = Advertisement::default();
        advertisement.feed(&sample());
        assert_eq!(names(&advertisement), ["HEAD", "refs/heads/für"]);
        assert!(advertisement.offers("push-options"));
        assert!(!advertisement.offers("push"));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(cuts in prop::collection::vec(1_usize..50, 0..40)) {
            let (mut advertisement, sample) = (Advertisement::default(), sample());
            let mut rest = sample.as_slice();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                advertisement.feed(now);
                rest = later;
            }
            advertisement.feed(rest);
            prop_assert_eq!(names(&advertisement), ["HEAD", "refs/heads/für"]);
        }

        #[test]
        fn garbage_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut advertisement = Advertisement::default();
            advertisement.feed(&bytes);
            advertisement.feed(b"0000");
        }
    }
}
