//! The rows of Flux's observed selections; the number of a row is that of the table they were recorded in.

use super::{alphabetical, build, numerical, semver};
use crate::policy::PolicySpec;

const NO_TAGS: &str = "version list argument cannot be empty";
const NO_MATCH: &str = "unable to determine latest version from provided list";

/// Row, range, tags, selected tag or error.
const SEMVER: &[(u32, &str, &[&str], &str)] = &[
    (1, ">=1.0.0", &["1.9.0", "1.10.0", "1.2.0"], "1.10.0"),
    (
        2,
        ">=1.0.0",
        &["1.0.0", "1.2.0-alpha", "2.0.0-rc.1"],
        "1.0.0",
    ),
    (3, ">=0.0.0-0", &["1.1.0", "2.0.0-rc.1"], "2.0.0-rc.1"),
    (4, "*", &["0.1.0", "latest", "sha-deadbeef"], "0.1.0"),
    (
        5,
        "*-0",
        &["1.0.0", "2.0.0-rc.1", "2.0.0-rc.2"],
        "2.0.0-rc.2",
    ),
    (
        6,
        ">=1.0.0-0",
        &["1.0.0-rc.9", "1.0.0-rc.10"],
        "1.0.0-rc.10",
    ),
    (7, ">=1.0.0-0", &["1.0.0-rc9", "1.0.0-rc10"], "1.0.0-rc9"),
    (8, ">=1.0.0-0", &["1.0.0-rc.9", "1.0.0"], "1.0.0"),
    (9, ">=1.0", &["1.9", "1.2.0"], "1.2.0"),
    (10, ">=1.0", &["1.9", "1.10"], NO_MATCH),
    (11, ">=1.0-0", &["1.2-rc.1", "1.1.0"], "1.2-rc.1"),
    (12, ">=1.0.0-0", &["5-a.b.c", "1.1.0"], "5-a.b.c"),
    (13, ">=1.0.0", &["1.2.3.4", "1.2.3"], "1.2.3"),
    (14, ">=1.0.0", &["V9.0.0", "1.0.0"], "1.0.0"),
    (15, ">=1.0.0", &["1.2.3", "v1.2.3"], "v1.2.3"),
    (16, ">=1.0.0", &["1.02.3", "1.2.3", "1.2.03"], "1.2.3"),
    (
        18,
        ">=2024.0.0",
        &["2024.01.15", "2024.02.01", "2023.12.31"],
        "2024.02.01",
    ),
    (19, "3.x", &["3.19.1", "3.20.0-alpine"], "3.19.1"),
    (21, ">1", &["1.9.9"], NO_MATCH),
    (22, "<=1", &["0.9.0", "1.9.9", "2.0.0"], "1.9.9"),
    (23, "^*", &["1.2.3", "0.5.0"], NO_MATCH),
    (24, "~0.0.0", &["1.2.3", "0.5.0"], "1.2.3"),
    (
        25,
        ">=1.0.0-0 <2.0.0",
        &["1.9.0", "2.0.0-rc.1"],
        "2.0.0-rc.1",
    ),
    (26, ">=1.0.0-0 <2.0.0-0", &["1.9.0", "2.0.0-rc.1"], "1.9.0"),
    (27, "^1.2.0-0", &["1.2.9", "1.3.0-alpha"], "1.3.0-alpha"),
    (28, "1.0.0 - 2.0", &["1.0.0", "2.0.9", "2.1.0"], "2.0.9"),
    (
        29,
        ">=1.0 <2 !=1.9.9",
        &["1.9.8", "1.9.9", "2.0.0"],
        "1.9.8",
    ),
    (30, "1.x || 3.x", &["1.9.9", "2.9.9", "3.0.1"], "3.0.1"),
    (
        31,
        ">=1.0.0",
        &["18446744073709551616.0.0", "1.0.0"],
        "1.0.0",
    ),
];

#[test]
fn rows_001_to_031_semver() {
    for (row, range, tags, expected) in SEMVER {
        assert_eq!(semver(range).pick(tags), *expected, "row_{row:03}");
    }
}

#[test]
fn row_017_a_tie_behind_a_filter_is_no_lottery() {
    assert_eq!(
        semver(">=1.0.0")
            .filtered(".*", "")
            .pick(&["1.2.3", "v1.2.3"]),
        "v1.2.3"
    );
}

#[test]
fn row_020_extracted_versions_select_original_tags() {
    let policy = semver("3.x").filtered(r"^(?P<v>\d+\.\d+\.\d+)-alpine$", "$v");
    assert_eq!(
        policy.pick(&["3.19.1", "3.18.0-alpine", "3.20.0-alpine"]),
        "3.20.0-alpine"
    );
}

#[test]
fn row_032_versions_that_differ_in_metadata_tie() {
    let policy = semver(">=1.0.0").filtered(r"^(\d+\.\d+\.\d+)_(\d+)$", "${1}+${2}");
    assert_eq!(policy.pick(&["1.2.3_7", "1.2.3_8"]), "1.2.3_8");
}

#[test]
fn row_033_of_tags_with_one_value_the_smallest_wins() {
    let policy = semver("1.x").filtered(r"^(\d+\.\d+\.\d+)\.\d+-", "$1");
    assert_eq!(
        policy.pick(&["1.28.0.5999-x", "1.28.0.5998-y"]),
        "1.28.0.5998-y"
    );
}

#[test]
fn row_034_semver_goes_before_the_other_rules() {
    let policy = build(PolicySpec {
        semver_range: Some(">=1.0.0"),
        alphabetical_order: Some("asc"),
        numerical_order: Some("asc"),
        ..PolicySpec::default()
    });
    assert_eq!(policy.pick(&["1.2.3", "zzz"]), "1.2.3");
}

#[test]
fn rows_035_to_042_alphabetical() {
    let names: &[&str] = &["artful", "bionic", "xenial", "yakkety", "zesty"];
    let cases: &[(u32, &str, &[&str], &str)] = &[
        (35, "asc", names, "zesty"),
        (36, "desc", names, "artful"),
        (37, "", &["a", "b"], "b"),
        (38, "asc", &["Zeta", "alpha"], "alpha"),
        (39, "asc", &["9", "10"], "9"),
        (40, "asc", &["1-0", "1.0", "1_0"], "1_0"),
        (41, "asc", &["v1", "v1.0"], "v1.0"),
    ];
    for (row, order, tags, expected) in cases {
        assert_eq!(alphabetical(order).pick(tags), *expected, "row_{row:03}");
    }
    let oldest = alphabetical("desc").filtered("^[0-9]{6}$", "");
    assert_eq!(
        oldest.pick(&["251130", "250223", "latest"]),
        "250223",
        "row_042"
    );
}

/// Row, order, tags, selected tag or error.
const NUMERICAL: &[(u32, &str, &[&str], &str)] = &[
    (43, "asc", &["9", "10", "8"], "10"),
    (44, "desc", &["5", "-78", "92"], "-78"),
    (
        45,
        "asc",
        &["1", "2", "latest"],
        "failed to parse invalid numeric value 'latest'",
    ),
    (47, "asc", &["1e3", "999"], "1e3"),
    (
        48,
        "asc",
        &["1e400", "1"],
        "failed to parse invalid numeric value '1e400'",
    ),
    (49, "asc", &["1e-400", "-1"], "1e-400"),
    (
        50,
        "asc",
        &["0x10", "1"],
        "failed to parse invalid numeric value '0x10'",
    ),
    (51, "asc", &["0x1p5", "31"], "0x1p5"),
    (52, "asc", &["1_000", "999"], "1_000"),
    (53, "asc", &["inf", "999999"], "inf"),
    (54, "asc", &["1.0", "1.00", "1"], "1"),
    (55, "asc", &["007", "7", "07"], "007"),
    (56, "asc", &["1.9", "1.10"], "1.9"),
    (
        59,
        "asc",
        &["20260528153652", "20260530101500"],
        "20260530101500",
    ),
    (60, "asc", &["NaN", "5"], "5"),
];

#[test]
fn rows_043_to_060_numerical() {
    for (row, order, tags, expected) in NUMERICAL {
        assert_eq!(numerical(order).pick(tags), *expected, "row_{row:03}");
    }
}

#[test]
fn row_046_a_filter_drops_what_is_no_number() {
    assert_eq!(
        numerical("")
            .filtered(r"^\d+$", "")
            .pick(&["1", "2", "latest"]),
        "2"
    );
}

#[test]
fn row_057_nanosecond_timestamps_do_not_tie() {
    let tags = ["1606234201123456789", "1606234201123456790"];
    assert_eq!(numerical("asc").pick(&tags), "1606234201123456790");
    assert_eq!(numerical("desc").pick(&tags), "1606234201123456789");
}

#[test]
fn row_058_a_short_commit_may_read_as_an_exponent() {
    let policy = numerical("").filtered("sha-([0-9a-f]+)", "$1");
    assert_eq!(policy.pick(&["sha-1234e56", "sha-9999999"]), "sha-1234e56");
}

/// Row, rule or range, pattern, template, tags, selected tag or error.
type FilterRow = (
    u32,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const FILTERS: &[FilterRow] = &[
    (
        61,
        ">=0.x",
        "^test-(.*)$",
        "$1",
        &["test-0.1.0", "test-0.1.1", "dev-0.2.0"],
        "test-0.1.1",
    ),
    (62, ">=0.x", "^nomatch$", "", &["1.0.0"], NO_TAGS),
    (62, "alphabetical", "^nomatch$", "", &["1.0.0"], NO_TAGS),
    (62, "numerical", "^nomatch$", "", &["1.0.0"], NO_TAGS),
    (63, "alphabetical desc", "", "", &["a", "b", "c"], "a"),
    (64, ">=0.x", "", "$v", &["1.0.0", "2.0.0"], NO_MATCH),
    (
        65,
        "alphabetical",
        "^v(.*)$",
        "$nosuch",
        &["v1", "v2", "v3"],
        "v1",
    ),
    (
        66,
        "numerical",
        "^v(.*)$",
        "$nosuch",
        &["v1", "v2"],
        "failed to parse invalid numeric value ''",
    ),
    (
        67,
        "numerical",
        r"^v(\d+)?$",
        "$1",
        &["v", "v1", "v2"],
        "failed to parse invalid numeric value ''",
    ),
    (68, "alphabetical", r"^v(\d+)$", "$1x", &["v1", "v2"], "v1"),
    (
        69,
        "alphabetical",
        r"^v(\d+)$",
        "${1}x",
        &["v1", "v2"],
        "v2",
    ),
    (70, "alphabetical", r"\d+", "$0", &["a1b", "c3", "z2"], "c3"),
    (71, "alphabetical", r"^v(\d+)$", "$$", &["v1", "v2"], "v1"),
    (
        72,
        ">=1.0",
        r"^app-(?P<v>\d+\.\d+)$",
        "$v.0",
        &["app-1.9", "app-1.10"],
        "app-1.10",
    ),
    (
        73,
        ">=1.0",
        r"^app-(?P<v>\d+\.\d+)$",
        "$v0",
        &["app-1.9", "app-1.10"],
        NO_MATCH,
    ),
    (
        74,
        "numerical",
        r"^(?P<ts>\d{8})-(?P<tm>\d{6})-[a-z]$",
        "$ts$tm",
        &["20260528-153652-a", "20260530-101500-d"],
        "20260530-101500-d",
    ),
    (
        75,
        "numerical",
        r"^(?P<ts>\d{8}-\d{6})-[a-z]$",
        "$ts",
        &["20260528-153652-a"],
        "failed to parse invalid numeric value '20260528-153652'",
    ),
    (
        76,
        "numerical",
        r"^main-([a-f0-9]+)-(?P<ts>\d+)$",
        "$ts",
        &["main-aaa-100", "main-bbb-100", "main-ccc-99"],
        "main-aaa-100",
    ),
    (
        78,
        "alphabetical",
        "rc",
        "",
        &["1.0-rc1", "prc", "zzz"],
        "prc",
    ),
    (
        79,
        "alphabetical",
        "(?i)^rc",
        "",
        &["RC1", "rc9", "zz"],
        "rc9",
    ),
];

#[test]
fn rows_061_to_079_filters() {
    for (row, rule, pattern, extract, tags, expected) in FILTERS {
        let policy = match *rule {
            "alphabetical" => alphabetical(""),
            "alphabetical desc" => alphabetical("desc"),
            "numerical" => numerical(""),
            range => semver(range),
        };
        assert_eq!(
            policy.filtered(pattern, extract).pick(tags),
            *expected,
            "row_{row:03}"
        );
    }
}

#[test]
fn row_077_the_leftmost_first_match_makes_the_value() {
    let policy = alphabetical("").filtered("(a|ab)(c|bcd)(d*)", "$1-$2-$3");
    assert_eq!(policy.select(&["abcd"], None).unwrap().value, "a-bcd-");
}
