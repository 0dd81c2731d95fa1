//! Where the engine's failures become answers: one exhaustive match, and one more for the nature of a refusal.

use strongroom_domain::rejection::{Nature, Rejection};
use strongroom_engine::Failure;

use crate::problem::{EdgeCode, Fate, Problem};

/// The HTTP status of a refusal's nature.
pub const fn status_of(nature: Nature) -> u16 {
    match nature {
        Nature::Invalid | Nature::State => 422,
        Nature::Missing => 404,
        Nature::Conflict => 409,
        Nature::Forbidden => 403,
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        let Rejection {
            code,
            pointer,
            detail,
        } = rejection;
        let status = status_of(code.nature());
        let problem = Problem::with(status, code.as_str(), code.title(), detail.clone());
        match pointer {
            Some(pointer) => problem.at(pointer, detail),
            None => problem,
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        let of = Problem::new;
        match failure {
            Failure::Rejected {
                rejection,
                replayed,
                request,
            } => Problem::from(rejection).first_given(request, replayed),
            Failure::KeyInUse => of(
                EdgeCode::KeyInUse,
                "the first request under this idempotency key is still running",
            )
            .retry_after(1)
            .meets(Fate::InUse),
            Failure::KeyReused => of(
                EdgeCode::KeyReused,
                "this idempotency key belongs to a request with another URL or body",
            ),
            Failure::ReplyNotKept { resource } => reply_not_kept(resource.map(|id| id.to_string())),
            Failure::SignatureReplayed => of(
                EdgeCode::SignatureReplayed,
                "the signature was used before; two equal requests in one second need a `reference_id` that tells them apart, or the next second",
            ),
            Failure::KeyRevoked => Problem::unauthorized(),
            Failure::Overloaded => of(
                EdgeCode::Overloaded,
                "the server has more to do than it can; try again",
            )
            .retry_after(1),
            Failure::Away => of(
                EdgeCode::Overloaded,
                "the books cannot be reached now; nothing was done, try again",
            )
            .retry_after(1)
            .meets(Fate::NotBegun),
            Failure::Stopped => of(
                EdgeCode::HandingOver,
                "another server takes the books over; nothing was done, try again",
            )
            .retry_after(1)
            .meets(Fate::NotBegun),
            Failure::StorageFull => of(
                EdgeCode::StorageUnavailable,
                "the server's disk is full; nothing was changed",
            )
            .retry_after(30),
            Failure::Halted => of(
                EdgeCode::StorageUnavailable,
                "the server stopped writing because its storage failed",
            )
            .retry_after(30)
            .meets(Fate::Unknown),
            Failure::Internal => Problem::internal(),
            Failure::NarrowTheRange => of(
                EdgeCode::NarrowTheRange,
                "too many rows to search: narrow `created_after` and `created_before`",
            ),
            Failure::NotFound => Problem::not_found(),
            Failure::BadCursor => of(
                EdgeCode::BadCursor,
                "`after` and `before` take a `next_cursor` of the same list",
            ),
        }
    }
}

/// The reply held a secret that is shown once: its retry learns what exists, not the secret.
fn reply_not_kept(resource: Option<String>) -> Problem {
    let text = "the request was carried out, but its reply held a secret that is shown once";
    let problem = Problem::new(EdgeCode::ReplyNotKept, text);
    match resource {
        Some(id) => problem.detail("resource_id", id),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_domain::rejection::Code;
    use strongroom_types::id::{RawId, RequestId};

    use super::*;

    #[test]
    fn refusals_keep_their_code_and_name_the_field() {
        let rejection = Rejection::at(
            Code::WalletNotFound,
            "/recipient/id",
            "there is no such wallet",
        );
        let problem = Problem::from(rejection);
        assert_eq!(
            (problem.status(), problem.code()),
            (404, "wallet_not_found")
        );
        let body = problem.render(RequestId(RawId([1; 12])));
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errors"][0]["pointer"], "/recipient/id");
        assert_eq!(body["title"], "No such wallet");
    }

    #[test]
    fn every_failure_has_its_status() {
        for (failure, status, code) in [
            (Failure::KeyInUse, 409, "idempotency_key_in_use"),
            (Failure::KeyReused, 409, "idempotency_key_reused"),
            (Failure::SignatureReplayed, 401, "signature_replayed"),
            (Failure::KeyRevoked, 401, "unauthorized"),
            (Failure::Overloaded, 503, "overloaded"),
            (Failure::Away, 503, "overloaded"),
            (Failure::Stopped, 503, "handing_over"),
            (Failure::Halted, 503, "storage_unavailable"),
            (Failure::Internal, 500, "internal_error"),
            (Failure::NarrowTheRange, 422, "narrow_the_range"),
            (Failure::NotFound, 404, "not_found"),
            (Failure::BadCursor, 400, "bad_cursor"),
            (
                Failure::ReplyNotKept { resource: None },
                409,
                "reply_not_kept",
            ),
        ] {
            let problem = Problem::from(failure);
            assert_eq!((problem.status(), problem.code()), (status, code));
        }
        assert_eq!(
            Problem::from(Rejection::new(Code::InsufficientFunds, "x")).status(),
            422
        );
        assert_eq!(
            Problem::from(Rejection::new(Code::ReferenceTaken, "x")).status(),
            409
        );
        assert_eq!(
            Problem::from(Rejection::new(Code::PermissionNotHeld, "x")).status(),
            403
        );
    }
}
