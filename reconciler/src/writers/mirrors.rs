//! The directories mirrors are kept in, and which of them may go.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What belongs to a mirror beside its directory.
const BESIDE: [&str; 3] = ["lock", "made", "used"];

/// Notes that the mirror in `directory` is used now.
pub(super) fn touch(directory: &Path) {
    // It only decides which mirror goes first; a mirror is a cache.
    let _ = fs::write(directory.with_extension("used"), "");
}

/// Removes the mirror in `directory` and what lies beside it.
pub(super) fn remove(directory: &Path) {
    // What cannot be removed now is tried again when the process starts.
    let _ = fs::remove_dir_all(directory);
    for extension in BESIDE {
        let _ = fs::remove_file(directory.with_extension(extension));
    }
}

/// Removes mirrors of earlier processes: those not used for `unused`, and the oldest beyond `most`.
pub(super) fn tidy(root: &Path, most: usize, unused: Duration) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    let now = SystemTime::now();
    let mut found: Vec<(Duration, std::path::PathBuf)> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_none() && path.is_dir())
        .map(|path| {
            let used = fs::metadata(path.with_extension("used"));
            let used = used.and_then(|data| data.modified());
            let age = used.map_or(Duration::MAX, |used| {
                now.duration_since(used).unwrap_or_default()
            });
            (age, path)
        })
        .collect();
    found.sort_unstable();
    for (index, (age, path)) in found.iter().enumerate() {
        if index >= most || *age > unused {
            remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::{tidy, touch};

    #[test]
    fn old_mirrors_and_those_too_many_go() {
        let root = tempfile::tempdir().unwrap();
        let minutes = |age| Duration::from_secs(60 * age);
        for age in [1_u64, 2, 3, 90] {
            let directory = root.path().join(format!("{age:02}"));
            fs::create_dir(&directory).unwrap();
            touch(&directory);
            let used = File::options()
                .write(true)
                .open(directory.with_extension("used"))
                .unwrap();
            used.set_modified(SystemTime::now() - minutes(age)).unwrap();
        }
        fs::create_dir(root.path().join("unknown")).unwrap();
        tidy(root.path(), 2, minutes(60));
        let mut left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["01", "01.used", "02", "02.used"]);
    }
}
