//! Why a listener ends before it is told to.

use strongroom_client::ClientError;
use strongroom_outbound::OutboundFault;

/// What waiting does not mend. `K` is why a position was not kept.
#[derive(Debug)]
pub enum ListenFault<K> {
    /// The server refuses, is none, or was never reached.
    Server(ClientError),
    /// The receiver may not be connected to.
    Receiver(OutboundFault),
    /// The receiver answered 410: it wants nothing more.
    Gone,
    Keep(K),
}

/// Why the work stopped, passing causes included.
pub(crate) enum Halt<K> {
    /// It was told to.
    Told,
    /// The server is away for now.
    Away(String),
    Fault(ListenFault<K>),
}

impl<K> From<ClientError> for Halt<K> {
    fn from(error: ClientError) -> Halt<K> {
        match error {
            ClientError::Unreachable(cause) => Halt::Away(cause),
            ClientError::Refused(problem) if problem.status == 429 || problem.status >= 500 => {
                Halt::Away(problem.to_string())
            }
            error => Halt::Fault(ListenFault::Server(error)),
        }
    }
}

impl<K> From<ListenFault<K>> for Halt<K> {
    fn from(fault: ListenFault<K>) -> Halt<K> {
        Halt::Fault(fault)
    }
}
