//! The HTTP edge: it turns requests into proven callers, commands and reads, and outcomes into responses.
//!
//! The route table in [`routes`] says what there is; [`edge`] says in which order a request is checked; `v1` holds one
//! file per resource; [`problem`] and [`refusal`] say how failures look. Requests come by [`server`].
//! Never here: SQL, cryptographic primitives, decisions, a readable card number but between its field and its type.

mod account;
mod address;
mod admin;
mod app;
mod arriving;
mod body;
mod browsing;
mod budget;
mod call;
mod cards;
mod caught;
mod certificates;
mod conditions;
mod edge;
mod encryption_keys;
mod feed;
mod front;
#[doc(hidden)]
pub mod fuzzing;
mod gcra;
mod idempotency;
mod identity;
mod json;
mod leaks;
mod limits;
mod lockout;
mod login;
mod metrics;
mod oauth;
mod open;
mod openapi;
mod own_limits;
mod pages;
mod parcel;
mod pay;
mod presented;
mod problem;
mod query;
mod refusal;
mod respond;
mod route;
mod routes;
mod schema;
mod server;
mod signature_page;
mod signed;
mod table;
mod throttle;
mod tls_metrics;
mod transit;
mod tripwire;
mod v1;
mod vaulted;
mod visit;
mod visitor;
mod watched;

pub use app::{App, EdgeSettings};
pub use body::MAX_BODY;
pub use call::Answer;
pub use front::{Front, Role};
pub use gcra::Gcra;
pub use openapi::document;
pub use problem::EdgeCode;
pub use query::{Parameter, ParameterKind};
pub use respond::Reply;
pub use route::{LimitClass, ReplyKind, Route, SignatureClass, Verb};
pub use routes::{listing, routes};
pub use server::{Gate, serve, serve_admin, serve_front, serve_front_admin, serve_nodes};
