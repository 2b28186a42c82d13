//! What a cloud says when it refuses, in the many shapes clouds say it.

use secrecy::SecretString;
use serde_json::Value;

use super::xml;
use crate::registry::redact::excerpt;

/// Fields of JSON that name the fault, the most telling last.
const NAMES: [&str; 4] = ["error", "__type", "Code", "code"];

/// Fields of JSON that describe the fault.
const DESCRIPTIONS: [&str; 3] = ["error_description", "message", "Message"];

/// What comes behind a description and is another one each time: two equal refusals have to read equal.
const CHANGING: [&str; 4] = [" Trace ID:", " Correlation ID:", " Timestamp:", "\n"];

/// Returns fault and description as `fault: description`, or the beginning of what is neither JSON nor XML.
pub(super) fn explain(body: &str, secrets: &[SecretString]) -> String {
    let known = match serde_json::from_str::<Value>(body) {
        Ok(json) => of_json(&json),
        Err(_) => [xml::text(body, "Code"), xml::text(body, "Message")],
    };
    let parts: Vec<String> = known
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        return excerpt(body, secrets);
    }
    excerpt(&parts.join(": "), secrets)
}

fn of_json(json: &Value) -> [Option<String>; 2] {
    // Google and ACR wrap it; ACR into a list.
    let inner = json.get("error").filter(|inner| inner.is_object());
    let inner = inner.or_else(|| json.get("errors")?.get(0));
    let json = inner.unwrap_or(json);
    let text = |name: &&str| json.get(*name)?.as_str().map(steady);
    let status = || json.get("status")?.as_str().map(steady);
    let fault = NAMES.iter().rev().find_map(text).or_else(status);
    [fault, DESCRIPTIONS.iter().find_map(text)]
}

/// Cuts off what is another one each time.
fn steady(text: &str) -> String {
    let end = CHANGING.iter().filter_map(|mark| text.find(mark)).min();
    text[..end.unwrap_or(text.len())].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_cloud_is_understood() {
        for (body, text) in [
            (
                r#"{"error":"invalid_client","error_description":"AADSTS700213: No matching federated identity record found. Trace ID: 1-2 Correlation ID: 3 Timestamp: 2026-03-01 12:00:00Z","error_codes":[700213]}"#,
                "invalid_client: AADSTS700213: No matching federated identity record found.",
            ),
            (
                r#"{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}"#,
                "UnrecognizedClientException: The security token included in the request is invalid.",
            ),
            (
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not &quot;authorized&quot;</Message></Error><RequestId>7</RequestId></ErrorResponse>",
                "AccessDenied: Not \"authorized\"",
            ),
            (
                r#"{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}"#,
                "PERMISSION_DENIED: Permission denied",
            ),
            (
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
                "UNAUTHORIZED: authentication required",
            ),
            (
                r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}"#,
                "Bad credentials",
            ),
            ("  no such\tpage ", "no such page"),
            ("", ""),
        ] {
            assert_eq!(explain(body, &[]), text);
        }
    }

    #[test]
    fn a_secret_that_comes_back_is_not_repeated() {
        let secrets = [SecretString::from("eyJhbGciOi")];
        let body = r#"{"error":"invalid_grant","error_description":"bad eyJhbGciOi"}"#;
        assert_eq!(explain(body, &secrets), "invalid_grant: bad REDACTED");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(body in r#"[<>/{}":, a-zäCodeMessage&;#\n]{0,80}"#) {
            explain(&body, &[]);
        }
    }
}
