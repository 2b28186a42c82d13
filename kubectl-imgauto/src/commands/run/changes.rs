//! Changes as text.

use std::collections::BTreeMap;

use reconciler::local::{ChangeReport, Report};
use similar::TextDiff;

use crate::session::printable;

/// One line for each change: place, old and new value.
pub(crate) fn files(report: &Report) -> String {
    let changes = report.updates.iter().flat_map(|update| &update.changes);
    changes.map(line).collect()
}

fn line(change: &ChangeReport) -> String {
    let new = shortened(&change.old, &change.new);
    let text = format!("  {}:{}  {} -> {new}", change.file, change.line, change.old);
    format!("{}\n", printable(&text))
}

/// Leaves the repository out of the new value when only what follows it changed.
fn shortened<'a>(old: &str, new: &'a str) -> &'a str {
    match (split(old), split(new)) {
        (Some((old_name, _)), Some((new_name, rest))) if old_name == new_name => rest,
        _ => new,
    }
}

/// Splits `name:tag` at the tag; a port is no tag.
fn split(image: &str) -> Option<(&str, &str)> {
    let before_digest = image.split('@').next().unwrap_or(image);
    let colon = before_digest.rfind(':')?;
    let (name, rest) = (&image[..colon], &image[colon + 1..]);
    (!before_digest[colon..].contains('/')).then_some((name, rest))
}

/// A unified diff of all files, as `git apply` takes it; a file that several automations edit stands there once.
pub(crate) fn diff(report: &Report) -> String {
    let mut files: BTreeMap<&str, (&[u8], &[u8])> = BTreeMap::new();
    for file in report.updates.iter().flat_map(|update| &update.files) {
        let whole = files
            .entry(&file.path)
            .or_insert((&file.before, &file.after));
        whole.1 = &file.after;
    }
    let mut text = String::new();
    for (path, (before, after)) in files {
        let (before, after) = (
            String::from_utf8_lossy(before),
            String::from_utf8_lossy(after),
        );
        let difference = TextDiff::from_lines(before.as_ref(), after.as_ref());
        let (old, new) = (header("a", path), header("b", path));
        text += &difference.unified_diff().header(&old, &new).to_string();
    }
    text
}

/// A path as git writes it in front of a difference: quoted where a reader would go wrong.
fn header(side: &str, path: &str) -> String {
    let odd = |letter: char| letter.is_ascii_control() || matches!(letter, '"' | '\\');
    if path.contains(odd) {
        let mut quoted = format!("\"{side}/");
        for letter in path.chars() {
            match letter {
                '"' | '\\' => quoted.extend(['\\', letter]),
                _ if letter.is_ascii_control() => quoted += &format!("\\{:03o}", letter as u32),
                _ => quoted.push(letter),
            }
        }
        return quoted + "\"";
    }
    // A tab ends a name with blanks in it.
    let end = if path.contains(' ') { "\t" } else { "" };
    format!("{side}/{path}{end}")
}

#[cfg(test)]
mod tests {
    use super::{header, shortened};

    #[test]
    fn names_git_would_misread_are_quoted() {
        for (path, shown) in [
            ("apps/a.yaml", "a/apps/a.yaml"),
            ("a b.yaml", "a/a b.yaml\t"),
            ("é.yaml", "a/é.yaml"),
            ("a\"b\\\n\u{1b}.yaml", "\"a/a\\\"b\\\\\\012\\033.yaml\""),
        ] {
            assert_eq!(header("a", path), shown);
        }
    }

    #[test]
    fn only_a_changed_tag_is_shown_alone() {
        for (old, new, shown) in [
            ("ghcr.io/org/app:1.0.0", "ghcr.io/org/app:1.1.0", "1.1.0"),
            (
                "localhost:5000/app:1",
                "localhost:5000/app:2@sha256:aa",
                "2@sha256:aa",
            ),
            (
                "localhost:5000/app",
                "localhost:5000/app:2",
                "localhost:5000/app:2",
            ),
            (
                "ghcr.io/org/app:1.0.0",
                "ghcr.io/org/other:1.1.0",
                "ghcr.io/org/other:1.1.0",
            ),
            ("1.0.0", "1.1.0", "1.1.0"),
        ] {
            assert_eq!(shortened(old, new), shown, "{old} -> {new}");
        }
    }
}
