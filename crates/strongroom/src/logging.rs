//! Logs go to standard error; `RUST_LOG` filters them.

use tracing_subscriber::EnvFilter;

/// One JSON object a line, for machines.
pub(crate) fn json() {
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
    subscriber
        .with_env_filter(filter("info"))
        .with_writer(std::io::stderr)
        .init();
}

/// Text, for people; warnings only, unless `RUST_LOG` asks for more.
pub(crate) fn text() {
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    subscriber
        .with_env_filter(filter("warn"))
        .with_writer(std::io::stderr)
        .init();
}

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default))
}
