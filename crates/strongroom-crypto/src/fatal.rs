//! The end of the process when a primitive fails that cannot fail on a sound machine.
//!
//! Never for bad input: foreign bytes, wrong passphrases and altered rows are errors, not this.

/// Prints `what` to standard error and aborts.
///
/// Aborting, not unwinding: a caught panic would let the process run on without randomness or with unsealed bodies.
#[cold]
pub(crate) fn fatal(what: &str) -> ! {
    eprintln!("strongroom: {what}; the process ends because nothing sane can follow");
    std::process::abort()
}
