//! Paths inside a repository, as users write them.

/// Resolves `path` against a root it cannot leave, and writes it with neither `.` nor empty parts; the root itself is ``.
///
/// A leading `/` means the root, and `..` ends there.
#[must_use]
pub fn clamp(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::clamp;

    #[test]
    fn paths_cannot_leave_the_root() {
        for (path, clean) in [
            ("", ""),
            (".", ""),
            ("./", ""),
            ("./clusters/my-cluster", "clusters/my-cluster"),
            ("/clusters//a/", "clusters/a"),
            ("/etc", "etc"),
            ("../../etc/passwd", "etc/passwd"),
            ("a/../../b/", "b"),
            ("a/./b/..", "a"),
            ("...", "..."),
        ] {
            assert_eq!(clamp(path), clean, "{path}");
        }
    }

    proptest! {
        #[test]
        fn clamping_twice_is_clamping_once(path in "[a./]{0,20}") {
            let once = clamp(&path);
            prop_assert_eq!(clamp(&once), once.clone());
            prop_assert!(!once.starts_with('/'));
            prop_assert!(once.split('/').all(|part| part != ".." && part != "."));
        }
    }
}
