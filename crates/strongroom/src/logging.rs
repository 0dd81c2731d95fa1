//! Logs go to standard error; `RUST_LOG` filters them. What looks like a card number is masked on its way there.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_vault::scrub;
use tracing_subscriber::EnvFilter;

/// Whether logs are JSON, as those of a process that this one starts then are.
static JSON: AtomicBool = AtomicBool::new(false);

/// Something written to behind the tripwire. Each event comes in one piece.
struct Scrubbed<W>(W);

impl<W: Write> Write for Scrubbed<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&scrub(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// One JSON object a line, for machines.
pub(crate) fn json() {
    JSON.store(true, Ordering::Relaxed);
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
    subscriber
        .with_env_filter(filter("info"))
        .with_writer(|| Scrubbed(io::stderr()))
        .init();
}

/// Text, for people; warnings only, unless `RUST_LOG` asks for more.
pub(crate) fn text() {
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    subscriber
        .with_env_filter(filter("warn"))
        .with_writer(|| Scrubbed(io::stderr()))
        .init();
}

/// Whether [`json`] was called.
pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_card_number_on_its_way_to_the_log_is_masked() {
        let kept = Kept::default();
        let behind = kept.clone();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
        let subscriber = subscriber.with_writer(move || Scrubbed(behind.clone()));
        tracing::subscriber::with_default(subscriber.finish(), || {
            tracing::warn!(
                note = "4242 4242 4242 4242",
                number = 5_555_555_555_554_444_i64,
                "odd 378282246310005"
            );
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        for clear in ["4242 4242", "5555555555554444", "378282246310005"] {
            assert!(!text.contains(clear), "{text}");
        }
        assert!(
            text.contains("**** **** **** 4242") && text.contains("***********0005"),
            "{text}"
        );
    }
}
