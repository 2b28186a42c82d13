//! What lines look like.

use std::io;
use std::sync::Arc;

use tracing::{debug, error, info, warn};

use super::*;

/// Lines in memory.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `log` logs at a level.
fn captured(level: LevelFilter, encoding: Encoding, log: impl FnOnce()) -> String {
    let output = Captured::default();
    let layer = Lines::new(encoding, output.clone()).with_filter(filter(level));
    tracing::subscriber::with_default(Registry::default().with(layer), log);
    let bytes = output.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_reconcile_is_told_with_the_keys_of_flux() {
    let text = captured(LevelFilter::INFO, Encoding::Json, || {
        let span = reconcile_span("ImageRepository", "apps", "web");
        span.in_scope(|| info!(tags = 3, "no new tags"));
    });
    let line: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<_> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "level",
        "ts",
        "msg",
        "controller",
        "controllerGroup",
        "controllerKind",
        "ImageRepository",
        "namespace",
        "name",
        "reconcileID",
        "tags",
    ];
    assert_eq!(keys, expected);
    assert_eq!(line["level"], "info");
    assert_eq!(line["msg"], "no new tags");
    assert_eq!(line["controllerGroup"], "image.toolkit.fluxcd.io");
    assert_eq!(
        line["ImageRepository"],
        json!({"name": "web", "namespace": "apps"})
    );
    assert_eq!(line["tags"], 3);
    let time: Timestamp = line["ts"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        line["ts"].as_str().unwrap().len(),
        "2026-11-25T13:00:00.000Z".len()
    );
    assert!(time <= Timestamp::now());
}

#[test]
fn errors_come_with_their_causes() {
    let text = captured(LevelFilter::ERROR, Encoding::Json, || {
        let cause = "x".parse::<u8>().unwrap_err();
        let error = io::Error::other(cause);
        error!(error = &error as &dyn std::error::Error, "scan failed");
        info!("not said");
    });
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "error");
    assert_eq!(line["error"], "invalid digit found in string");
}

#[test]
fn a_line_break_in_a_message_breaks_no_line() {
    for encoding in [Encoding::Json, Encoding::Console] {
        let text = captured(LevelFilter::INFO, encoding, || info!(what = "a\nb", "c"));
        assert_eq!(text.matches('\n').count(), 1, "{text}");
    }
}

#[test]
fn what_a_span_learns_later_is_said_too() {
    let text = captured(LevelFilter::INFO, Encoding::Json, || {
        let span = tracing::info_span!("push", branch = tracing::field::Empty);
        span.record("branch", "main");
        span.in_scope(|| info!("pushed"));
    });
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["branch"], "main");
}

#[test]
fn the_console_shows_time_level_and_text_first() {
    let time: Timestamp = "2026-11-25T13:00:00.1239Z".parse().unwrap();
    let fields = |fields: Value| fields.as_object().unwrap().clone();
    let bare = line(
        Encoding::Console,
        Level::INFO,
        time,
        Map::new(),
        fields(json!({"message": "started"})),
    );
    assert_eq!(bare, "2026-11-25T13:00:00.123Z\tINFO\tstarted\n");
    let full = line(
        Encoding::Console,
        Level::ERROR,
        time,
        fields(json!({"controller": "imagepolicy"})),
        fields(json!({"message": "failed", "error": "why"})),
    );
    let expected = "2026-11-25T13:00:00.123Z\tERROR\tfailed\t{\"controller\":\"imagepolicy\",\"error\":\"why\"}\n";
    assert_eq!(full, expected);
}

#[test]
fn libraries_are_heard_when_something_is_wrong() {
    let log = || {
        debug!(target: "hyper::client", "authorization: Bearer secret");
        info!(target: "kube_client", "connected");
        warn!(target: "kube_client", "trouble");
        error!(target: "kube_client::client::builder", "failed with error client error (Connect)");
        debug!("ours");
    };
    let said = |level| {
        let text = captured(level, Encoding::Json, log);
        let messages = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["msg"].as_str().unwrap().to_owned()
        });
        messages.collect::<Vec<_>>()
    };
    assert_eq!(said(LevelFilter::ERROR), [""; 0]);
    assert_eq!(said(LevelFilter::INFO), ["trouble"]);
    assert_eq!(said(LevelFilter::DEBUG), ["trouble", "ours"]);
    assert_eq!(said(LevelFilter::TRACE), ["connected", "trouble", "ours"]);
}

#[test]
fn spans_of_libraries_add_nothing() {
    let text = captured(LevelFilter::TRACE, Encoding::Json, || {
        let span = tracing::info_span!(target: "kube_runtime", "reconciling object", reason = "x");
        span.in_scope(|| info!("ours"));
    });
    assert!(!text.contains("reason"), "{text}");
}

#[test]
fn reconciles_have_ids_of_their_own() {
    let (first, second) = (random_uuid(), random_uuid());
    assert_ne!(first, second);
    let lengths: Vec<_> = first.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(first.as_bytes()[14], b'4');
    assert!(
        matches!(first.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
        "{first}"
    );
}
