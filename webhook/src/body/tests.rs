use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::HeaderValue;
use axum::http::header::HeaderName;
use futures::stream;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
    let lines = lines.iter();
    lines
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn json() -> HeaderMap {
    headers(&[(CONTENT_TYPE, "application/json")])
}

/// A body of so many bytes without a length, and how many of them were read.
fn body(length: usize) -> (Body, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let pieces = (0..length).step_by(65_536).map(move |start| {
        let piece = vec![b' '; 65_536.min(length - start)];
        count.fetch_add(piece.len(), Ordering::Relaxed);
        Ok::<_, io::Error>(piece)
    });
    (Body::from_stream(stream::iter(pieces)), read)
}

async fn read(room: &Room, headers: &HeaderMap, body: Body) -> Result<usize, Unread> {
    let deadline = Instant::now() + SOON;
    let whole = room.read(headers, body, deadline).await;
    whole.map(|whole| whole.bytes.len())
}

#[tokio::test]
async fn only_plain_json_is_read() {
    let room = Room::default();
    let of = |media: &str, encoding: Option<&str>| {
        let mut headers = headers(&[(CONTENT_TYPE, media)]);
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
        }
        headers
    };
    for headers in [
        HeaderMap::new(),
        of("text/plain", None),
        of("application/jsonp", None),
        of("application/json", Some("gzip")),
        of("application/json", Some("")),
    ] {
        let read = read(&room, &headers, body(3).0).await;
        assert!(matches!(read, Err(Unread::MediaType)), "{headers:?}");
    }
    let mut twice = of("application/json", Some("identity"));
    twice.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let read_twice = read(&room, &twice, body(3).0).await;
    assert!(matches!(read_twice, Err(Unread::MediaType)));
    for headers in [
        of("application/json", None),
        of("Application/JSON ; charset=utf-8", Some("Identity")),
    ] {
        assert_eq!(read(&room, &headers, body(3).0).await.unwrap(), 3);
    }
}

#[tokio::test]
async fn the_longest_body_is_read_and_a_byte_more_is_not() {
    let room = Room::default();
    assert_eq!(
        read(&room, &json(), body(MAX_BODY).0).await.unwrap(),
        MAX_BODY
    );
    let longer = read(&room, &json(), body(MAX_BODY + 1).0).await;
    assert!(matches!(longer, Err(Unread::TooLong)));
    let mut said = json();
    said.insert(CONTENT_LENGTH, HeaderValue::from(MAX_BODY + 1));
    let longer = read(&room, &said, Body::empty()).await;
    assert!(matches!(longer, Err(Unread::TooLong)));
    assert_eq!(room.0.available_permits(), ROOM, "all is given back");
}

#[tokio::test]
async fn who_is_refused_is_heard_out_but_not_for_ever() {
    let room = Room::default();
    let (polite, heard) = body(MAX_BODY + 65_536);
    assert!(read(&room, &json(), polite).await.is_err());
    assert_eq!(heard.load(Ordering::Relaxed), MAX_BODY + 65_536);
    let (endless, heard) = body(1 << 40);
    assert!(read(&room, &json(), endless).await.is_err());
    assert!(heard.load(Ordering::Relaxed) <= MAX_BODY + COURTESY + (1 << 17));
}

#[tokio::test]
async fn bodies_share_a_room_by_what_has_come() {
    let room = Room::default();
    let mut said = json();
    said.insert(CONTENT_LENGTH, HeaderValue::from(MAX_BODY));
    let silent = || Body::from_stream(stream::pending::<io::Result<Vec<u8>>>());
    let announced: Vec<_> = (0..20)
        .map(|_| Box::pin(room.read(&said, silent(), Instant::now() + SOON)))
        .collect();
    let mut announced = stream::FuturesUnordered::from_iter(announced);
    assert!(futures::poll!(announced.next()).is_pending());
    assert_eq!(
        read(&room, &json(), body(MAX_BODY).0).await.unwrap(),
        MAX_BODY
    );
    drop(announced);

    let mut kept = Vec::new();
    while let Ok(whole) = room
        .read(&json(), body(MAX_BODY).0, Instant::now() + SOON)
        .await
    {
        kept.push(whole);
    }
    assert_eq!(kept.len(), ROOM / (MAX_BODY / 1024));
    kept.clear();
    assert_eq!(room.0.available_permits(), ROOM);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let room = Room::default();
    let never = Body::from_stream(stream::pending::<io::Result<Vec<u8>>>());
    let late = read(&room, &json(), never).await;
    assert!(matches!(late, Err(Unread::Late)));
    assert_eq!(room.0.available_permits(), ROOM);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_body() {
    let room = Room::default();
    let pieces = [
        Ok(vec![b'{']),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ];
    let broken = Body::from_stream(stream::iter(pieces));
    let broken = read(&room, &json(), broken).await;
    assert!(matches!(broken, Err(Unread::Broken(_))));
}
