//! Callers that do what the API server never does.

use super::*;

/// Limits that a test can wait for.
const SHORT: Limits = Limits {
    connections: 1000,
    handshake: Duration::from_millis(300),
    head: Duration::from_millis(300),
    idle: Duration::from_secs(60),
    request: Duration::from_secs(60),
    answer: Duration::from_millis(300),
};

#[tokio::test]
async fn who_says_nothing_at_all_is_let_go() {
    let server = Running::webhook(SHORT).await;
    ends(TcpStream::connect(server.address).await.unwrap()).await;
    server.shakes("timeout").await;
    server.is_well().await;
}

#[tokio::test]
async fn who_asks_nothing_is_let_go_where_places_are_scarce() {
    let few = Limits {
        connections: 3,
        ..SHORT
    };
    let server = Running::webhook(few).await;
    let mut dialled = server.connect().await;
    sleep(few.head * 3).await;
    let answer = ask(&mut dialled, "/livez", "").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "there was room");
    let silent = [server.connect().await, server.connect().await];
    // Both have to go before this one is taken, or one of them after the other.
    server.is_well().await;
    ask(&mut dialled, "/livez", "")
        .await
        .expect("it has asked before");
    drop(silent);
}

#[tokio::test]
async fn a_head_that_drips_is_not_waited_for() {
    let server = Running::webhook(SHORT).await;
    let mut first = server.connect().await;
    let drip = async {
        for byte in b"POST /mutate HTTP/1.1\r\nx-slow: ".iter().cycle() {
            if first.write_all(&[*byte]).await.is_err() || first.flush().await.is_err() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("it is cut off");
    server.rejects("slow").await;
    server.is_well().await;
}

#[tokio::test]
async fn who_has_asked_once_has_no_more_time_for_the_next_head() {
    let server = Running::webhook(SHORT).await;
    let mut stream = server.connect().await;
    ask(&mut stream, "/livez", "").await.unwrap();
    // Between requests there is time.
    sleep(SHORT.head * 3).await;
    ask(&mut stream, "/livez", "").await.unwrap();
    stream.write_all(b"POST /mutate HT").await.unwrap();
    ends(stream).await;
    server.rejects("slow").await;
    server.is_well().await;
}

#[tokio::test]
async fn who_does_not_take_an_answer_is_let_go() {
    let large = "x".repeat(32 * 1024 * 1024);
    let router = plain()
        .route("/livez", get(|| async { "ok" }))
        .route("/large", get(move || std::future::ready(large.clone())));
    let server = Running::start(router, Metrics::new(), SHORT).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    server.rejects("slow").await;
    // Likewise one that goes away in the middle of it.
    let mut gone = server.connect().await;
    gone.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    gone.read_u8().await.unwrap();
    drop(gone);
    server.is_well().await;
}

#[tokio::test]
async fn what_is_no_tls_is_no_connection() {
    let server = Running::webhook(Limits::default()).await;
    let http = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n".as_slice();
    let garbage = [0xff; 4096].as_slice();
    for (count, bytes) in [http, garbage].into_iter().enumerate() {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        ends(stream).await;
        let line = format!(
            "imgauto_tls_handshakes_total{{result=\"failed\"}} {}",
            count + 1
        );
        server.counts(&line).await;
    }
    drop(TcpStream::connect(server.address).await.unwrap());
    server.shakes("aborted").await;
    server.is_well().await;
}

#[tokio::test]
async fn versions_of_tls_that_are_broken_are_refused() {
    let server = Running::webhook(Limits::default()).await;
    // A hello of TLS 1.1: its version, a random number, no session, two suites, no compression, and with which kind of
    // key to sign.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x13, 0xc0, 0x09, 1, 0]);
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    // A fatal alert: protocol_version.
    assert_eq!(
        (answer[0], &answer[5..]),
        (0x15, &[2, 70][..]),
        "{answer:?}"
    );
    server.shakes("failed").await;
    server.is_well().await;
}

#[tokio::test]
async fn only_http_1_is_spoken() {
    let server = Running::webhook(Limits::default()).await;
    let mut config = client(&server.authority);
    config.alpn_protocols = vec![b"h2".to_vec()];
    assert!(server.shake(NAME, config.clone()).await.is_err());
    server.shakes("failed").await;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = server.shake(NAME, config).await.unwrap();
    let protocol = stream.get_ref().1.alpn_protocol();
    assert_eq!(protocol, Some(&b"http/1.1"[..]));
    let mut stream = server.connect().await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    ends(stream).await;
    server.is_well().await;
}

#[tokio::test]
async fn who_calls_it_by_another_name_is_told_its_own() {
    let server = Running::webhook(Limits::default()).await;
    let other = server.shake("other.example", client(&server.authority));
    assert!(other.await.is_err(), "that is not its name");
    server.shakes("failed").await;
    // An address is not told in the handshake.
    let mut stream = server
        .shake("127.0.0.1", client(&server.authority))
        .await
        .unwrap();
    ask(&mut stream, "/livez", "").await.unwrap();
    server.is_well().await;
}

#[tokio::test]
async fn requests_that_follow_each_other_closely_are_answered_in_order() {
    let server = Running::webhook(Limits::default()).await;
    let mut stream = server.connect().await;
    let one = "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
    let other = "GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n";
    let all = [one, other, one].concat();
    stream.write_all(all.as_bytes()).await.unwrap();
    for status in ["200", "404", "200"] {
        let answer = hear(&mut stream).await.unwrap();
        assert!(answer[9..].starts_with(status), "{answer}");
    }
}

#[tokio::test]
async fn who_has_said_all_and_listens_gets_the_answer() {
    let server = Running::webhook(Limits::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let answer = hear(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.is_well().await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let server = Running::webhook(Limits::default()).await;
    let mut stream = server.connect().await;
    let long = format!("x: {}\r\n", "y".repeat(HEAD));
    let answer = ask(&mut stream, "/livez", &long).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = "x: y\r\n".repeat(200);
    let answer = ask(&mut server.connect().await, "/livez", &many).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 431"));
    server.is_well().await;
}

#[tokio::test]
async fn beyond_the_most_connections_the_next_one_waits_and_the_others_go_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server {
        router: plain(),
        security: None,
        metrics: Metrics::new(),
        ending: Ending::default(),
        limits: Limits::default(),
    };
    let most = server.limits.connections;
    assert_eq!(most, 1000);
    tokio::spawn(server.serve(listener, PATIENCE));
    let mut streams = Vec::new();
    for _ in 0..most {
        let mut stream = TcpStream::connect(address).await.unwrap();
        ask(&mut stream, "/", "").await.unwrap();
        streams.push(stream);
    }
    let mut next = TcpStream::connect(address).await.unwrap();
    let mut waiting = pin!(ask(&mut next, "/", ""));
    let unanswered = timeout(Duration::from_millis(200), waiting.as_mut()).await;
    assert!(unanswered.is_err(), "there is no room");
    for stream in &mut streams {
        ask(stream, "/", "").await.unwrap();
    }
    streams.pop();
    let answer = timeout(PATIENCE, waiting).await.expect("there is room now");
    assert!(answer.unwrap().starts_with("HTTP/1.1 200"));
}
