use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::super::*;
use super::fixture::{Fixture, answer, last_tag, on_main, set_image};
use crate::chain::Chain;

fn failure(remote: &Remote) -> TransportError {
    match remote.list().unwrap_err() {
        GitError::Remote { source, .. } => *source,
        other => panic!("{other:?}"),
    }
}

fn redirect(to: String) -> Response<Body> {
    Response::builder()
        .status(StatusCode::MOVED_PERMANENTLY)
        .header("location", to)
        .body(Body::empty())
        .unwrap()
}

#[test]
fn basic_credentials_open_fetch_and_push() {
    let fixture = Fixture::with_repository();
    fixture.require("Basic bWU6c2VjcmV0");
    let remote = fixture.remote_with(&[("username", "me"), ("password", "secret")]);
    let mut mirror = fixture.mirror();
    let start = mirror.fetch(&remote, &on_main(), &last_tag).unwrap().start;
    let update = Update {
        commit: set_image(&mirror, start, "2"),
        reference: "refs/heads/main".to_owned(),
        expect: Expect::ForwardFrom(start),
    };
    let pushed = mirror.push(&remote, &[update], &Push::default()).unwrap();
    assert_eq!(pushed.outcomes, [Outcome::Pushed]);
    let in_url = fixture.url("a.git").replace("://", "://me:secret@");
    assert!(fixture.remote_at(&in_url).list().is_ok());
}

#[test]
fn a_bearer_token_opens_too() {
    let fixture = Fixture::with_repository();
    fixture.require("Bearer tok");
    let remote = fixture.remote_with(&[("bearerToken", "tok"), ("username", "ignored")]);
    assert!(remote.list().is_ok());
}

#[test]
fn wrong_credentials_end_in_fluxs_text_without_them() {
    let fixture = Fixture::with_repository();
    fixture.require("Basic bWU6c2VjcmV0");
    let remote = fixture.remote_with(&[("username", "me"), ("password", "hunter2")]);
    let error = remote.list().unwrap_err();
    let url = fixture.url("a.git");
    assert_eq!(
        Chain(&error).to_string(),
        format!("unable to clone '{url}': authentication required: ")
    );
    let shown = format!("{error:?}{remote:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"));
}

#[test]
fn a_push_that_is_not_let_in_says_so_in_fluxs_words() {
    let fixture = Fixture::with_repository();
    let mut mirror = fixture.mirror();
    let fetched = mirror.fetch(&fixture.remote(), &on_main(), &last_tag);
    let start = fetched.unwrap().start;
    let update = Update {
        commit: set_image(&mirror, start, "2"),
        reference: "refs/heads/main".to_owned(),
        expect: Expect::ForwardFrom(start),
    };
    fixture.before(|_, uri| {
        let pushing = uri.query() == Some("service=git-receive-pack");
        pushing.then(|| answer(StatusCode::UNAUTHORIZED, "text/plain", ""))
    });
    let pushed = mirror.push(&fixture.remote(), &[update], &Push::default());
    assert_eq!(
        Chain(&pushed.unwrap_err()).to_string(),
        "failed to push to remote: authentication required: "
    );
}

#[test]
fn a_token_that_cannot_be_sent_is_refused() {
    let fixture = Fixture::new();
    let data = [("bearerToken".to_owned(), b"a\nb".to_vec())].into();
    let settings = Settings::from_secret(&fixture.url("a.git"), Some(&data)).unwrap();
    let refused = Remote::new(settings, fixture.runtime.handle().clone());
    assert!(matches!(refused, Err(TransportError::Token)));
}

#[test]
fn statuses_are_told_apart() {
    let fixture = Fixture::with_repository();
    let missing = fixture.remote_at(&fixture.url("missing.git"));
    assert!(matches!(
        failure(&missing),
        TransportError::RepositoryNotFound(_)
    ));
    fixture.before(|_, _| Some(answer(StatusCode::FORBIDDEN, "text/plain", "no access\n")));
    let forbidden = failure(&fixture.remote());
    assert_eq!(forbidden.to_string(), "authorization failed: no access");
    fixture.before(|_, _| {
        let mut answer = answer(StatusCode::TOO_MANY_REQUESTS, "text/html", "<html>");
        answer
            .headers_mut()
            .insert("retry-after", "7".parse().unwrap());
        Some(answer)
    });
    match failure(&fixture.remote()) {
        TransportError::Status {
            status,
            text,
            retry_after,
        } => {
            assert_eq!((status, text.as_str()), (429, ""));
            assert_eq!(retry_after, Some(Duration::from_secs(7)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_login_page_is_recognised() {
    let fixture = Fixture::with_repository();
    fixture.before(|_, _| Some(answer(StatusCode::OK, "text/html; charset=utf-8", "<html>")));
    let error = failure(&fixture.remote());
    match &error {
        TransportError::NotGit {
            content_type,
            expected,
        } => {
            assert_eq!(content_type, "text/html");
            assert_eq!(expected, "application/x-git-upload-pack-advertisement");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn garbage_in_the_right_wrapping_is_an_error() {
    let fixture = Fixture::with_repository();
    for body in ["", "garbage", "001e# service=git-upload-pack\n0000"] {
        fixture.before(move |_, _| {
            let content_type = "application/x-git-upload-pack-advertisement";
            Some(answer(StatusCode::OK, content_type, body))
        });
        let error = fixture.remote().list().unwrap_err();
        assert!(
            matches!(error, GitError::Remote { .. }),
            "{body}: {error:?}"
        );
    }
}

#[test]
fn a_pack_that_is_cut_off_is_an_error() {
    let fixture = Fixture::with_repository();
    fixture.before(|method, _| {
        let content_type = "application/x-git-upload-pack-result";
        (method == "POST").then(|| answer(StatusCode::OK, content_type, "0008NAK\n0023\u{1}PACK"))
    });
    let fetched = fixture
        .mirror()
        .fetch(&fixture.remote(), &on_main(), &last_tag);
    assert!(fetched.is_err());
}

#[test]
fn a_renamed_repository_is_followed_on_the_same_server() {
    let fixture = Fixture::with_repository();
    fixture.before(|_, uri| {
        let rest = uri.path().strip_prefix("/old.git")?;
        let query = uri.query().unwrap_or_default();
        Some(redirect(format!("/a.git{rest}?{query}")))
    });
    let remote = fixture.remote_at(&fixture.url("old.git"));
    let mut mirror = fixture.mirror();
    let start = mirror.fetch(&remote, &on_main(), &last_tag).unwrap().start;
    let update = Update {
        commit: set_image(&mirror, start, "2"),
        reference: "refs/heads/main".to_owned(),
        expect: Expect::ForwardFrom(start),
    };
    let pushed = mirror.push(&remote, &[update], &Push::default()).unwrap();
    assert_eq!(pushed.outcomes, [Outcome::Pushed]);
}

#[test]
fn redirects_elsewhere_and_in_circles_are_not_followed() {
    let fixture = Fixture::with_repository();
    fixture.before(|_, _| Some(redirect("https://me:pw@evil.example/x?token=1".to_owned())));
    let elsewhere = failure(&fixture.remote());
    assert_eq!(
        elsewhere.to_string(),
        "the server redirects to https://evil.example/x, which is not followed: use that URL if it is right"
    );
    fixture.before(|_, uri| Some(redirect(uri.to_string())));
    let circle = failure(&fixture.remote());
    assert!(matches!(circle, TransportError::RedirectLoop));
}

/// A server that takes connections and says nothing.
fn silent() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.git", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    let fixture = Fixture::with_repository();
    let (_listener, url) = silent();
    let mut settings = Settings::local(&url, None).unwrap();
    settings.timeout = Duration::from_millis(200);
    let remote = Remote::new(settings, fixture.runtime.handle().clone()).unwrap();
    let error = failure(&remote);
    assert_eq!(error.to_string(), "timed out after 0.2 s");
}

#[test]
fn a_server_that_drips_is_given_up_in_time() {
    use std::io::{Read as _, Write as _};
    let fixture = Fixture::with_repository();
    let (listener, url) = silent();
    let dripping = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).unwrap() > 0);
        let content_type = "application/x-git-upload-pack-advertisement";
        // One long line of which a byte comes now and then.
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n\r\n0fff");
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(20));
            sent = stream.write_all(b"x");
        }
    });
    let mut settings = Settings::local(&url, None).unwrap();
    settings.timeout = Duration::from_millis(500);
    let remote = Remote::new(settings, fixture.runtime.handle().clone()).unwrap();
    let error = failure(&remote);
    assert!(matches!(error, TransportError::Timeout(_)), "{error:?}");
    drop((remote, fixture));
    dripping.join().unwrap();
}

#[test]
fn cancelling_stops_a_running_operation_and_every_later_one() {
    let fixture = Fixture::with_repository();
    let (_listener, url) = silent();
    let cancel = Cancel::default();
    let remote = fixture.remote_at(&url).with_cancel(cancel.clone());
    let started = Instant::now();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancel.cancel();
    });
    assert!(matches!(failure(&remote), TransportError::Cancelled));
    stopper.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(15));
    assert!(matches!(failure(&remote), TransportError::Cancelled));
}

#[test]
fn nobody_listening_is_told_without_the_url_twice() {
    let fixture = Fixture::with_repository();
    let (listener, url) = silent();
    drop(listener);
    let error = fixture.remote_at(&url).list().unwrap_err();
    let text = Chain(&error).to_string();
    assert!(text.starts_with(&format!(
        "unable to clone '{url}': cannot reach the server: "
    )));
    assert_eq!(text.matches(&url).count(), 1, "{text}");
}

#[test]
fn an_http_proxy_is_shown_its_login() {
    let fixture = Fixture::with_repository();
    let mut settings = Settings::local("http://git.invalid/a.git", None).unwrap();
    let proxy = fixture.url("").replace("://", "://me:secret@");
    settings.proxy = Some(Proxy::parse(&proxy).unwrap());
    let remote = Remote::new(settings, fixture.runtime.handle().clone()).unwrap();
    // The fixture plays the proxy: it is asked for the whole URL, and finds the repository in its path.
    assert!(remote.list().is_ok());
    assert_eq!(fixture.header("host").unwrap(), "git.invalid");
    assert_eq!(
        fixture.header("proxy-authorization").unwrap(),
        "Basic bWU6c2VjcmV0"
    );
}

#[test]
fn servers_see_a_git_client() {
    let fixture = Fixture::with_repository();
    fixture.remote().list().unwrap();
    let agent = fixture.header("user-agent").unwrap();
    assert!(agent.starts_with("git/imgauto-"), "{agent}");
}

#[test]
fn a_ca_and_a_client_certificate_that_are_none_are_named() {
    let fixture = Fixture::new();
    let with = |tls| {
        let mut settings = Settings::local("https://git.invalid/a.git", None).unwrap();
        settings.tls = tls;
        let remote = Remote::new(settings, fixture.runtime.handle().clone());
        remote.unwrap_err().to_string()
    };
    let identity = ClientCertificate {
        certificates: b"garbage".to_vec(),
        key: "garbage".into(),
    };
    assert_eq!(
        with(Tls {
            ca: None,
            identity: Some(identity)
        }),
        "cannot use the client certificate"
    );
    assert_eq!(
        with(Tls {
            ca: Some(b"garbage".to_vec()),
            identity: None
        }),
        "cannot use the CA: there is no certificate in it"
    );
    let ca = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----".to_vec();
    assert_eq!(
        with(Tls {
            ca: Some(ca),
            identity: None
        }),
        "cannot use the CA"
    );
}
