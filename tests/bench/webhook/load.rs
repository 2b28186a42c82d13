//! Load on a webhook over connections that are kept, as the API server keeps them.
//!
//! One thread sends and receives without ever sleeping, since timers are too coarse for a tenth of a millisecond. It
//! should have a processor core of its own.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::Value;

use super::corpus::Question;

/// How many connections an API server keeps to one host.
const CONNECTIONS: usize = 25;

/// Who asks a webhook.
pub(super) struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    connections: Vec<Connection>,
    /// Those on which nothing is asked, the one that has rested longest first.
    idle: VecDeque<usize>,
}

/// What was asked on a connection.
struct Asked {
    connection: usize,
    /// When it was to be asked.
    due: Instant,
    question: usize,
}

/// Questions, each with the answer that is right.
pub(super) struct Exam<'a> {
    questions: &'a [Question],
    answers: Vec<Vec<u8>>,
}

impl Client {
    /// Opens the connections to a webhook whose certificate is signed by this one.
    pub(super) fn connect(address: SocketAddr, authority: &str) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("it is PEM");
        roots.add(authority).expect("an authority is a root");
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // The API server begins every connection anew, too.
        config.resumption = rustls::client::Resumption::disabled();
        let config = Arc::new(config);
        let connections = (0..CONNECTIONS).map(|_| Connection::open(address, &config));
        Self {
            address,
            connections: connections.collect(),
            config,
            idle: (0..CONNECTIONS).collect(),
        }
    }

    /// Asks every question on every connection, checks that it is answered with a review, and keeps the answers.
    pub(super) fn examine<'a>(&mut self, questions: &'a [Question]) -> Exam<'a> {
        let answers = questions.iter().map(|question| {
            let connections = self.connections.iter_mut();
            let mut answers = connections.map(|connection| connection.ask(&question.request));
            let answer = answers.next().unwrap_or_default();
            assert!(answers.all(|other| other == answer), "{}", question.name);
            let review: Value = serde_json::from_slice(&answer).expect("answers are JSON");
            let allowed = &review["response"]["allowed"];
            assert_eq!(*allowed, true, "{}: {review}", question.name);
            answer
        });
        Exam {
            answers: answers.collect(),
            questions,
        }
    }

    /// Asks in turn, so often in a second whatever becomes of the answers, and returns how long each answer took.
    ///
    /// The time runs from the moment at which a question is due, also where it has to wait for a connection: an answer that
    /// is late makes those behind it late, too.
    pub(super) fn at_rate(&mut self, exam: &Exam<'_>, rate: u32, time: Duration) -> Vec<Duration> {
        let period = Duration::from_secs(1) / rate;
        let count = time.as_nanos() / period.as_nanos();
        let begin = Instant::now() + period;
        let due = (0u32..).map(|number| begin + period * number);
        let mut waiting = due
            .zip((0..exam.questions.len()).cycle())
            .take(count as usize)
            .peekable();
        let (mut asked, mut times) = (Vec::new(), Vec::new());
        while waiting.peek().is_some() || !asked.is_empty() {
            while let Some(connection) = self.idle.front().copied()
                && let Some((due, question)) = waiting.next_if(|(due, _)| *due <= Instant::now())
            {
                self.idle.pop_front();
                self.connections[connection].send(&exam.questions[question].request);
                asked.push(Asked {
                    connection,
                    due,
                    question,
                });
            }
            self.collect(exam, &mut asked, |due| times.push(due.elapsed()));
        }
        times
    }

    /// Asks on every connection as soon as it has been answered there, and returns how many answers came in the time.
    pub(super) fn at_once(&mut self, exam: &Exam<'_>, time: Duration) -> usize {
        let end = Instant::now() + time;
        let mut next = (0..exam.questions.len()).cycle();
        let (mut asked, mut answers, mut counted) = (Vec::new(), 0, 0);
        loop {
            let is_over = Instant::now() >= end;
            if !is_over {
                while let Some(connection) = self.idle.pop_front() {
                    let question = next.next().unwrap_or_default();
                    self.connections[connection].send(&exam.questions[question].request);
                    asked.push(Asked {
                        connection,
                        due: Instant::now(),
                        question,
                    });
                }
                counted = answers;
            } else if asked.is_empty() {
                return counted;
            }
            self.collect(exam, &mut asked, |_| answers += 1);
        }
    }

    /// Asks once on a connection of its own and returns how long that takes from the first packet on.
    pub(super) fn anew(&self, exam: &Exam<'_>) -> Duration {
        let begin = Instant::now();
        let mut connection = Connection::open(self.address, &self.config);
        let answer = connection.ask(&exam.questions[0].request);
        let time = begin.elapsed();
        assert_eq!(answer, exam.answers[0]);
        time
    }

    /// Takes the answers that have come, and checks them.
    fn collect(
        &mut self,
        exam: &Exam<'_>,
        asked: &mut Vec<Asked>,
        mut answered: impl FnMut(Instant),
    ) {
        asked.retain(|one| {
            let connection = &mut self.connections[one.connection];
            let Some(answer) = connection.answer() else {
                return true;
            };
            answered(one.due);
            assert!(
                answer == exam.answers[one.question],
                "{}",
                exam.questions[one.question].name
            );
            connection.received.clear();
            self.idle.push_back(one.connection);
            false
        });
    }
}

/// A connection on which at most one question is under way.
struct Connection {
    socket: TcpStream,
    tls: ClientConnection,
    received: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let mut socket = TcpStream::connect(address).expect("the webhook listens");
        socket.set_nodelay(true).expect("the socket is open");
        let name = ServerName::from(address.ip());
        let mut tls = ClientConnection::new(Arc::clone(config), name).expect("the name is valid");
        tls.set_buffer_limit(None);
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)
                .expect("the webhook is trusted");
        }
        socket.set_nonblocking(true).expect("the socket is open");
        Self {
            socket,
            tls,
            received: Vec::with_capacity(16 * 1024),
        }
    }

    /// Asks and waits.
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.send(request);
        loop {
            if let Some(answer) = self.answer() {
                let answer = answer.to_vec();
                self.received.clear();
                return answer;
            }
            std::hint::spin_loop();
        }
    }

    fn send(&mut self, request: &[u8]) {
        self.tls
            .writer()
            .write_all(request)
            .expect("there is no limit");
        self.flush();
    }

    /// Writes as much as the kernel takes.
    fn flush(&mut self) {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the webhook is gone: {error}"),
            }
        }
    }

    /// The body of the answer, if all of it has come.
    fn answer(&mut self) -> Option<&[u8]> {
        self.flush();
        match self.tls.read_tls(&mut self.socket) {
            Ok(0) => panic!("the webhook has closed a connection"),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("the webhook is gone: {error}"),
        }
        let state = self
            .tls
            .process_new_packets()
            .expect("the webhook speaks TLS");
        let begin = self.received.len();
        self.received
            .resize(begin + state.plaintext_bytes_to_read(), 0);
        self.tls
            .reader()
            .read_exact(&mut self.received[begin..])
            .expect("so much is there");
        body(&self.received)
    }
}

/// The body of an answer, once it is there in full.
fn body(answer: &[u8]) -> Option<&[u8]> {
    const END: &[u8] = b"\r\n\r\n";
    const LENGTH: &str = "content-length: ";
    let end = answer.windows(END.len()).position(|window| window == END)?;
    let (head, rest) = answer.split_at(end);
    let head = str::from_utf8(head).expect("heads are ASCII");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix(LENGTH)?.parse::<usize>().ok());
    let length = length.expect("the webhook says how long its answers are");
    let body = &rest[END.len()..];
    (body.len() == length).then_some(body)
}
