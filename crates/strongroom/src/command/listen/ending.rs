//! Why forwarding ended before it was told to, for a developer.

use strongroom_client::{ClientError, Problem};
use strongroom_listen::ListenFault;
use strongroom_outbound::OutboundFault;

use super::console::printable;
use super::{Options, receiver};
use crate::fault::Fault;

pub(super) fn told(options: &Options, fault: ListenFault<Fault>) -> Fault {
    let Options { url, forward, .. } = options;
    match fault {
        ListenFault::Server(ClientError::Refused(problem)) => refused(url, &problem),
        ListenFault::Server(ClientError::Unreachable(cause)) => {
            Fault::new(format!("no answer from `{url}`: {cause}"))
                .hint("start the server first, or name it with --url")
        }
        ListenFault::Server(ClientError::Malformed(what)) => Fault::new(format!(
            "`{url}` does not answer as a Strongroom server does: {}",
            printable(&what)
        ))
        .hint("look at --url"),
        ListenFault::Server(error @ (ClientError::BadUrl(_) | ClientError::Untrusted(_))) => {
            Fault::new(error.to_string())
                .hint("look at --url, --authorities and --pins; a new pin set comes from whoever signs it")
        }
        ListenFault::Receiver(OutboundFault::RefusedAddress) => receiver::elsewhere(forward),
        ListenFault::Receiver(fault) => Fault::new(format!("`{forward}`: {fault}")),
        ListenFault::Gone => {
            Fault::new(format!("`{forward}` answered 410: it wants no more events"))
                .hint("the event is not counted as taken; the next start sends it again")
        }
        ListenFault::Keep(fault) => fault,
    }
}

fn refused(url: &str, problem: &Problem) -> Fault {
    let fault = Fault::new(format!("`{url}` {}", printable(&problem.to_string())));
    match (problem.status, problem.code.as_str()) {
        (401, _) => fault.hint("give a test key of this server with --key-file; one that must sign needs --signing-secret-file too"),
        (403, _) => fault.hint("the key must hold the permission `read:events`"),
        (400, "bad_cursor") => fault.hint(
            "the event to go on after is none of this organization on this server: remove the resume file to begin anew",
        ),
        _ => fault,
    }
}
