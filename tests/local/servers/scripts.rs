//! The server that answers what it was told.

use std::time::{Duration, Instant};

use harness::ScriptedServer;
use harness::scripted_server::Answer;

use super::get;

fn text(body: &str) -> Answer {
    Answer {
        body: body.to_owned(),
        ..Answer::default()
    }
}

#[test]
fn the_last_answer_repeats_and_a_query_goes_first() {
    let server = ScriptedServer::start(None);
    server.script([
        ("GET /a".to_owned(), vec![text("first"), text("last")]),
        ("GET /a?x=1&y=2".to_owned(), vec![text("query")]),
    ]);
    let ask = |target: &str| get(&format!("http://{}{target}", server.host()), None).unwrap();
    for (target, body) in [
        ("/a", "first"),
        ("/a?y=2&x=1", "query"),
        ("/a?x=1", "last"),
        ("/a", "last"),
    ] {
        assert_eq!(ask(target), (200, body.to_owned()), "{target}");
    }
    server.script([("GET /b".to_owned(), vec![text("other")])]);
    assert_eq!(ask("/a"), (404, String::new()));
    assert_eq!(ask("/b"), (200, "other".to_owned()));
    assert_eq!(ask("/v2/"), (200, "{}".to_owned()));
}

#[test]
fn a_scripted_answer_takes_its_time() {
    let server = ScriptedServer::start(None);
    let delay = Duration::from_millis(300);
    let slow = Answer {
        status: 403,
        delay,
        ..Answer::default()
    };
    server.script([("GET /a".to_owned(), vec![slow])]);
    let start = Instant::now();
    let url = format!("http://{}/a", server.host());
    assert_eq!(get(&url, None).unwrap(), (403, String::new()));
    assert!(start.elapsed() >= delay);
}
