//! What a verification found: sizes of what was read, and each damage in one line.
//!
//! Lines name ids, sequence numbers and tables, never amounts or personal data.

use std::fmt;

use strongroom_types::id::OrganizationId;
use strongroom_types::mode::{INSTALLATION, Mode};

/// Damages that are named; more are only counted.
const NAMED: usize = 100;

/// What a verification read and found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    pub logs: Vec<LogReport>,
    pub records: u64,
    pub accounts: u64,
    pub postings: u64,
    pub events: u64,
    /// Blind index rows.
    pub indexes: u64,
    /// At most 100.
    pub damages: Vec<String>,
    /// Damages beyond those named.
    pub further: u64,
}

/// One log, as its entries say.
#[derive(Clone, Debug)]
pub struct LogReport {
    pub log: u32,
    pub organization: OrganizationId,
    pub mode: Mode,
    pub entries: u64,
    /// Root over all entries, in hex.
    pub root: String,
    /// Entries under the newest checkpoint; 0 without one.
    pub checkpoint: u64,
}

impl VerifyReport {
    pub fn is_clean(&self) -> bool {
        self.damages.is_empty()
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<30} {:<5} {:>12} {:>12}  root", "log", "mode", "entries", "checkpoint")?;
        for log in &self.logs {
            log.fmt(f)?;
        }
        let VerifyReport { logs: _, records, accounts, postings, events, indexes, damages, further } = self;
        writeln!(
            f,
            "{records} records, {accounts} accounts, {postings} postings, {events} events, {indexes} index rows"
        )?;
        for damage in damages {
            writeln!(f, "damage: {damage}")?;
        }
        match (damages.len(), further) {
            (0, _) => f.write_str("no damage found\n"),
            (named, 0) => writeln!(f, "{named} damages"),
            (named, more) => writeln!(f, "{named} damages named, {more} more"),
        }
    }
}

impl fmt::Display for LogReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogReport { log, organization, mode, entries, root, checkpoint } = self;
        let name = match *log {
            INSTALLATION => "the installation".to_owned(),
            _ => organization.to_string(),
        };
        writeln!(f, "{name:<30} {:<5} {entries:>12} {checkpoint:>12}  {root}", mode.as_str())
    }
}

/// Damages in the order they were found, the first ones in words.
#[derive(Default)]
pub(super) struct Damages {
    named: Vec<String>,
    further: u64,
}

impl Damages {
    pub fn note(&mut self, damage: impl Into<String>) {
        if self.named.len() < NAMED {
            self.named.push(damage.into());
        } else {
            self.further += 1;
        }
    }

    /// Names what stopped a part of the verification; the other parts go on.
    pub fn section<T, E: fmt::Display>(&mut self, name: &str, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(format!("{name}: {error}"));
                None
            }
        }
    }

    pub fn into_report(self, report: &mut VerifyReport) {
        report.damages = self.named;
        report.further = self.further;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damages_are_bounded_and_counted() {
        let mut damages = Damages::default();
        (0..250).for_each(|n| damages.note(format!("entry {n}")));
        let mut report = VerifyReport::default();
        damages.into_report(&mut report);
        assert!(!report.is_clean());
        let text = report.to_string();
        assert!(text.contains("damage: entry 99\n") && !text.contains("entry 100"));
        assert!(text.ends_with("100 damages named, 150 more\n"));
    }
}
