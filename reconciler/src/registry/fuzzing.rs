//! The readers of what registries say, within reach of the fuzz targets; only builds for fuzzing have this.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use super::challenge::{self, Challenge};
use super::link;

/// Returns the next page a `Link` header leads to, as written.
#[must_use]
pub fn next_target(header: &str) -> Option<&str> {
    link::next_target(header)
}

/// Returns the token server that lines of `WWW-Authenticate` send to; lines that are no header are left out.
///
/// # Panics
/// Never: the address of the request is one.
#[must_use]
pub fn token_server(lines: &[&str]) -> Option<Url> {
    let mut headers = HeaderMap::new();
    for line in lines {
        if let Ok(line) = HeaderValue::from_str(line) {
            headers.append(WWW_AUTHENTICATE, line);
        }
    }
    let request = Url::parse("https://r.example/v2/a/tags/list").expect("this is a URL");
    match challenge::pick(&headers, &request)? {
        Challenge::Bearer { realm, .. } => Some(realm),
        Challenge::Basic => None,
    }
}
