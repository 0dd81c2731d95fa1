//! What the process denies itself before it touches a secret.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// SECURITY: no file is made readable by others, whoever makes it (the database engine too), and keys do not end up
/// in a core dump.
pub(crate) fn harden() {
    umask(Mode::RWXG | Mode::RWXO);
    // Lowering a limit of one's own is always allowed; where it is not, nothing else can be done.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
}
