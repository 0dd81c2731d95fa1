//! One row of the route table.
//!
//! A row is built from its handler, so the permission in the table is the one in the handler's signature.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value as Schema;
use strongroom_auth::permission::OwnAccount;
use strongroom_auth::{Caller, Credential, Denied, Permission};

use crate::account;
use crate::call::{Answer, BoxFuture, Call};
use crate::oauth;
use crate::pay::Part;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::signature_page::Page;
use crate::visitor::Visitor;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }
}

/// Which requests of a route a key's signing policy covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureClass {
    /// Signed only by keys that sign everything.
    Never,
    /// Signed by keys that sign what is sensitive.
    Sensitive,
}

/// Which limit counts a route's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitClass {
    /// Cheap and never counted.
    Exempt,
    /// Documents anybody may read.
    Pages,
    /// Per address, together with failed attempts.
    Unauthenticated,
    /// Per key and organization; failures per address.
    Api,
    /// Per address, and per payment link.
    Payers,
}

/// What becomes of a route's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// A retry gets it again.
    Kept,
    /// It holds a secret that is shown once.
    Secret,
    /// It has no end.
    Stream,
    /// It is no JSON but a file, made anew each time.
    File,
}

/// A handler that has its caller and waits for the call.
pub type Authorized = Box<dyn FnOnce(Call) -> BoxFuture<Result<Answer, Problem>> + Send>;

/// Asks the policy, and hands out the handler if it agrees.
type Guard = Box<dyn Fn(&Arc<Credential>) -> Result<Authorized, Denied> + Send + Sync>;

/// Who answers a route.
pub enum Door {
    Health,
    Ready,
    Document,
    Page(fn() -> &'static Page),
    /// The signed pin set, where there is one.
    Pins,
    /// The key that card fields are encrypted to, where there is a vault process.
    EncryptionKeys,
    /// Takes a key that was found.
    Leaks,
    /// The page of a payment link.
    Pay(Part),
    /// The authorization server.
    Oauth(oauth::Part),
    /// The page where people sign in.
    Account(account::Part),
    Guarded(Guard),
    /// For people who have signed in, about what is their own.
    Personal(PersonalGuard),
    /// Takes what somebody says who has no credential yet.
    Visitor(Reception),
}

/// Hands out the handler to a person, and nothing to a key.
type PersonalGuard = Box<dyn Fn(&Arc<Credential>) -> Option<Authorized> + Send + Sync>;

/// A handler of those without a credential.
type Reception = Box<dyn Fn(Visitor) -> BoxFuture<Result<Answer, Problem>> + Send + Sync>;

/// A row.
pub struct Route {
    pub verb: Verb,
    /// The path's template, as in `/v1/wallets/{id}`.
    pub path: &'static str,
    pub summary: &'static str,
    /// `None` for what anybody may read.
    pub permission: Option<&'static str>,
    /// Whether it moves money and so needs an idempotency key.
    pub money: bool,
    pub signature: SignatureClass,
    /// Whether a person must have shown a second factor lately.
    pub recent: bool,
    /// Whether live keys sign it whatever their policy says: a second proof beside the key.
    pub step_up: bool,
    /// Whether publishable keys are refused, though they hold the permission.
    pub secret_keys: bool,
    pub limit: LimitClass,
    /// How many requests it counts as.
    pub weight: u32,
    pub reply: ReplyKind,
    /// Status of a success.
    pub success: u16,
    pub query: Vec<Parameter>,
    pub body: Option<fn() -> Schema>,
    pub reply_schema: fn() -> Schema,
    /// Media types that its success may have instead of JSON.
    pub media: &'static [&'static str],
    /// JSON pointers of fields that may hold what looks like a card number.
    pub exempt: &'static [&'static str],
    /// Whether its body carries a card: of such a body nothing is remembered and nothing shown back.
    pub card: bool,
    /// Whether its body is XML: larger than others, searched by whoever reads it.
    pub xml: bool,
    /// Whether a policy may have it wait for approvals instead: then the answer is 202 with the approval.
    pub waits: bool,
    pub door: Door,
}

impl Route {
    /// A row for `handler`, which needs what its caller proves.
    pub fn guarded<P, F, Fut>(verb: Verb, path: &'static str, handler: F) -> Route
    where
        P: Permission,
        F: Fn(Caller<P>, Call) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let guard: Guard = Box::new(move |credential| {
            let caller = Caller::<P>::authorize(credential)?;
            Ok(Box::new(move |call| Box::pin(handler(caller, call))))
        });
        Route {
            permission: Some(P::NAME),
            limit: LimitClass::Api,
            ..Route::open(verb, path, Door::Guarded(guard))
        }
    }

    /// A row for people who have signed in.
    pub fn personal<F, Fut>(verb: Verb, path: &'static str, handler: F) -> Route
    where
        F: Fn(Caller<OwnAccount>, Call) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let guard: PersonalGuard = Box::new(move |credential| {
            let caller = Caller::own(credential)?;
            Some(Box::new(move |call| Box::pin(handler(caller, call))))
        });
        Route {
            limit: LimitClass::Api,
            ..Route::open(verb, path, Door::Personal(guard))
        }
    }

    /// A row for those who have no credential yet.
    pub fn visitor<F, Fut>(verb: Verb, path: &'static str, handler: F) -> Route
    where
        F: Fn(Visitor) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let reception: Reception = Box::new(move |visitor| Box::pin(handler(visitor)));
        Route {
            limit: LimitClass::Unauthenticated,
            ..Route::open(verb, path, Door::Visitor(reception))
        }
    }

    /// A row that needs no credential.
    pub fn open(verb: Verb, path: &'static str, door: Door) -> Route {
        Route {
            verb,
            path,
            summary: "",
            permission: None,
            money: false,
            signature: SignatureClass::Never,
            step_up: false,
            secret_keys: false,
            recent: false,
            limit: LimitClass::Exempt,
            weight: 1,
            reply: ReplyKind::Kept,
            success: 200,
            query: Vec::new(),
            body: None,
            reply_schema: || Schema::Bool(true),
            media: &[],
            exempt: &[],
            card: false,
            xml: false,
            waits: false,
            door,
        }
    }

    /// Refuses publishable keys, whatever they hold. SECURITY: they stand in web pages: what such a key may read one by one, by
    /// an id that is known, it must not find.
    #[must_use]
    pub fn for_secret_keys(mut self) -> Route {
        self.secret_keys = true;
        self
    }

    /// Whether it changes anything.
    pub fn is_mutating(&self) -> bool {
        self.verb != Verb::Get
    }

    #[must_use]
    pub fn about(mut self, summary: &'static str) -> Route {
        self.summary = summary;
        self
    }

    #[must_use]
    pub fn accepted(mut self) -> Route {
        self.success = 202;
        self
    }

    #[must_use]
    pub fn created(mut self) -> Route {
        self.success = 201;
        self
    }

    /// Its success leads elsewhere.
    #[must_use]
    pub fn other(mut self) -> Route {
        self.success = 303;
        self
    }

    #[must_use]
    pub fn money(mut self) -> Route {
        self.money = true;
        self
    }

    #[must_use]
    pub fn sensitive(mut self) -> Route {
        self.signature = SignatureClass::Sensitive;
        self
    }

    #[must_use]
    pub fn step_up(mut self) -> Route {
        self.step_up = true;
        self.sensitive()
    }

    #[must_use]
    pub fn recent(mut self) -> Route {
        self.recent = true;
        self
    }

    #[must_use]
    pub fn secret(mut self) -> Route {
        self.reply = ReplyKind::Secret;
        self
    }

    /// Names fields that the tripwire passes over.
    #[must_use]
    pub fn exempt(mut self, pointers: &'static [&'static str]) -> Route {
        self.exempt = pointers;
        self
    }

    #[must_use]
    pub fn card(mut self) -> Route {
        self.card = true;
        self
    }

    #[must_use]
    pub fn waits(mut self) -> Route {
        self.waits = true;
        self
    }

    /// Counts for more than one request.
    #[must_use]
    pub fn weighs(mut self, weight: u32) -> Route {
        self.weight = weight;
        self
    }

    #[must_use]
    pub fn xml(mut self) -> Route {
        self.xml = true;
        self
    }

    #[must_use]
    pub fn file(mut self) -> Route {
        self.reply = ReplyKind::File;
        self
    }

    #[must_use]
    pub fn streaming(mut self) -> Route {
        self.reply = ReplyKind::Stream;
        self
    }

    #[must_use]
    pub fn limited(mut self, limit: LimitClass) -> Route {
        self.limit = limit;
        self
    }

    #[must_use]
    pub fn query(mut self, parameters: &[&[Parameter]]) -> Route {
        self.query = parameters.concat();
        self
    }

    #[must_use]
    pub fn body(mut self, schema: fn() -> Schema) -> Route {
        self.body = Some(schema);
        self
    }

    #[must_use]
    pub fn reply(mut self, schema: fn() -> Schema) -> Route {
        self.reply_schema = schema;
        self
    }

    /// Names media types that its success may have instead of JSON.
    #[must_use]
    pub fn also(mut self, media: &'static [&'static str]) -> Route {
        self.media = media;
        self
    }

    /// The row as a line of the committed table.
    pub fn line(&self) -> String {
        let signature = match self.signature {
            SignatureClass::Never => "-",
            SignatureClass::Sensitive => "sensitive",
        };
        let limit = match self.limit {
            LimitClass::Exempt => "exempt",
            LimitClass::Pages => "pages",
            LimitClass::Unauthenticated => "failed",
            LimitClass::Api => "api",
            LimitClass::Payers => "payers",
        };
        let reply = match self.reply {
            ReplyKind::Kept => "kept",
            ReplyKind::Secret => "secret",
            ReplyKind::Stream => "stream",
            ReplyKind::File => "file",
        };
        let money = if self.money { "money" } else { "-" };
        let permission = match self.door {
            Door::Personal(_) => "(own)",
            _ => self.permission.unwrap_or("-"),
        };
        let line = format!(
            "{:<6}{:<36}{permission:<23}{money:<7}{signature:<11}{limit:<8}{reply:<8}{}",
            self.verb.as_str(),
            self.path,
            self.success
        );
        line.trim_end().to_owned()
    }
}
