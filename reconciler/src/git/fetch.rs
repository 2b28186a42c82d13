//! Listing a remote's refs and fetching those a plan needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::branch::{Course, Plan, PushBranch, Reference};
use git2::{AutotagOption, Direction, FetchOptions, ObjectType, Oid, RemoteCallbacks};

use super::error::{TransportError, clean};
use super::remote::{Remote, Way};
use super::repository::{BoxError, GitError, Repository, failed};
use super::transport::{Call, with_handle, with_remote};

/// libgit2's depth for a whole history, also of what was shallow before.
const WHOLE_HISTORY: i32 = i32::MAX;

/// Chooses, of a remote's tags, those in a version range that are newest; several if they are equal.
pub type ChooseTags<'a> = dyn Fn(&str, &[&str]) -> Result<Vec<String>, BoxError> + 'a;

/// How much history is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The newest commit only.
    Newest,
    /// As much as the repository already has of other branches.
    AsBefore,
}

/// The refs a remote has, by full name; annotated tags lead to their commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    refs: BTreeMap<String, Oid>,
    peeled: BTreeMap<String, Oid>,
}

impl Listing {
    /// Returns the id a ref leads to, tags peeled.
    #[must_use]
    pub fn commit(&self, name: &str) -> Option<Oid> {
        self.peeled
            .get(name)
            .or_else(|| self.refs.get(name))
            .copied()
    }

    /// Returns the ids of all refs by name; annotated tags with the id of the tag object.
    pub fn refs(&self) -> impl Iterator<Item = (&str, Oid)> {
        self.refs.iter().map(|(name, id)| (name.as_str(), *id))
    }

    #[cfg(test)]
    pub(crate) fn from_refs(refs: impl IntoIterator<Item = (String, Oid)>) -> Self {
        Self {
            refs: refs.into_iter().collect(),
            peeled: BTreeMap::new(),
        }
    }

    pub(super) fn read(
        call: &Call,
        connection: &git2::RemoteConnection<'_, '_, '_>,
    ) -> Result<Self, git2::Error> {
        let mut listing = Self::default();
        for (name, id) in call.refs(connection)? {
            match name.strip_suffix("^{}") {
                Some(tag) => listing.peeled.insert(tag.to_owned(), id),
                None => listing.refs.insert(name, id),
            };
        }
        Ok(listing)
    }

    /// Returns the id a ref has on the remote, tags not peeled.
    pub(super) fn id(&self, name: &str) -> Option<Oid> {
        self.refs.get(name).copied()
    }
}

/// What a fetch found.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The commit work starts from.
    pub start: Oid,
    /// Where that is and how the push branch moves.
    pub course: Course,
    /// The tip of the push branch, if the remote has it.
    pub push_tip: Option<Oid>,
    /// All refs of the remote.
    pub listing: Arc<Listing>,
}

/// One thing to have here afterwards.
struct Want {
    /// What to ask the remote for: ref names or commit ids.
    sources: Vec<String>,
    depth: i32,
    /// The object to end up with.
    id: Oid,
    /// The name it has on the remote or in the plan.
    name: String,
}

/// What is asked for at once.
struct Download {
    sources: Vec<String>,
    depth: i32,
}

/// A question to a remote.
struct Ask<'a> {
    remote: &'a Remote,
    plan: &'a Plan,
    choose: &'a ChooseTags<'a>,
    depth: i32,
}

impl Remote {
    /// Lists the refs, which costs one request and needs no repository.
    ///
    /// # Errors
    ///
    /// When the remote cannot be asked.
    pub fn list(&self) -> Result<Listing, GitError> {
        let detached = |url: &str| git2::Remote::create_detached(url);
        let listed = with_handle(self, detached, |handle, call| {
            let connection = connect(handle, call, Direction::Fetch)?;
            Listing::read(call, &connection)
        });
        finish(self, Phase::Fetch, listed)
    }
}

impl Repository {
    /// Fetches what `plan` needs, unless it is here already, and decides where work starts.
    ///
    /// # Errors
    ///
    /// When the remote cannot be asked, is empty, or lacks a ref of the plan.
    pub fn fetch(
        &self,
        remote: &Remote,
        plan: &Plan,
        choose: &ChooseTags<'_>,
        history: History,
    ) -> Result<Fetched, GitError> {
        let mut fetched = self.fetch_all(remote, &[plan], choose, history)?;
        fetched
            .pop()
            .unwrap_or_else(|| Err(GitError::Unresolved(plan.push_ref())))
    }

    /// Fetches what several plans need, over one connection, and decides where the work of each starts.
    ///
    /// # Errors
    ///
    /// When the remote cannot be asked. What is wrong with one plan is in its result.
    pub fn fetch_all(
        &self,
        remote: &Remote,
        plans: &[&Plan],
        choose: &ChooseTags<'_>,
        history: History,
    ) -> Result<Vec<Result<Fetched, GitError>>, GitError> {
        let depth = match (history, remote.way()) {
            // libgit2 reads directories itself, and whole histories only.
            (History::AsBefore, _) | (_, Way::Local) => 0,
            (History::Newest, _) => 1,
        };
        let asks = plans.iter().map(|plan| Ask {
            remote,
            plan,
            choose,
            depth,
        });
        let asks: Vec<Ask<'_>> = asks.collect();
        let asked = with_remote(&self.inner, remote, |handle, call| {
            let mut connection = connect(handle, call, Direction::Fetch)?;
            let listing = Listing::read(call, &connection)?;
            let decided: Vec<_> = asks.iter().map(|ask| ask.wants(&listing, call)).collect();
            let mut missing = self.missing(&decided).into_iter();
            if let Some(first) = missing.next() {
                download(connection.remote(), call, &first)?;
            }
            Ok((listing, decided, missing))
        });
        let (listing, decided, missing) = finish(remote, Phase::Fetch, asked)?;
        let listing = Arc::new(listing);
        for more in missing {
            // Over SSH a connection is good for one pack.
            let fetched = with_remote(&self.inner, remote, |handle, call| {
                let mut connection = connect(handle, call, Direction::Fetch)?;
                download(connection.remote(), call, &more)
            });
            finish(remote, Phase::Fetch, fetched)?;
        }
        let fetched = asks.iter().zip(decided).map(|(ask, decided)| {
            let (course, wants) = decided?;
            Ok(Fetched {
                start: self.keep_newest(ask, &wants)?,
                course,
                push_tip: listing.commit(&ask.plan.push_ref()),
                listing: Arc::clone(&listing),
            })
        });
        Ok(fetched.collect())
    }

    /// Returns what is not here yet, one download for each depth.
    fn missing(&self, decided: &[Result<(Course, Vec<Want>), GitError>]) -> Vec<Download> {
        let mut downloads: Vec<Download> = Vec::new();
        let wants = decided.iter().flatten().flat_map(|(_, wants)| wants);
        for want in wants.filter(|want| self.commit_behind(want.id).is_none()) {
            let same = downloads.iter().position(|one| one.depth == want.depth);
            let at = same.unwrap_or_else(|| {
                downloads.push(Download {
                    sources: Vec::new(),
                    depth: want.depth,
                });
                downloads.len() - 1
            });
            for source in &want.sources {
                if !downloads[at].sources.contains(source) {
                    downloads[at].sources.push(source.clone());
                }
            }
        }
        downloads
    }

    /// Remembers what was fetched and returns its newest commit.
    fn keep_newest(&self, ask: &Ask<'_>, wants: &[Want]) -> Result<Oid, GitError> {
        let mut newest: Option<(i64, Oid)> = None;
        for want in wants {
            let Some(commit) = self.commit_behind(want.id) else {
                return Err(ask.why_missing(self, want));
            };
            // Refs tell later negotiations what is here already.
            self.set_ref(&self.tracking_ref(&want.name), want.id)?;
            let time = self.find_commit(commit)?.time().seconds();
            if newest.is_none_or(|(newest, _)| time > newest) {
                newest = Some((time, commit));
            }
        }
        newest
            .map(|(_, commit)| commit)
            .ok_or_else(|| GitError::Unresolved(ask.plan.push_ref()))
    }

    /// Returns the commit an object is or leads to, if all of it that is needed is here.
    fn commit_behind(&self, id: Oid) -> Option<Oid> {
        let object = self.inner.find_object(id, None).ok()?;
        let commit = object.peel_to_commit().ok()?.id();
        self.holds(commit).then_some(commit)
    }
}

impl Ask<'_> {
    fn address(&self) -> String {
        self.remote.address().to_string()
    }

    fn wants(&self, listing: &Listing, call: &Call) -> Result<(Course, Vec<Want>), GitError> {
        let address = self.address();
        if call.server_can("object-format=sha256") {
            return Err(GitError::Sha256 { address });
        }
        if listing.refs.is_empty() {
            return Err(GitError::EmptyRepository { address });
        }
        let push_branch = match listing.id(&self.plan.push_ref()) {
            Some(_) => PushBranch::Present,
            None => PushBranch::Absent,
        };
        let course = self.plan.course(push_branch)?;
        if let Some(name) = self.plan.checkout.full_name() {
            self.want_ref(listing, name)?;
        }
        let wants = match (&self.plan.checkout, course) {
            (_, Course::Continue) => vec![self.want_ref(listing, self.plan.push_ref())?],
            (Reference::Semver(range), _) => self.tags_in(range, listing)?,
            (Reference::Commit { id, branch }, _) => {
                vec![self.want_commit(id, branch.as_deref(), listing, call)?]
            }
            (other, _) => other
                .full_name()
                .map(|name| self.want_ref(listing, name))
                .into_iter()
                .collect::<Result<_, _>>()?,
        };
        Ok((course, wants))
    }

    fn want_ref(&self, listing: &Listing, name: String) -> Result<Want, GitError> {
        let Some(id) = listing.id(&name) else {
            return Err(match &self.plan.checkout {
                Reference::Name(asked) if *asked == name => GitError::Unresolved(name),
                _ => GitError::MissingRef {
                    address: self.address(),
                    reference: name,
                },
            });
        };
        Ok(Want {
            sources: vec![name.clone()],
            depth: self.depth,
            id,
            name,
        })
    }

    fn tags_in(&self, range: &str, listing: &Listing) -> Result<Vec<Want>, GitError> {
        let tags: Vec<&str> = listing
            .refs
            .keys()
            .filter_map(|name| name.strip_prefix("refs/tags/"))
            .collect();
        let chosen = (self.choose)(range, &tags).map_err(|source| GitError::Range {
            range: range.to_owned(),
            source,
        })?;
        if chosen.is_empty() {
            return Err(GitError::NoTagInRange(range.to_owned()));
        }
        chosen
            .into_iter()
            .map(|tag| self.want_ref(listing, format!("refs/tags/{tag}")))
            .collect()
    }

    /// Wants a commit: by a ref that is there, by its id if the server gives those out, or by the history of its branch.
    fn want_commit(
        &self,
        text: &str,
        branch: Option<&str>,
        listing: &Listing,
        call: &Call,
    ) -> Result<Want, GitError> {
        let missing = || GitError::MissingCommit {
            address: self.address(),
            id: text.to_owned(),
        };
        let id = match text.len() {
            40 => Oid::from_str(text).map_err(|_| missing())?,
            _ => return Err(missing()),
        };
        let at_tip = listing.refs.iter().find(|(_, tip)| **tip == id);
        let (sources, depth) = if let Some((name, _)) = at_tip {
            (vec![name.clone()], self.depth)
        } else if call.server_can("allow-reachable-sha1-in-want") {
            (vec![text.to_owned()], self.depth)
        } else {
            let whole = if self.depth == 0 { 0 } else { WHOLE_HISTORY };
            let heads = match branch {
                Some(branch) => {
                    let name = format!("refs/heads/{branch}");
                    self.want_ref(listing, name)?.sources
                }
                None => listing
                    .refs
                    .keys()
                    .filter(|name| name.starts_with("refs/heads/"))
                    .cloned()
                    .collect(),
            };
            (heads, whole)
        };
        Ok(Want {
            sources,
            depth,
            id,
            name: format!("refs/commit/{id}"),
        })
    }

    /// Says why an object that was asked for is not here, or no commit.
    fn why_missing(&self, repository: &Repository, want: &Want) -> GitError {
        match (
            &self.plan.checkout,
            repository.inner.find_object(want.id, None),
        ) {
            (Reference::Commit { id, .. }, _) => GitError::MissingCommit {
                address: self.address(),
                id: id.clone(),
            },
            (_, Ok(object)) if object.peel_to_commit().is_err() => {
                GitError::Unresolved(want.name.clone())
            }
            (_, Ok(object)) => match repository.tree_of(object.id()) {
                Err(damage) => damage,
                Ok(_) => GitError::Unresolved(want.name.clone()),
            },
            (_, Err(source)) => GitError::Damaged {
                kind: ObjectType::Commit,
                id: want.id,
                source,
            },
        }
    }
}

/// Connects; progress callbacks stop the operation when its time is over.
pub(super) fn connect<'repo, 'handle>(
    handle: &'handle mut git2::Remote<'repo>,
    call: &Arc<Call>,
    direction: Direction,
) -> Result<git2::RemoteConnection<'repo, 'handle, 'static>, git2::Error> {
    handle.connect_auth(direction, Some(stoppable(call)), None)
}

fn stoppable(call: &Arc<Call>) -> RemoteCallbacks<'static> {
    let mut callbacks = RemoteCallbacks::new();
    let progress = Arc::clone(call);
    callbacks.transfer_progress(move |_| progress.may_continue());
    let sideband = Arc::clone(call);
    callbacks.sideband_progress(move |_| sideband.may_continue());
    callbacks
}

fn download(
    handle: &mut git2::Remote<'_>,
    call: &Arc<Call>,
    wanted: &Download,
) -> Result<(), git2::Error> {
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(stoppable(call))
        .download_tags(AutotagOption::None)
        .update_fetchhead(false)
        .depth(wanted.depth);
    handle.download(&wanted.sources, Some(&mut options))
}

/// What a remote was asked for.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    Fetch,
    Push,
}

/// Says what a remote was asked for when that went wrong.
pub(super) fn finish<T>(
    remote: &Remote,
    phase: Phase,
    done: Result<Result<T, git2::Error>, TransportError>,
) -> Result<T, GitError> {
    let address = || remote.address().to_string();
    let source = match done {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) if error.message().contains("object format") => {
            return Err(GitError::Sha256 { address: address() });
        }
        // What the remote says in the protocol itself reaches us as a libgit2 text.
        Ok(Err(error)) if error.class() == git2::ErrorClass::Net => {
            TransportError::Remote(clean(error.message()))
        }
        Ok(Err(error)) => {
            let attempt = match phase {
                Phase::Fetch => format!("fetch from {}", address()),
                Phase::Push => format!("push to {}", address()),
            };
            return Err(failed(attempt)(error));
        }
        Err(source) => source,
    };
    let source = Box::new(source);
    Err(match phase {
        Phase::Fetch => GitError::Remote {
            address: address(),
            source,
        },
        Phase::Push => GitError::PushFailed(source),
    })
}
