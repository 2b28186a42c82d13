//! Finding and editing markers, in memory.

use std::fmt::Write as _;

use engine::marker;

use crate::table::Budget::{AtLeast, AtMost, Unset};
use crate::table::{GIGABYTES_PER_SECOND, figures, times};
use crate::{timed, wanted};

pub(crate) fn measure() {
    let plain = "      - name: web\n        image: ghcr.io/org/web:1.0.0\n".repeat(1 << 20);
    let rates = (0..15).map(|_| {
        let (time, found) = timed(|| marker::mentions_marker(plain.as_bytes()));
        assert!(!found);
        plain.len() as f64 / time.as_secs_f64()
    });
    figures(
        "token scan of 58 MB of unmarked manifests, one core",
        rates.collect(),
        GIGABYTES_PER_SECOND,
        AtLeast(1.0),
    );
    for markers in [5_000, 50_000] {
        let file = marked(markers);
        times(
            &format!("one file with {markers} stale markers: scan, plan, edit, check"),
            5,
            Unset,
            || timed(|| edited(&file)).0,
        );
    }
    for size in [5, 50] {
        let mut large = marked(10);
        while large.len() < size * 1_000_000 {
            large += &format!(
                "key{}: some ordinary value of a very long file\n",
                large.len()
            );
        }
        times(
            &format!("one file of {size} MB with 10 stale markers: scan, plan, edit, check"),
            3,
            Unset,
            || timed(|| edited(&large)).0,
        );
    }
    let files: Vec<String> = (0..200).map(|_| marked(1)).collect();
    times(
        "200 files with a stale marker each: scan, plan, edit, check",
        15,
        AtMost(300.0),
        || timed(|| files.iter().for_each(|file| edited(file))).0,
    );
}

/// A list of containers, each with a marked image.
fn marked(markers: usize) -> String {
    let mut file = String::from("containers:\n");
    for index in 0..markers {
        let marker = "# {\"$imagepolicy\": \"flux-system:app\"}";
        writeln!(
            file,
            "- name: c{index}\n  image: ghcr.io/org/app:1.0.0 {marker}"
        )
        .expect("a String takes all");
    }
    file
}

fn edited(file: &str) {
    let wanted = wanted("app", "ghcr.io/org/app", "1.1.0");
    let plan = marker::plan("a.yaml", &marker::scan(file.as_bytes()), &wanted);
    let after = marker::apply(file.as_bytes(), &plan.edits).expect("the file is good");
    assert!(!plan.edits.is_empty() && after != file.as_bytes());
}
