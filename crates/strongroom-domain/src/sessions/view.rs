//! How sessions look on the wire.

use serde::Serialize;
use strongroom_types::id::{SessionId, UserId};
use strongroom_types::mode::Mode;
use strongroom_types::time::Timestamp;

use crate::sessions::{OpenSession, Session, SessionBody};

/// A session.
#[derive(Serialize)]
pub struct SessionView<'a> {
    pub id: SessionId,
    pub object: &'static str,
    pub user_id: UserId,
    /// Whether it is the one that asks.
    pub current: bool,
    pub ip_address: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub second_factor_at: Option<Timestamp>,
    pub last_used_at: Timestamp,
    pub idle_seconds: i64,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    #[serde(flatten)]
    pub begun: Option<Begun<'a>>,
}

/// What is shown once, when it begins.
#[derive(Serialize)]
pub struct Begun<'a> {
    pub mode: Mode,
    /// Left out where a cookie holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
    /// To be sent as `X-CSRF-Token` beside the cookie.
    pub csrf_token: &'a str,
}

impl<'a> SessionView<'a> {
    pub fn new(session: &'a Session, current: Option<SessionId>) -> SessionView<'a> {
        let SessionBody {
            id,
            user,
            key: _,
            subject: _,
            hash: _,
            status: _,
            began_at: _,
            created_at,
            authenticated_at: _,
            second_factor_at,
            last_used_at,
            idle,
            ends_at,
        } = session.body;
        let trace = session.trace.as_ref();
        SessionView {
            id,
            object: "session",
            user_id: user,
            current: current == Some(id),
            ip_address: trace.map(|trace| trace.address.as_str()),
            user_agent: trace.map(|trace| trace.user_agent.as_str()),
            second_factor_at,
            last_used_at,
            idle_seconds: idle / 1_000,
            expires_at: ends_at,
            created_at,
            begun: None,
        }
    }

    /// With what is shown once.
    pub fn begun(session: &'a Session, opened: &'a OpenSession, mode: Mode) -> SessionView<'a> {
        SessionView {
            begun: Some(Begun {
                mode,
                token: (!opened.by_cookie).then(|| opened.token.expose()),
                csrf_token: &opened.csrf,
            }),
            ..SessionView::new(session, Some(session.body.id))
        }
    }
}
