//! For programs of an authority that talk to their own node: typed calls of the desk API, over mutual TLS.
//!
//! The way in is [`Client::connect`] with a [`Profile`] (`allpoints pki desk` writes one). Never decides for its caller
//! whether to repeat; what it makes sure of is that repeating is safe: ids are made before the first try.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{path::Path, sync::Arc};
//!
//! use allpoints::{
//!     client::{Client, ClientError, Profile},
//!     node::system::SystemClock,
//!     wire::alert::read_draft_json,
//! };
//! use futures_util::StreamExt as _;
//!
//! let profile = Profile::read(Path::new("/etc/case-system/allpoints.toml"))?;
//! let client = Client::connect(profile, Arc::new(SystemClock::new())).await?;
//!
//! let text = std::fs::read_to_string("examples/missing-offender.json")?;
//! let mut drafts = [read_draft_json(&text).map_err(|faults| format!("{faults:?}"))?];
//! match client.submit(&mut drafts).await {
//!     Ok(accepted) => println!("{}", accepted[0].reference),
//!     // The same drafts again, now or after a restart: at most one of the tries has an effect.
//!     Err(ClientError::OutcomeUnknown { ids, .. }) => eprintln!("repeat later: {ids:?}"),
//!     Err(ClientError::FaultyDraft(faults)) => eprintln!("correct: {faults:?}"),
//!     Err(other) => return Err(other.into()),
//! }
//!
//! let mut pages = client.inbox(Default::default());
//! while let Some(page) = pages.next().await {
//!     for line in page?.items {
//!         println!("{}", line.reference);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tonic::{Status, transport::Channel};

use crate::{
    domain::{id::MessageId, limits::DESK_MESSAGE_MAX_BYTES, time::Clock},
    proto::{
        alert::v1::Draft,
        desk::v1::{
            Box as MailBox, ListRequest, ListResponse, ShowRequest, ShowResponse, SubmitRequest,
            Submitted, TrackRequest, TrackResponse, WatchRequest, WatchResponse,
            desk_client::DeskClient,
        },
    },
    trust::tls::{self, TlsIdentity},
};

mod error;
mod profile;
mod thread;

pub use error::{ClientError, DialDeskError, Fault, FieldFault, NoRandomness};
pub use profile::{Profile, ProfileError};
pub use thread::{FollowUp, Target};

/// The generated client of the desk: every call, and gRPC statuses for errors.
pub type Desk = DeskClient<Channel>;

/// Pages of a box, newest first, until its end or the first error. Each says with which cursor to go on after it.
pub type Pages = BoxStream<'static, Result<ListResponse, ClientError>>;

/// Events as they happen. Ends after an error only; that the node ended it is one too.
pub type Events = BoxStream<'static, Result<WatchResponse, ClientError>>;

/// A way to the own desk that dials again after its connection broke, with the certificate as it is on disk then.
/// Clones share one connection. Calls have no time limit of their own: one that is dropped has an unknown outcome.
#[derive(Debug, Clone)]
pub struct Client {
    profile: Arc<Profile>,
    clock: Arc<dyn Clock>,
    /// `None`: the next call dials.
    dialled: Arc<Mutex<Option<Desk>>>,
}

impl Client {
    /// Connects to the desk that the profile names, and verifies that it is this authority's.
    ///
    /// # Errors
    /// [`ClientError::Profile`], or [`ClientError::Unreachable`] when nobody (or somebody else) answers.
    pub async fn connect(profile: Profile, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let client = Self {
            profile: Arc::new(profile),
            clock,
            dialled: Arc::default(),
        };
        client.desk().await?;
        Ok(client)
    }

    /// The connection itself, for calls that have no method here; [`ClientError::of`] reads their statuses.
    ///
    /// # Errors
    /// As [`Client::connect`], when it must be dialled anew.
    pub async fn desk(&self) -> Result<Desk, ClientError> {
        let dialled = self.dialled().clone();
        if let Some(desk) = dialled {
            return Ok(desk);
        }
        let desk = dial(&self.profile, self.clock.as_ref()).await?;
        *self.dialled() = Some(desk.clone());
        Ok(desk)
    }

    /// Hands in drafts, at most 256: all of them accepted in one commit, or none. Each without an id is given one before
    /// the first try (see [`give_ids`]), so that calling again with the same drafts is safe, and gets the first answer.
    ///
    /// # Errors
    /// [`ClientError::FaultyDraft`] with every fault; [`ClientError::OutcomeUnknown`] when no answer came, with the ids.
    pub async fn submit(&self, drafts: &mut [Draft]) -> Result<Vec<Submitted>, ClientError> {
        give_ids(drafts, self.clock.as_ref())?;
        let ids = drafts.iter().map(|draft| draft.id.clone()).collect();
        let request = SubmitRequest {
            drafts: drafts.to_vec(),
            ..SubmitRequest::default()
        };
        match self.desk().await?.submit(request).await {
            Ok(response) => Ok(response.into_inner().submitted),
            Err(status) => {
                self.forget_if_broken(&status);
                Err(ClientError::of_submitting(&status, ids))
            }
        }
    }

    /// What came in, newest first. `asked` narrows it, sets the size of a page, or goes on from a cursor.
    pub fn inbox(&self, asked: ListRequest) -> Pages {
        self.pages(MailBox::In, asked)
    }

    /// What went out, in the same way.
    pub fn outbox(&self, asked: ListRequest) -> Pages {
        self.pages(MailBox::Out, asked)
    }

    /// One thread in full, by a statement's id, a unique prefix of 8 or more, or its reference. **Marks it opened**, which
    /// its originator learns: only for what a person then reads.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NotPermitted`].
    pub async fn show(&self, id: &str) -> Result<ShowResponse, ClientError> {
        self.shown(id, ShowRequest::default()).await
    }

    /// What a follow-up (an answer, an update, a recall, ...) is to refer to: looked up without marking it opened, which
    /// the node journals. [`Target::follow_up`] makes drafts of it for [`Client::submit`].
    ///
    /// # Errors
    /// As [`Client::show`].
    pub async fn target(&self, id: &str) -> Result<Target, ClientError> {
        let peek = ShowRequest {
            peek: true,
            ..ShowRequest::default()
        };
        let thread = self.shown(id, peek).await?;
        Target::of(&thread, id)
            .ok_or_else(|| ClientError::NotFound(format!("the thread of `{id}` is empty")))
    }

    /// What each recipient did with a statement, when, and why. No person.
    ///
    /// # Errors
    /// As [`Client::show`].
    pub async fn track(&self, id: &str) -> Result<TrackResponse, ClientError> {
        let request = TrackRequest { id: id.to_owned() };
        let answer = self.desk().await?.track(request).await;
        self.read(answer)
    }

    /// Events from now on. What happened before, or between two watches, stands in [`Client::inbox`].
    ///
    /// # Errors
    /// [`ClientError::NotPermitted`], [`ClientError::Unreachable`].
    pub async fn watch(&self) -> Result<Events, ClientError> {
        let answer = self.desk().await?.watch(WatchRequest::default()).await;
        let (events, client) = (self.read(answer)?, self.clone());
        let events = stream::try_unfold((events, client), |(mut events, client)| async {
            match events.message().await {
                Ok(Some(event)) => Ok(Some((event, (events, client)))),
                Ok(None) => Err(ClientError::Unreachable(
                    "the node ended the stream".to_owned(),
                )),
                Err(status) => Err(client.failed(&status)),
            }
        });
        Ok(events.boxed())
    }

    fn pages(&self, which: MailBox, asked: ListRequest) -> Pages {
        let first = ListRequest {
            r#box: which.into(),
            ..asked
        };
        let pages = stream::try_unfold((Some(first), self.clone()), |(next, client)| async {
            let Some(request) = next else {
                return Ok(None);
            };
            let answer = client.desk().await?.list(request.clone()).await;
            let page = client.read(answer)?;
            let next = (!page.next_cursor.is_empty()).then(|| ListRequest {
                cursor: page.next_cursor.clone(),
                ..request
            });
            Ok(Some((page, (next, client))))
        });
        pages.boxed()
    }

    async fn shown(&self, id: &str, how: ShowRequest) -> Result<ShowResponse, ClientError> {
        let id = id.to_owned();
        let answer = self.desk().await?.show(ShowRequest { id, ..how }).await;
        self.read(answer)
    }

    fn read<T>(&self, answer: Result<tonic::Response<T>, Status>) -> Result<T, ClientError> {
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| self.failed(&status))
    }

    fn failed(&self, status: &Status) -> ClientError {
        self.forget_if_broken(status);
        ClientError::of(status)
    }

    /// A channel never connects a second time: after a call without an answer the next one dials.
    fn forget_if_broken(&self, status: &Status) {
        if Fault::of(status) == Fault::NoAnswer {
            *self.dialled() = None;
        }
    }

    fn dialled(&self) -> std::sync::MutexGuard<'_, Option<Desk>> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives every draft that has none an id. A program that must survive its own end calls this, stores the drafts, and only
/// then submits them.
///
/// # Errors
/// When the system's generator fails.
pub fn give_ids(drafts: &mut [Draft], clock: &dyn Clock) -> Result<(), NoRandomness> {
    for draft in drafts.iter_mut().filter(|draft| draft.id.is_empty()) {
        draft.id = new_id(clock)?.to_string();
    }
    Ok(())
}

/// A new id of a statement: a UUIDv7.
///
/// # Errors
/// When the system's generator fails.
pub fn new_id(clock: &dyn Clock) -> Result<MessageId, NoRandomness> {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| NoRandomness)?;
    let unix_ms = u64::try_from(clock.now().as_micros() / 1000).unwrap_or(0);
    Ok(MessageId::from_parts(unix_ms, random))
}

/// Dials the desk that the profile names. Trusts the authority's own desk CA and nothing else.
///
/// # Errors
/// When the profile's files cannot be used, or nobody (or somebody else) answers.
pub async fn dial(profile: &Profile, clock: &dyn Clock) -> Result<Desk, DialDeskError> {
    let config = tls_config(profile, clock)?;
    let channel = tls::dial_desk(&profile.endpoint, config).await;
    let channel = channel.map_err(|error| DialDeskError::Unanswered {
        endpoint: profile.endpoint.clone(),
        error,
    })?;
    Ok(DeskClient::new(channel)
        .max_decoding_message_size(DESK_MESSAGE_MAX_BYTES)
        .max_encoding_message_size(DESK_MESSAGE_MAX_BYTES))
}

fn tls_config(
    profile: &Profile,
    clock: &dyn Clock,
) -> Result<Arc<rustls::ClientConfig>, ProfileError> {
    let unusable = |error: &dyn std::fmt::Display| ProfileError::Unusable {
        authority: profile.authority,
        what: error.to_string(),
    };
    let ca = CertificateDer::from_pem_file(&profile.ca)
        .map_err(|error| unusable(&format!("{}: {error}", profile.ca.display())))?;
    let identity = TlsIdentity::load(&profile.certificate, &profile.key, clock)
        .map_err(|error| unusable(&error))?;
    tls::desk_client(&identity, ca.as_ref(), profile.authority).map_err(|error| unusable(&error))
}
