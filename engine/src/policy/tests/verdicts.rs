use expect_test::{Expect, expect};

use super::{Policy, alphabetical, numerical, semver};

/// One line per tag: `verdict tag [key] reason`, and the error.
fn check(policy: &Policy, tags: &[&str], current: Option<&str>, expected: &Expect) {
    let verdicts = policy.verdicts(tags, current);
    let mut report = String::new();
    for judged in &verdicts.tags {
        let verdict = serde_json::to_value(judged.verdict).unwrap();
        let key = judged.key.as_deref().unwrap_or("-");
        report += &format!(
            "{} {} [{key}] {}\n",
            verdict.as_str().unwrap(),
            judged.tag,
            judged.reason
        );
    }
    if let Some(error) = verdicts.error {
        report += &format!("error: {error}\n");
    }
    expected.assert_eq(&report);
}

#[test]
fn versions_are_judged_by_the_range() {
    let tags = [
        "5.0.0",
        "latest",
        "5.0.2",
        "5.0.3",
        "5.1.0-rc.1",
        "4.0.6",
        "4.9.0-rc.1",
        "5.1",
        "5.0.2",
        "edge",
    ];
    check(
        &semver(">=5.0.0"),
        &tags,
        None,
        &expect![[r#"
        selected 5.0.3 [5.0.3] highest version in range
        candidate 5.0.2 [5.0.2] in range, lower than 5.0.3
        candidate 5.0.0 [5.0.0] in range, lower than 5.0.3
        rejected 5.1.0-rc.1 [5.1.0-rc.1] pre-release; the range has no -0 suffix
        rejected 4.9.0-rc.1 [4.9.0-rc.1] out of range >=5.0.0
        rejected 4.0.6 [4.0.6] out of range >=5.0.0
        rejected latest [-] not a semantic version
        rejected edge [-] not a semantic version
        rejected 5.1 [-] not a semantic version: it needs two dots
    "#]],
    );
}

#[test]
fn ties_are_explained() {
    let tags = ["1.2.3", "v1.2.3", "1.02.3"];
    check(
        &semver(">=1.0.0"),
        &tags,
        None,
        &expect![[r#"
        selected v1.2.3 [v1.2.3] highest version in range
        candidate 1.2.3 [1.2.3] in range, equal to v1.2.3
        candidate 1.02.3 [1.02.3] in range, equal to v1.2.3
    "#]],
    );
    check(
        &semver(">=1.0.0"),
        &tags,
        Some("1.2.3"),
        &expect![[r#"
        selected 1.2.3 [1.2.3] highest version in range, and the current choice among equals
        candidate v1.2.3 [v1.2.3] in range, equal to 1.2.3
        candidate 1.02.3 [1.02.3] in range, equal to 1.2.3
    "#]],
    );
    let builds = numerical("").filtered(r"^main-([a-f0-9]+)-(?P<ts>\d+)$", "$ts");
    check(
        &builds,
        &["main-bbb-100", "main-aaa-100", "main-ccc-99", "dev"],
        None,
        &expect![[r#"
            selected main-aaa-100 [100] highest number
            candidate main-bbb-100 [100] has the same value as main-aaa-100
            candidate main-ccc-99 [99] lower than 100
            rejected dev [-] does not match ^main-([a-f0-9]+)-(?P<ts>\d+)$
        "#]],
    );
}

#[test]
fn names_and_numbers_are_judged_by_their_order() {
    check(
        &alphabetical("asc"),
        &["a", "c", "b"],
        None,
        &expect![[r#"
            selected c [c] last in alphabetical order
            candidate b [b] sorts before c
            candidate a [a] sorts before c
        "#]],
    );
    check(
        &alphabetical("desc"),
        &["a", "c", "b"],
        None,
        &expect![[r#"
            selected a [a] first in alphabetical order
            candidate b [b] sorts after a
            candidate c [c] sorts after a
        "#]],
    );
    check(
        &numerical("asc"),
        &["9", "10", "10.0", "NaN"],
        None,
        &expect![[r#"
            selected 10 [10] highest number
            candidate 10.0 [10.0] equal to 10
            candidate 9 [9] lower than 10
            candidate NaN [NaN] NaN, which is worse than every number
        "#]],
    );
    check(
        &numerical("desc"),
        &["9", "10"],
        None,
        &expect![[r#"
        selected 9 [9] lowest number
        candidate 10 [10] higher than 9
    "#]],
    );
}

#[test]
fn a_policy_that_cannot_select_says_why_for_each_tag() {
    check(
        &numerical("asc"),
        &["1", "latest", "2", "1e400"],
        None,
        &expect![[r#"
            candidate 2 [2] a number, but the policy fails while others are none
            candidate 1 [1] a number, but the policy fails while others are none
            rejected latest [-] not a number: 'latest'
            rejected 1e400 [-] too large a number: '1e400'
            error: failed to parse invalid numeric value 'latest'
        "#]],
    );
    check(
        &semver(">=5"),
        &["1.0.0", "latest"],
        None,
        &expect![[r#"
            rejected 1.0.0 [1.0.0] out of range >=5
            rejected latest [-] not a semantic version
            error: unable to determine latest version from provided list
        "#]],
    );
    check(
        &alphabetical("asc").filtered("^v", ""),
        &["1", "2"],
        None,
        &expect![[r#"
            rejected 2 [-] does not match ^v
            rejected 1 [-] does not match ^v
            error: version list argument cannot be empty
        "#]],
    );
    check(
        &alphabetical("asc"),
        &[],
        None,
        &expect![[r#"
        error: version list argument cannot be empty
    "#]],
    );
}
