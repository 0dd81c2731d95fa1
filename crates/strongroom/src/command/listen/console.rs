//! What is printed while events are forwarded, and the file that keeps the position.

use std::path::PathBuf;
use std::time::Duration;

use strongroom_listen::{Attempt, Journal, News, Outcome, Position};

use crate::fault::Fault;
use crate::folder;
use crate::out::{error_line, say};

/// The longest type that is printed; longer than any there is.
const MOST_OF_TYPE: usize = 40;

/// The most that is printed of what a server says.
const MOST_LETTERS: usize = 500;

/// The terminal and the resume file.
pub(super) struct Console {
    file: Option<PathBuf>,
    /// The live stream was open before.
    followed: bool,
}

impl Console {
    pub fn new(file: Option<PathBuf>) -> Console {
        Console {
            file,
            followed: false,
        }
    }
}

impl Journal for Console {
    type Fault = Fault;

    fn keep(&mut self, position: Position) -> Result<(), Fault> {
        match &self.file {
            Some(path) => folder::write(path, format!("{position}\n").as_bytes()),
            None => Ok(()),
        }
    }

    fn tell(&mut self, news: &News<'_>) {
        match news {
            News::Following(position) if !self.followed => {
                self.followed = true;
                say!("Following from {position}. Ctrl-C ends it.");
            }
            News::Following(position) => {
                error_line(format_args!("following again from {position}"))
            }
            News::Lost(cause, wait) => {
                let cause = printable(cause);
                error_line(format_args!(
                    "the server is away: {cause}; again in {}",
                    seconds(*wait)
                ));
            }
            News::Delivered(attempt) => say!("{}", line(attempt)),
            News::Failed(attempt, wait) => {
                error_line(format_args!(
                    "{}; again in {}",
                    line(attempt),
                    seconds(*wait)
                ));
            }
            News::PassedOver(attempt) => error_line(format_args!("{}; passed over", line(attempt))),
        }
    }
}

/// Time, status, milliseconds, type, id; what is unusual behind them.
fn line(attempt: &Attempt<'_>) -> String {
    let Attempt {
        event,
        number,
        at,
        took,
        outcome,
    } = attempt;
    let (status, remark) = match outcome {
        Outcome::Answered(status @ 300..=399) => (
            status.to_string(),
            "  redirects are not followed".to_owned(),
        ),
        Outcome::Answered(status) => (status.to_string(), String::new()),
        Outcome::Unanswered(fault) => ("---".to_owned(), format!("  {fault}")),
    };
    let again = match number {
        1 => String::new(),
        number => format!("  attempt {number}"),
    };
    let name: String = printable(&event.event_type)
        .chars()
        .take(MOST_OF_TYPE)
        .collect();
    format!(
        "{at}  {status}  {:>5} ms  {name:<18}  {}{again}{remark}",
        took.as_millis(),
        event.id
    )
}

/// SECURITY: what a server sends does not steer the terminal.
pub(super) fn printable(text: &str) -> String {
    let plain = text.chars().filter(|letter| !letter.is_control());
    plain.take(MOST_LETTERS).collect()
}

fn seconds(wait: Duration) -> String {
    format!("{:.1} s", wait.as_secs_f64())
}
