//! A web server of files, as releases lie on one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, Uri};

use crate::serve::Listening;

/// A web server that hands out what it was given, and nothing else.
pub struct FileServer(Listening);

impl FileServer {
    /// Serves files by their paths, which begin with a slash.
    pub fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let files = Arc::new(files);
        let router = Router::new().fallback(move |uri: Uri| {
            let file = files.get(uri.path()).cloned();
            std::future::ready(file.ok_or(StatusCode::NOT_FOUND))
        });
        Self(Listening::http(router, None))
    }

    /// The address, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}
