//! What needs no credential: health, documents, and keys that somebody found.

use bytes::Bytes;
use hyper::body::Body;
use hyper::http::request::Parts;
use strongroom_engine::EngineState;

use crate::address::network;
use crate::app::App;
use crate::body;
use crate::call::Answer;
use crate::edge::{Passed, allow};
use crate::leaks;
use crate::openapi;
use crate::parcel::Parcel;
use crate::problem::Problem;
use crate::route::{Door, LimitClass, Route};
use crate::table::Found;
use crate::visit::Visit;

impl App {
    /// The answer to a request that needs no credential; `None` for one that does.
    pub(crate) async fn unguarded<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        found: &Found,
    ) -> Option<Result<Passed, Problem>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Found::Route(route, id) = found else {
            return None;
        };
        visit.routed(head, route);
        match route.door {
            Door::Guarded(_) | Door::Personal(_) => None,
            Door::Visitor(ref reception) => {
                let reception = reception.as_ref();
                Some(self.receive(visit, head, body, (route, reception)).await)
            }
            Door::Leaks => Some(self.leak(visit, head, body).await),
            Door::EncryptionKeys => Some(self.encryption_keys(visit).await),
            Door::Oauth(part) => Some(Box::pin(self.oauth(visit, head, body, (route, part))).await),
            Door::Account(part) => {
                let page = self.account(visit, head, body, (route, part));
                Some(Ok(Box::pin(page).await))
            }
            Door::Pay(part) => Some(Ok(Box::pin(self.pay(visit, head, body, (part, id))).await)),
            _ => Some(self.open(visit, route)),
        }
    }

    /// What needs no credential.
    fn open(&self, visit: &mut Visit, route: &Route) -> Result<Passed, Problem> {
        if route.limit == LimitClass::Pages {
            let standing = self.inner().pages.count(network(visit.address), visit.time);
            allow(visit, standing)?;
        }
        let status = |status, word: &str| Passed {
            status,
            answer: Answer::json(format!("{{\"status\":\"{word}\"}}").into_bytes()),
        };
        Ok(match (&route.door, self.engine().state()) {
            (Door::Document, _) => Passed {
                status: 200,
                answer: Answer {
                    body: openapi::served(),
                    ..Answer::default()
                },
            },
            (Door::Pins, _) => self.pin_set()?,
            (Door::Page(page), _) => Passed {
                status: 200,
                answer: Answer::page(page()),
            },
            (
                Door::Health
                | Door::Leaks
                | Door::EncryptionKeys
                | Door::Pay(_)
                | Door::Oauth(_)
                | Door::Account(_)
                | Door::Guarded(_)
                | Door::Personal(_)
                | Door::Visitor(_),
                _,
            ) => status(200, "ok"),
            (Door::Ready, EngineState::Running) => status(200, "ready"),
            (Door::Ready, EngineState::Unreachable) => status(503, "unreachable"),
            (Door::Ready, EngineState::Stopping) => status(503, "stopping"),
            (Door::Ready, EngineState::Replaced) => status(503, "replaced"),
            (Door::Ready, EngineState::Halted(_)) => status(503, "halted"),
        })
    }

    /// A key that somebody found. SECURITY: the answer is the same whether there is such a key.
    async fn leak<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
    ) -> Result<Passed, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let network = self.network_of(visit.address);
        let standing = self
            .inner()
            .limits
            .unauthenticated
            .count(network, visit.time);
        allow(visit, standing)?;
        let body = body.read(self.settings().body_time).await?;
        body::check_type(&head.headers)?;
        let found = leaks::read(&body)?;
        self.engine().owned()?;
        self.engine()
            .revoke_leaked(found.expose(), visit.envelope())
            .await?;
        Ok(Passed {
            status: 202,
            answer: Answer::json(b"{\"status\":\"received\"}".to_vec()),
        })
    }
}
