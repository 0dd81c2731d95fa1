//! Those who have no credential yet: what they send is read, bounded and searched like everything else, and nothing of it
//! is believed.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use hyper::http::request::Parts;
use strongroom_engine::{Engine, Envelope};
use strongroom_types::time::Timestamp;

use crate::address::network;
use crate::app::App;
use crate::body;
use crate::call::{Answer, BoxFuture};
use crate::caught::Caught;
use crate::edge::{Passed, allow};
use crate::json::{Object, parse_object};
use crate::lockout::Entrance;
use crate::parcel::Parcel;
use crate::problem::Problem;
use crate::route::Route;
use crate::tripwire;
use crate::visit::Visit;

/// Somebody at the door, and what he says.
pub struct Visitor {
    pub(crate) engine: Engine,
    pub(crate) entrance: Arc<Entrance>,
    /// His address, or the beginning of it where whoever has one has many.
    pub(crate) network: IpAddr,
    pub(crate) time: Timestamp,
    /// Whether secrets may travel where he came in.
    pub(crate) is_private: bool,
    pub(crate) body: Bytes,
    pub(crate) envelope: Envelope,
}

type Reception = dyn Fn(Visitor) -> BoxFuture<Result<Answer, Problem>> + Send + Sync;

impl Visitor {
    /// The body, read but not yet understood.
    ///
    /// # Errors
    /// 400 or 422 when it is not one JSON object.
    pub fn object(&self) -> Result<Object<'_>, Problem> {
        parse_object(&self.body).map_err(Problem::from)
    }
}

impl App {
    /// Somebody at the door of a page, whose form was read already.
    pub(crate) fn visitor(&self, visit: &Visit) -> Visitor {
        Visitor {
            engine: self.engine().clone(),
            entrance: Arc::clone(&self.inner().entrance),
            network: network(visit.address),
            time: visit.time,
            is_private: visit.live_allowed,
            body: Bytes::new(),
            envelope: visit.envelope(),
        }
    }

    /// Lets a visitor speak, as often as the limit allows it.
    pub(crate) async fn receive<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        (route, reception): (&Route, &Reception),
    ) -> Result<Passed, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let counted = self.network_of(visit.address);
        let limits = &self.inner().limits;
        let standing = limits.unauthenticated.count(counted, visit.time);
        allow(visit, standing)?;
        let body = body.read(self.settings().body_time).await?;
        body::check_type(&head.headers)?;
        if let Some(hit) = tripwire::check(head, &body, route) {
            let problem = Problem::from(hit.rejection());
            return Err(hit.explain(problem));
        }
        self.engine().owned()?;
        let visitor = Visitor {
            body,
            ..self.visitor(visit)
        };
        match Caught(reception(visitor)).await {
            Ok(outcome) => outcome.map(|answer| Passed {
                status: route.success,
                answer,
            }),
            Err(_) => {
                self.inner().metrics.panicked();
                Err(Problem::internal())
            }
        }
    }
}
