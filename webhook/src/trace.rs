//! The trace that a request is part of, as the API server tells it.

use axum::http::HeaderMap;

/// The header of the W3C's recommendation on trace contexts.
const HEADER: &str = "traceparent";

/// The id of the trace: 32 digits, hexadecimal, in lower case; `None` if there is none or it is not well-formed.
pub fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        let mut digits = text.bytes();
        text.len() == length && digits.all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_known = match version {
        "00" => parts.next().is_none(),
        "ff" => false,
        // Later versions may say more.
        _ => is_hex(version, 2),
    };
    let is_zero = |text: &str| text.bytes().all(|digit| digit == b'0');
    let is_sound = is_known
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && !is_zero(trace)
        && !is_zero(parent);
    is_sound.then_some(trace)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_trace_is_known_by_its_header() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_str(text).unwrap());
            trace_id(&headers).map(str::to_owned)
        };
        let parent = "00f067aa0ba902b7";
        for sound in [
            format!("00-{trace}-{parent}-01"),
            format!("01-{trace}-{parent}-01-more"),
        ] {
            assert_eq!(of(&sound).as_deref(), Some(trace), "{sound}");
        }
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            trace.to_owned(),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-01-more"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{zeros}-{parent}-01"),
            format!("00-{trace}-{}-01", &zeros[..16]),
            format!("00-{trace}x-{parent}-01"),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
        assert_eq!(trace_id(&HeaderMap::new()), None);
    }
}
