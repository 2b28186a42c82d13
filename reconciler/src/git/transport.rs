//! The bridge between libgit2 and our own connections, and the only place with `unsafe` code.
//!
//! libgit2 asks a process-wide factory for a transport and tells it nothing about the caller. A call therefore leaves
//! its context in a thread-local while it runs; libgit2 asks on the calling thread.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Once};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use git2::{ConfigLevel, ErrorClass, ErrorCode, Oid};
use url::Url;

use super::advertisement::Advertisement;
use super::error::TransportError;
use super::http::HttpStream;
use super::remote::{Limit, Remote, Way};
use super::ssh::SshStream;

/// The scheme of the URL that leads libgit2 here; addresses and secrets are never shown to it.
const URL: &str = "imgauto://remote";

thread_local! {
    static CURRENT: RefCell<Option<Arc<Call>>> = const { RefCell::new(None) };
}

/// One operation on one remote.
pub(super) struct Call {
    pub(super) remote: Remote,
    pub(super) limit: Limit,
    failure: Mutex<Option<TransportError>>,
    advertisement: Mutex<Advertisement>,
    moved_to: Mutex<Option<Url>>,
}

impl Call {
    /// Keeps the typed error beside the text that libgit2 will carry.
    pub(super) fn fail(&self, error: TransportError) -> io::Error {
        let text = io::Error::other(error.to_string());
        self.record(error);
        text
    }

    pub(super) fn record(&self, error: TransportError) {
        lock(&self.failure).get_or_insert(error);
    }

    pub(super) fn take_failure(&self) -> Option<TransportError> {
        lock(&self.failure).take()
    }

    /// Returns whether the operation may go on; for libgit2's progress callbacks.
    pub(super) fn may_continue(&self) -> bool {
        match self.limit.check() {
            Ok(()) => true,
            Err(error) => {
                self.record(error);
                false
            }
        }
    }

    /// Remembers where a redirect led, so that the requests that follow go there.
    pub(super) fn note_moved(&self, base: Url) {
        *lock(&self.moved_to) = Some(base);
    }

    pub(super) fn moved_to(&self) -> Option<Url> {
        lock(&self.moved_to).clone()
    }

    pub(super) fn note_advertisement(&self, bytes: &[u8]) {
        lock(&self.advertisement).feed(bytes);
    }

    /// Returns whether the server announced `capability`, such as `push-options`.
    pub(super) fn server_can(&self, capability: &str) -> bool {
        lock(&self.advertisement).offers(capability)
    }

    /// Returns the refs the server announced; directories announce nothing, libgit2 reads them itself.
    pub(super) fn refs(
        &self,
        connection: &git2::RemoteConnection<'_, '_, '_>,
    ) -> Result<Vec<(String, Oid)>, git2::Error> {
        match self.remote.way() {
            Way::Local => Ok(connection
                .list()?
                .iter()
                .map(|head| (head.name().to_owned(), head.oid()))
                .collect()),
            Way::Http(_) | Way::Ssh(_) => Ok(lock(&self.advertisement).refs().to_vec()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs `work` with a connection to `remote`, inside the repository at hand.
///
/// The typed error of our transports wins over the text libgit2 makes of it.
pub(super) fn with_remote<T>(
    repository: &git2::Repository,
    remote: &Remote,
    work: impl FnOnce(&mut git2::Remote<'_>, &Arc<Call>) -> Result<T, git2::Error>,
) -> Result<Result<T, git2::Error>, TransportError> {
    with_handle(remote, |url| repository.remote_anonymous(url), work)
}

/// The same with a handle of the caller's making, which need not belong to a repository.
pub(super) fn with_handle<'repo, T>(
    remote: &Remote,
    make: impl FnOnce(&str) -> Result<git2::Remote<'repo>, git2::Error>,
    work: impl FnOnce(&mut git2::Remote<'repo>, &Arc<Call>) -> Result<T, git2::Error>,
) -> Result<Result<T, git2::Error>, TransportError> {
    register();
    let call = Arc::new(Call {
        remote: remote.clone(),
        limit: remote.limit(),
        failure: Mutex::new(None),
        advertisement: Mutex::default(),
        moved_to: Mutex::new(None),
    });
    call.limit.check()?;
    let guard = Guard::enter(Arc::clone(&call));
    let url = match remote.way() {
        Way::Local => remote.address().to_string(),
        Way::Http(_) | Way::Ssh(_) => URL.to_owned(),
    };
    let done = catch_unwind(AssertUnwindSafe(|| {
        make(&url).and_then(|mut handle| work(&mut handle, &call))
    }));
    drop(guard);
    let done = match done {
        Ok(done) => done,
        Err(panic) if is_over_text(panic.as_ref()) => {
            let text = "something that is not UTF-8 text".to_owned();
            return Err(TransportError::Remote(text));
        }
        Err(panic) => resume_unwind(panic),
    };
    match (done, call.take_failure()) {
        (Ok(value), _) => Ok(Ok(value)),
        (Err(_), Some(failure)) => Err(failure),
        (Err(error), None) => Ok(Err(error)),
    }
}

/// Returns whether git2 panicked over a text of the server's that is not UTF-8, as it does for the reasons of refused refs.
fn is_over_text(panic: &(dyn Any + Send)) -> bool {
    panic
        .downcast_ref::<String>()
        .is_some_and(|text| text.contains("Utf8Error"))
}

/// Makes the context current and puts back what was there before.
struct Guard(Option<Arc<Call>>);

impl Guard {
    fn enter(call: Arc<Call>) -> Self {
        Self(CURRENT.replace(Some(call)))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        CURRENT.replace(self.0.take());
    }
}

/// Prepares libgit2 for this process: our transports, and no configuration files but a repository's own.
///
/// Everything here that opens a repository calls it first.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        prepare().expect("libgit2 takes search paths and transports as long as memory lasts");
    });
}

#[expect(
    unsafe_code,
    reason = "git2 asks that nothing else sets options or transports meanwhile: `Once` runs this alone, before any other call"
)]
fn prepare() -> Result<(), git2::Error> {
    let levels = [
        ConfigLevel::System,
        ConfigLevel::Global,
        ConfigLevel::XDG,
        ConfigLevel::ProgramData,
    ];
    for level in levels {
        // A user's or machine's `insteadOf`, proxy or filter must not bend what we do.
        // SAFETY: see above.
        unsafe { git2::opts::set_search_path(level, "")? };
    }
    // Hashing all that is read costs more than inflating it. Packs are verified when they are fetched, and both packs
    // and loose objects carry checksums of their own; Git does not hash what it reads either.
    git2::opts::strict_hash_verification(false);
    // Who owns a checkout matters to programs that run what its configuration names. We run nothing.
    // SAFETY: see above.
    unsafe { git2::opts::set_verify_owner_validation(false)? };
    // SAFETY: see above.
    unsafe { git2::transport::register("imgauto", transport) }
}

fn transport(remote: &git2::Remote<'_>) -> Result<Transport, git2::Error> {
    let call = CURRENT
        .with_borrow(Clone::clone)
        .ok_or_else(|| git2::Error::from_str("no operation is running on this thread"))?;
    let stateless = matches!(call.remote.way(), Way::Http(_));
    Transport::smart(remote, stateless, Subtransport(call))
}

struct Subtransport(Arc<Call>);

impl SmartSubtransport for Subtransport {
    fn action(
        &self,
        _url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let call = Arc::clone(&self.0);
        match call.remote.way() {
            Way::Http(_) => Ok(Box::new(HttpStream::new(call, service))),
            Way::Ssh(_) => match SshStream::open(Arc::clone(&call), service) {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(to_git2(&call.fail(error))),
            },
            Way::Local => Err(git2::Error::from_str("local remotes need no transport")),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

fn to_git2(error: &io::Error) -> git2::Error {
    git2::Error::new(ErrorCode::GenericError, ErrorClass::Net, error.to_string())
}
