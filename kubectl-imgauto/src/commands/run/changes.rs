//! Changes as text.

use reconciler::local::{ChangeReport, Report};
use similar::TextDiff;

/// One line for each change: place, old and new value.
pub(crate) fn files(report: &Report) -> String {
    let changes = report.updates.iter().flat_map(|update| &update.changes);
    changes.map(line).collect()
}

fn line(change: &ChangeReport) -> String {
    let new = shortened(&change.old, &change.new);
    format!(
        "  {}:{}  {} -> {new}\n",
        change.file, change.line, change.old
    )
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

/// A unified diff of all files, as `git apply` takes it.
pub(crate) fn diff(report: &Report) -> String {
    let mut text = String::new();
    for file in report.updates.iter().flat_map(|update| &update.files) {
        let (before, after) = (
            String::from_utf8_lossy(&file.before),
            String::from_utf8_lossy(&file.after),
        );
        let difference = TextDiff::from_lines(before.as_ref(), after.as_ref());
        let (old, new) = (format!("a/{}", file.path), format!("b/{}", file.path));
        text += &difference.unified_diff().header(&old, &new).to_string();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shortened;

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
