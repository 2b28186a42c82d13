//! When tokens end, in the many ways their issuers say it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Reads a moment: RFC 3339 text, or seconds since 1970 as a number or as text, perhaps with a fraction.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str()
        && let Ok(moment) = text.parse()
    {
        return Some(moment);
    }
    let since = seconds(value)?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}

/// Reads a lifetime in seconds, a number or text, and returns when it ends if it begins at `now`.
pub(super) fn lifetime(value: &Value, now: Timestamp) -> Option<Timestamp> {
    let lifetime = seconds(value).filter(|lifetime| !lifetime.is_negative())?;
    Some(now.checked_add(lifetime).unwrap_or(Timestamp::MAX))
}

/// Reads the claim `exp` of a JSON web token; the signature is its reader's business.
pub(super) fn of_jwt(token: &str) -> Option<Timestamp> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    moment(claims.get("exp")?)
}

fn seconds(value: &Value) -> Option<SignedDuration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    SignedDuration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_moment_is_text_or_seconds() {
        let whole = at("2026-03-01T12:00:00Z");
        assert_eq!(moment(&json!("2026-03-01T12:00:00Z")), whole);
        assert_eq!(moment(&json!("2026-03-01T13:00:00+01:00")), whole);
        assert_eq!(moment(&json!(1_772_366_400)), whole);
        assert_eq!(moment(&json!("1772366400")), whole);
        assert_eq!(
            moment(&json!(1_772_366_400.5)),
            at("2026-03-01T12:00:00.5Z")
        );
        for wrong in [
            json!("soon"),
            json!(null),
            json!([1]),
            json!(1e300),
            json!("NaN"),
        ] {
            assert_eq!(moment(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_lifetime_counts_from_now() {
        let now = at("2026-03-01T12:00:00Z").unwrap();
        let end = at("2026-03-01T12:59:59Z");
        assert_eq!(lifetime(&json!(3599), now), end);
        assert_eq!(lifetime(&json!("3599"), now), end);
        assert_eq!(lifetime(&json!(-1), now), None);
        assert_eq!(lifetime(&json!(1e15), now), Some(Timestamp::MAX));
    }

    #[test]
    fn a_web_token_says_when_it_ends() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(
            of_jwt(&token(r#"{"exp":1772366400}"#)),
            at("2026-03-01T12:00:00Z")
        );
        assert_eq!(of_jwt(&token(r#"{"sub":"x"}"#)), None);
        assert_eq!(of_jwt(&token("no json")), None);
        assert_eq!(of_jwt("no token"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_a_reader_panic(text in ".{0,60}", number: f64, whole: i64, now in 0i64..4_000_000_000) {
            let now = Timestamp::from_second(now).unwrap();
            of_jwt(&text);
            of_jwt(&format!("e30.{}.x", URL_SAFE_NO_PAD.encode(&text)));
            for value in [json!(text), json!(number), json!(whole)] {
                moment(&value);
                if let Some(end) = lifetime(&value, now) {
                    prop_assert!(end >= now);
                }
            }
        }

        #[test]
        fn whole_seconds_are_read_back(second in -62_135_596_800i64..253_402_207_200) {
            let expected = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(moment(&json!(second)), Some(expected));
            prop_assert_eq!(moment(&json!(expected.to_string())), Some(expected));
        }
    }
}
