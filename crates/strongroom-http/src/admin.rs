//! The operator's listener: `/metrics`, `/health`, `/ready`. It has no credentials and belongs on loopback.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};
use strongroom_engine::EngineState;

use crate::app::App;
use crate::respond::{Reply, always, fixed};

const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl App {
    /// Answers a request on the admin listener.
    pub fn administer<B>(&self, request: &Request<B>) -> Response<Reply> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "text/plain",
                "only GET\n".into(),
            );
        }
        let text = |status, word: &str| plain(status, "text/plain", format!("{word}\n"));
        match (request.uri().path(), self.engine().state()) {
            ("/metrics", _) => metrics(self.inner().metrics.render()),
            ("/health", _) => text(StatusCode::OK, "ok"),
            ("/ready", EngineState::Running) => text(StatusCode::OK, "ready"),
            ("/ready", EngineState::Unreachable) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "unreachable")
            }
            ("/ready", EngineState::Stopping) => text(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            ("/ready", EngineState::Replaced) => text(StatusCode::SERVICE_UNAVAILABLE, "replaced"),
            // The cause is for the operator, who is who asks here.
            ("/ready", EngineState::Halted(cause)) => {
                text(StatusCode::SERVICE_UNAVAILABLE, &format!("halted: {cause}"))
            }
            _ => not_found(),
        }
    }
}

/// Numbers as they are fetched.
pub(crate) fn metrics(text: String) -> Response<Reply> {
    plain(StatusCode::OK, METRICS, text)
}

pub(crate) fn not_found() -> Response<Reply> {
    plain(
        StatusCode::NOT_FOUND,
        "text/plain",
        "not found\n".to_owned(),
    )
}

fn plain(status: StatusCode, kind: &'static str, body: String) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    // It is plain HTTP always, which no browser may be told to leave.
    always(response.headers_mut(), false);
    fixed(response.headers_mut(), CONTENT_TYPE, kind);
    response
}
