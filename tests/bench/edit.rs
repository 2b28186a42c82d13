//! Finding and editing markers, in memory.

use std::fmt::Write as _;
use std::time::Duration;

use engine::marker;

use crate::{report, show, timed, wanted};

pub(crate) fn measure() {
    let plain = "      - name: web\n        image: ghcr.io/org/web:1.0.0\n".repeat(1 << 20);
    let screened = report(
        "screen 58 MiB of unmarked text for the token",
        9,
        None,
        || timed(|| assert!(!marker::mentions_marker(plain.as_bytes()))).0,
    );
    show(&format!(
        "    {:.1} GB/s",
        plain.len() as f64 / screened.as_secs_f64() / 1e9
    ));
    for markers in [5_000, 50_000] {
        let file = marked(markers);
        report(
            &format!("one file with {markers} stale markers: scan, plan, edit, check"),
            3,
            None,
            || timed(|| edited(&file)).0,
        );
    }
    let mut large = marked(10);
    while large.len() < 50 << 20 {
        large += &format!(
            "key{}: some ordinary value of a very long file\n",
            large.len()
        );
    }
    report(
        "one file of 50 MiB with 10 stale markers: scan, plan, edit, check",
        3,
        None,
        || timed(|| edited(&large)).0,
    );
    report(
        "200 files with one stale marker each: scan, plan, edit, check",
        5,
        Some(Duration::from_millis(300)),
        || {
            let files: Vec<String> = (0..200).map(|_| marked(1)).collect();
            timed(|| files.iter().for_each(|file| edited(file))).0
        },
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
    let wanted = wanted("app", "1.1.0");
    let plan = marker::plan("a.yaml", &marker::scan(file.as_bytes()), &wanted);
    let after = marker::apply(file.as_bytes(), &plan.edits).expect("the file is good");
    assert!(after.len() >= file.len());
}
