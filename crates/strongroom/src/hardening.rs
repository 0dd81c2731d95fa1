//! What the process denies itself before it touches a secret, and whether it holds.

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, geteuid, getrlimit,
    set_dumpable_behavior, setrlimit, umask,
};

/// SECURITY: no file is made readable by others, whoever makes it (the database engine too), keys do not end up in a core
/// dump, and no other process of the same user attaches to this one or reads its memory and environment.
pub(crate) fn harden() {
    umask(Mode::RWXG | Mode::RWXO);
    // Lowering a limit of one's own is always allowed; where it is not, nothing else can be done. `doctor` tells.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// How much of the memory stays out of the swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    /// All of it, from now on.
    All,
    /// The system's limit, in bytes, does not allow it: nothing is locked.
    Limited(u64),
    /// The system refuses.
    Refused,
}

/// SECURITY: keys lie in the heap and in the cipher library's own objects, which nobody can place; so all of the memory is
/// kept from being swapped out, page by page as it is first used, or none.
pub(crate) fn lock_memory() -> Locked {
    let limit = getrlimit(Resource::Memlock).current;
    // Under a limit, later allocations would fail: a server that runs is worth more than a promise half kept.
    if let (Some(limit), false) = (limit, geteuid().is_root()) {
        return Locked::Limited(limit);
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    match mlockall(flags) {
        Ok(()) => Locked::All,
        Err(Errno::NOMEM) => Locked::Limited(limit.unwrap_or(0)),
        Err(_) => Locked::Refused,
    }
}

/// What holds of a hardened process: a name, what is found, whether it is as it should be.
pub(crate) fn standing() -> Vec<(&'static str, String, bool)> {
    let core = getrlimit(Resource::Core);
    let cores_off = core.current == Some(0) && core.maximum == Some(0);
    let dumpable = dumpable_behavior();
    let closed = matches!(dumpable, Ok(DumpableBehavior::NotDumpable));
    let memory = match lock_memory() {
        Locked::All => ("locked, none of it is swapped out".to_owned(), true),
        Locked::Limited(limit) => (
            format!("not locked: the limit is {limit} bytes (`LimitMEMLOCK=infinity` in the unit)"),
            false,
        ),
        Locked::Refused => ("not locked: the system refuses".to_owned(), false),
    };
    vec![
        ("core dumps", said(cores_off, "off", "on"), cores_off),
        (
            "other processes of this user",
            said(
                closed,
                "cannot look into this one",
                "can look into this one",
            ),
            closed,
        ),
        ("memory of a server", memory.0, memory.1),
    ]
}

fn said(good: bool, yes: &str, no: &str) -> String {
    match good {
        true => yes.to_owned(),
        false => no.to_owned(),
    }
}
