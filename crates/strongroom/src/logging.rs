//! Logs go to standard error; `RUST_LOG` filters them. What looks like a card number is masked on its way there.

use std::io::{self, Write};

use strongroom_vault::scrub;
use tracing_subscriber::EnvFilter;

/// Standard error behind the tripwire. Each event comes in one piece.
struct Scrubbed;

impl Write for Scrubbed {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&scrub(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// One JSON object a line, for machines.
pub(crate) fn json() {
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
    subscriber
        .with_env_filter(filter("info"))
        .with_writer(|| Scrubbed)
        .init();
}

/// Text, for people; warnings only, unless `RUST_LOG` asks for more.
pub(crate) fn text() {
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    subscriber
        .with_env_filter(filter("warn"))
        .with_writer(|| Scrubbed)
        .init();
}

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default))
}
