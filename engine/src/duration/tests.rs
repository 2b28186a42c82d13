//! Tests of durations; what Go says was written down from Go 1.26.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::{ConvertDurationError, GoDuration, is_interval, is_timeout};

const HOUR: i64 = 3_600_000_000_000;

fn parse(text: &str) -> Result<i64, String> {
    text.parse::<GoDuration>()
        .map(GoDuration::nanoseconds)
        .map_err(|e| e.to_string())
}

#[test]
fn every_recorded_case_is_read_and_printed_as_go_does() {
    for line in include_str!("../../tests/data/duration-cases.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = row["duration"].as_str().unwrap();
        match row["error"].as_str() {
            Some(error) => assert_eq!(parse(text), Err(error.to_owned()), "{text:?}"),
            None => {
                let nanoseconds = row["nanoseconds"].as_i64().unwrap();
                assert_eq!(parse(text), Ok(nanoseconds), "{text:?}");
                let printed = GoDuration::from_nanoseconds(nanoseconds).to_string();
                assert_eq!(printed, row["text"].as_str().unwrap(), "{text:?}");
            }
        }
    }
}

#[test]
fn units_add_up_in_any_order_and_a_sign_counts_for_all() {
    for (text, nanoseconds) in [
        ("1h30m", HOUR * 3 / 2),
        ("30m1h", HOUR * 3 / 2),
        ("-1h30m", -HOUR * 3 / 2),
        ("1.h", HOUR),
        ("0h0m", 0),
        ("-.5h", -HOUR / 2),
        ("3ns2us1ms", 1_002_003),
        ("0.3333333333333333333h", 1_200_000_000_000),
        ("0.9223372036854775807h", 3_320_413_933_267),
        ("0.100000000000000000000h", 360_000_000_000),
        ("9007199254.740993s", 9_007_199_254_740_993_000),
        ("-9223372036854775808ns", i64::MIN),
        ("-9223372036854.775808ms", i64::MIN),
        ("-2562047h47m16.854775808s", i64::MIN),
        ("9223372036.854775807s", i64::MAX),
    ] {
        assert_eq!(parse(text), Ok(nanoseconds), "{text:?}");
    }
}

#[test]
fn errors_are_worded_as_in_go() {
    for (text, error) in [
        ("", r#"time: invalid duration """#),
        ("+", r#"time: invalid duration "+""#),
        ("3", r#"time: missing unit in duration "3""#),
        ("1h3", r#"time: missing unit in duration "1h3""#),
        ("1..5s", r#"time: missing unit in duration "1..5s""#),
        (".s", r#"time: invalid duration ".s""#),
        ("+.s", r#"time: invalid duration "+.s""#),
        ("--1s", r#"time: invalid duration "--1s""#),
        ("1d", r#"time: unknown unit "d" in duration "1d""#),
        ("1m-2s", r#"time: unknown unit "m-" in duration "1m-2s""#),
        (
            "1\"\\\n\u{7f}",
            "time: unknown unit \"\\\"\\\\\\x0a\u{7f}\" in duration \"1\\\"\\\\\\x0a\u{7f}\"",
        ),
        (
            "9223372036854775810ns",
            r#"time: invalid duration "9223372036854775810ns""#,
        ),
        (
            "99999999999999999999x",
            r#"time: invalid duration "99999999999999999999x""#,
        ),
        (
            "9223372036854775.808us",
            r#"time: invalid duration "9223372036854775.808us""#,
        ),
        (
            "-9223372036854775809ns",
            r#"time: invalid duration "-9223372036854775809ns""#,
        ),
        (
            "2562047h2562047h",
            r#"time: invalid duration "2562047h2562047h""#,
        ),
    ] {
        assert_eq!(parse(text), Err(error.to_owned()), "{text:?}");
    }
}

#[test]
fn parts_that_together_exceed_the_range_never_wrap_around() {
    let half = "9223372036854775808ns";
    assert!(parse(&format!("{half}{half}")).is_err());
    assert!(parse(&format!("-{half}{half}")).is_err());
}

#[test]
fn printing_leaves_out_what_go_leaves_out() {
    for (nanoseconds, text) in [
        (1, "1ns"),
        (-999, "-999ns"),
        (1_100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (3_300_000_000, "3.3s"),
        (1_000_000_001, "1.000000001s"),
        (60_000_000_000, "1m0s"),
        (HOUR, "1h0m0s"),
        (HOUR + 1, "1h0m0.000000001s"),
        (90 * HOUR / 60, "1h30m0s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
        (i64::MAX, "2562047h47m16.854775807s"),
    ] {
        assert_eq!(GoDuration::from_nanoseconds(nanoseconds).to_string(), text);
    }
}

#[test]
fn conversions_refuse_what_the_other_type_cannot_hold() {
    let minute = Duration::from_secs(60);
    assert_eq!(
        GoDuration::try_from(minute).map(|d| d.to_string()),
        Ok("1m0s".to_owned())
    );
    assert_eq!(
        Duration::try_from(GoDuration::from_nanoseconds(5)),
        Ok(Duration::from_nanos(5))
    );
    let long = Duration::from_nanos(1 << 63);
    assert_eq!(
        GoDuration::try_from(long),
        Err(ConvertDurationError::TooLong(long))
    );
    let negative = GoDuration::from_nanoseconds(-1);
    let error = Duration::try_from(negative).unwrap_err();
    assert_eq!(error.to_string(), "duration -1ns is negative");
}

#[test]
fn serde_uses_the_text() {
    let duration: GoDuration = serde_json::from_str(r#""90m""#).unwrap();
    assert_eq!(serde_json::to_string(&duration).unwrap(), r#""1h30m0s""#);
    let error = serde_json::from_str::<GoDuration>(r#""1d""#)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(r#"time: unknown unit "d" in duration "1d""#),
        "{error}"
    );
    let error = serde_json::from_str::<GoDuration>("5")
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected a duration such as 5m"), "{error}");
}

#[test]
fn the_schema_takes_less_than_go() {
    for (text, interval, timeout) in [
        ("5m", true, true),
        ("1h30m", true, false),
        ("1.5s", true, true),
        ("30ms", true, true),
        ("1m1ms1s", true, true),
        ("0s", true, true),
        ("", false, false),
        ("0", false, false),
        ("5", false, false),
        ("-5m", false, false),
        (".5s", false, false),
        ("5.s", false, false),
        ("5us", false, false),
        ("5ns", false, false),
        ("1d", false, false),
        ("5m\n", false, false),
        ("1ss", false, false),
        ("٣s", false, false),
    ] {
        assert_eq!(
            (is_interval(text), is_timeout(text)),
            (interval, timeout),
            "{text:?}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(nanoseconds: i64) {
        let duration = GoDuration::from_nanoseconds(nanoseconds);
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
    }

    #[test]
    fn small_durations_read_back(nanoseconds in -2_000_000_000_i64..2_000_000_000) {
        let duration = GoDuration::from_nanoseconds(nanoseconds);
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+]?([0-9]{0,21}(\\.[0-9]{0,25})?(ns|us|µs|ms|s|m|h|d|\\PC)?){0,4}") {
        match text.parse::<GoDuration>() {
            Ok(duration) => prop_assert_eq!(duration.to_string().parse(), Ok(duration)),
            Err(error) => prop_assert!(error.to_string().starts_with("time: ")),
        }
    }

    #[test]
    fn schemas_agree_with_their_patterns(text in "([0-9]{0,2}(\\.[0-9]{0,2})?(ms|s|m|h|us)?){0,3}") {
        let interval = regex::Regex::new(r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$").unwrap();
        let timeout = regex::Regex::new(r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$").unwrap();
        prop_assert_eq!(is_interval(&text), interval.is_match(&text));
        prop_assert_eq!(is_timeout(&text), timeout.is_match(&text));
    }

    #[test]
    fn what_the_schema_takes_is_a_duration(text in "([0-9]{1,4}(\\.[0-9]{1,4})?(ms|s|m|h)){1,3}") {
        prop_assert!(is_interval(&text));
        prop_assert!(text.parse::<GoDuration>().is_ok());
    }
}
