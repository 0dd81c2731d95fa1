//! What a handler gets and gives: a request that passed every check of the edge, and its answer.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::http::request::Parts;
use strongroom_auth::{Caller, Credential, Dialect, Permission, Thumbprint};
use strongroom_channel::Vault;
use strongroom_domain::alerts::Rule;
use strongroom_domain::api_keys::Held;
use strongroom_domain::command::Command;
use strongroom_engine::{Committed, Engine, Envelope, ReadFault, View};
use strongroom_outbound::Outbound;
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, SessionId, UserId, WalletId};
use strongroom_types::mode::Mode;

use crate::app::App;
use crate::certificates;
use crate::feed::{Feed, Feeds};
use crate::json::{NOBODY, Object, Value, parse_object, read_object};
use crate::limits::Ceilings;
use crate::lockout::Entrance;
use crate::own_limits::OwnLimits;
use crate::pay::Shown;
use crate::presented;
use crate::problem::Problem;
use crate::query::Query;
use crate::signature_page::Page;
use crate::transit::Transit;
use crate::visit::Visit;

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A success on its way to the client.
#[derive(Default)]
pub struct Answer {
    pub body: Bytes,
    /// Whether it is the answer that an earlier request got.
    pub replayed: bool,
    /// Whether nothing was done yet: others have to agree to it.
    pub waits: bool,
    /// Its media type, where it is no JSON.
    pub(crate) media: Option<&'static str>,
    /// The name of the file that it is.
    pub(crate) filename: Option<String>,
    /// Set when it is a page for people.
    pub(crate) page: Option<&'static Page>,
    /// Set when it is made for a browser and for one moment.
    pub(crate) shown: Option<Box<Shown>>,
    /// What follows for as long as the reader stays, instead of a body.
    pub(crate) feed: Option<Feed>,
    /// The value of `Set-Cookie`.
    pub(crate) cookie: Option<String>,
    /// Why it is no success, where errors have a language of their own.
    pub(crate) refused: Option<&'static str>,
    /// Seconds to wait before the next try.
    pub(crate) retry: Option<u64>,
}

impl Answer {
    pub fn json(body: Vec<u8>) -> Answer {
        Answer {
            body: Bytes::from(body),
            ..Answer::default()
        }
    }

    /// The reply to what was carried out.
    pub fn of(committed: &Committed) -> Answer {
        Answer {
            body: Bytes::from(committed.body()),
            replayed: committed.replayed(),
            waits: committed.waits(),
            ..Answer::default()
        }
    }

    pub(crate) fn page(page: &'static Page) -> Answer {
        Answer {
            body: page.html.clone(),
            page: Some(page),
            ..Answer::default()
        }
    }
}

/// A request whose credential, signature and permission are proven.
pub struct Call {
    pub(crate) engine: Engine,
    pub(crate) outbound: Outbound,
    pub(crate) webhook_challenge: bool,
    /// What stands before the path of payment pages.
    pub(crate) link_origin: String,
    /// Where it came from.
    pub(crate) address: IpAddr,
    /// SHA-256 over the certificate that the client's connection proved.
    pub(crate) certificate: Option<Thumbprint>,
    pub(crate) credential: Arc<Credential>,
    /// The path's parameter as received; empty when the route has none.
    pub(crate) id: String,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    pub(crate) envelope: Envelope,
    /// Set when the request's card is in the vault.
    pub(crate) transit: Option<Transit>,
    /// The process that keeps the cards, if there is one.
    pub(crate) vault: Option<Vault>,
    /// Whether the client would rather have a PDF, where there is one.
    pub(crate) wants_pdf: bool,
    /// The `Last-Event-ID` header of a reader that comes back.
    pub(crate) last_event: Option<String>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) entrance: Arc<Entrance>,
    /// What the operator's file bounds rates by, and the counters of those that organizations set.
    pub(crate) ceilings: Ceilings,
    pub(crate) own_limits: Arc<OwnLimits>,
}

/// What of a request is proven and read when its handler is called.
pub(crate) struct Proven {
    pub credential: Arc<Credential>,
    /// The path's parameter as received.
    pub id: String,
    pub query: Query,
    pub body: Bytes,
    pub envelope: Envelope,
}

impl App {
    /// What a handler gets.
    pub(crate) fn call(&self, visit: &Visit, head: &Parts, proven: Proven) -> Call {
        let Proven {
            credential,
            id,
            query,
            body,
            envelope,
        } = proven;
        Call {
            engine: self.engine().clone(),
            outbound: self.settings().outbound.clone(),
            webhook_challenge: self.settings().webhook_challenge,
            link_origin: self.settings().link_origin(),
            address: visit.address,
            certificate: certificates::shown(head, visit.time),
            credential,
            id,
            query,
            body,
            envelope,
            transit: head.extensions.get::<Transit>().cloned(),
            vault: self.settings().vault.clone(),
            wants_pdf: presented::wants_pdf(&head.headers),
            last_event: presented::last_event(&head.headers),
            feeds: Arc::clone(&self.inner().feeds),
            entrance: Arc::clone(&self.inner().entrance),
            ceilings: Ceilings::of_file(self.settings()),
            own_limits: Arc::clone(&self.inner().own_limits),
        }
    }
}

impl Call {
    /// The resource in the path; text that is no such id is nobody's.
    pub fn id<T>(&self, parse: impl FnOnce(&str) -> Option<T>, nobody: T) -> T {
        parse(&self.id).unwrap_or(nobody)
    }

    pub fn query(&self) -> &Query {
        &self.query
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What would send to an address that the request names.
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Whether every webhook must answer a challenge.
    pub fn requires_challenge(&self) -> bool {
        self.webhook_challenge
    }

    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// The key, if it may stand at a till.
    pub fn at_till(&self) -> Option<ApiKeyId> {
        let credential = self.credential();
        let engine = self.engine();
        let key = Some(credential.id);
        key.filter(|key| engine.may_be_at_till(credential.scope, *key))
    }

    /// What the key holds, for what it would hand on.
    pub fn held(&self) -> Held {
        Held {
            id: self.credential.id,
            permissions: (*self.credential.permissions).clone(),
            is_restricted: self.credential.is_restricted(),
        }
    }

    /// Who has signed in, and by which session; nobody where it is a key.
    pub fn own(&self) -> (UserId, SessionId) {
        let presence = self.credential.presence.as_ref();
        presence.map_or((UserId(NOBODY), SessionId(NOBODY)), |presence| {
            (presence.user, presence.session)
        })
    }

    /// Says that the key has done what an alert is raised for, where no refusal goes on record.
    pub fn notice(&self, rule: Rule) {
        let (key, request) = (&self.credential, self.envelope.request);
        self.engine
            .notice(key.scope, rule, key.id.any(), Some(request));
    }

    pub fn mode(&self) -> Mode {
        self.credential.scope.mode
    }

    pub fn dialect(&self) -> Dialect {
        self.credential.dialect
    }

    /// The body, read but not yet understood.
    ///
    /// # Errors
    /// 400 or 422 when it is not one JSON object.
    pub fn object(&self) -> Result<Object<'_>, Problem> {
        parse_object(&self.body).map_err(Problem::from)
    }

    /// The body of a request that takes none: nothing, or an empty object.
    ///
    /// # Errors
    /// 422 naming what it holds.
    pub fn no_fields(&self) -> Result<(), Problem> {
        match self.body.is_empty() {
            true => Ok(()),
            false => Ok(read_object(&self.object()?, |_| Some(()))?),
        }
    }

    /// The currency of a body's amounts: the one it names, else the wallet's, else the organization's. `None` when it
    /// names one that is none.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub async fn currency<P: Permission>(
        &self,
        caller: &Caller<P>,
        body: &Object<'_>,
        wallet: Option<WalletId>,
    ) -> Result<Option<Currency>, Problem> {
        match body.get("currency") {
            Some(Value::Text(code)) => Ok(Currency::parse(code)),
            Some(Value::Null) | None => self.default_currency(caller, wallet).await.map(Some),
            Some(_) => Ok(None),
        }
    }

    async fn default_currency<P: Permission>(
        &self,
        caller: &Caller<P>,
        wallet: Option<WalletId>,
    ) -> Result<Currency, Problem> {
        let work = move |view: &mut View<'_>| {
            // A wallet that is not there is refused by the decision, which also writes the refusal down.
            match wallet.map(|id| view.wallet(id)) {
                Some(Ok((wallet, _))) => Ok(wallet.body.currency),
                Some(Err(ReadFault::NotFound)) | None => Ok(view.tenant()?.currency),
                Some(Err(fault)) => Err(fault),
            }
        };
        Ok(self.engine.read(caller, work).await?)
    }

    /// Carries a command out and answers with its reply.
    ///
    /// # Errors
    /// The refusal, or why there is no decision.
    pub async fn execute<C: Command>(
        self,
        caller: &Caller<C::Permission>,
        command: C,
    ) -> Result<Answer, Problem> {
        Ok(Answer::of(&self.commit(caller, command).await?))
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// As [`Call::execute`].
    pub async fn commit<C: Command>(
        self,
        caller: &Caller<C::Permission>,
        command: C,
    ) -> Result<Committed, Problem> {
        Ok(self.engine.execute(caller, command, self.envelope).await?)
    }

    /// Reads the caller's books; `work` renders the reply.
    ///
    /// # Errors
    /// 404, a bad cursor, or a range that is too wide.
    pub async fn read<P: Permission>(
        self,
        caller: &Caller<P>,
        work: impl FnOnce(&mut View<'_>) -> Result<Vec<u8>, ReadFault> + Send + 'static,
    ) -> Result<Answer, Problem> {
        Ok(Answer::json(self.engine.read(caller, work).await?))
    }
}
