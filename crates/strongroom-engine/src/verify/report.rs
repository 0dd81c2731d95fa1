//! What a verification found: sizes of what was read, and each damage in one line.
//!
//! Lines name ids, sequence numbers and tables, never amounts or personal data.

use std::collections::HashMap;
use std::fmt;

use strongroom_types::id::OrganizationId;
use strongroom_types::mode::{INSTALLATION, Mode};
use strongroom_types::time::Timestamp;

use super::numbers::Vaulted;

/// Damages that are named; more are only counted.
pub(super) const NAMED: usize = 200;
/// Damages of one sort that are named, so that a thousand of one hide none of another.
const OF_A_SORT: u64 = 20;

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
    /// Numbers that a vault process keeps, and that were not held against it yet: the books alone say no more.
    pub vaulted: Vec<Vaulted>,
    /// Numbers that the vault has as the tokens commit to them.
    pub held: u64,
    /// Numbers that somebody said need not be held against their vault.
    pub unheld: u64,
    /// Numbers in the vault that no token needs, not swept yet.
    pub left_over: u64,
    /// The time of the newest entry.
    pub latest: Timestamp,
    /// At most 20 of a sort and 200 in all.
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
    /// Nothing is wrong, and nothing is left to be asked: a token without its number is not taken on trust.
    pub fn is_clean(&self) -> bool {
        self.is_undamaged() && self.vaulted.is_empty()
    }

    /// Nothing that was looked at is wrong; a vault may not have been asked.
    pub fn is_undamaged(&self) -> bool {
        self.damages.is_empty() && self.further == 0
    }

    fn numbers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.held + self.left_over > 0 {
            let (held, left_over) = (self.held, self.left_over);
            write!(f, "{held} card numbers held against the vault")?;
            match left_over {
                0 => writeln!(f)?,
                more => writeln!(f, ", which has {more} without a token to be swept")?,
            }
        }
        if self.unheld > 0 {
            let unheld = self.unheld;
            writeln!(
                f,
                "{unheld} card numbers not held against their vault, as was asked for"
            )?;
        }
        match self.vaulted.len() {
            0 => Ok(()),
            waiting => writeln!(
                f,
                "{waiting} card numbers are in a vault that was not asked"
            ),
        }
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<30} {:<5} {:>12} {:>12}  root",
            "log", "mode", "entries", "checkpoint"
        )?;
        for log in &self.logs {
            log.fmt(f)?;
        }
        let VerifyReport {
            logs: _,
            records,
            accounts,
            postings,
            events,
            indexes,
            damages,
            further,
            vaulted: _,
            held: _,
            unheld: _,
            left_over: _,
            latest: _,
        } = self;
        writeln!(
            f,
            "{records} records, {accounts} accounts, {postings} postings, {events} events, {indexes} index rows"
        )?;
        self.numbers(f)?;
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
        let LogReport {
            log,
            organization,
            mode,
            entries,
            root,
            checkpoint,
        } = self;
        let name = match *log {
            INSTALLATION => "the installation".to_owned(),
            _ => organization.to_string(),
        };
        writeln!(
            f,
            "{name:<30} {:<5} {entries:>12} {checkpoint:>12}  {root}",
            mode.as_str()
        )
    }
}

/// Damages in the order they were found, the first ones in words.
#[derive(Default)]
pub(super) struct Damages {
    named: Vec<String>,
    further: u64,
    sorts: HashMap<String, u64>,
}

impl Damages {
    pub fn note(&mut self, damage: impl Into<String>) {
        let damage = damage.into();
        let of_this_sort = self.sorts.entry(sort(&damage)).or_default();
        *of_this_sort += 1;
        if self.named.len() < NAMED && *of_this_sort <= OF_A_SORT {
            self.named.push(damage);
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

/// A damage's words without what tells one place from another: numbers and quoted ids.
fn sort(damage: &str) -> String {
    damage
        .split('`')
        .step_by(2)
        .flat_map(str::chars)
        .filter(|c| !c.is_ascii_digit())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damages_are_bounded_and_counted_by_sort() {
        let mut damages = Damages::default();
        (0..250).for_each(|n| damages.note(format!("entry {n} of log 2: altered")));
        damages.note("`wallet_00ff` of log 3: gone");
        let mut report = VerifyReport::default();
        damages.into_report(&mut report);
        assert!(!report.is_clean());
        let text = report.to_string();
        assert!(
            text.contains("damage: entry 19 of log 2: altered\n") && !text.contains("entry 20 ")
        );
        assert!(
            text.ends_with("damage: `wallet_00ff` of log 3: gone\n21 damages named, 230 more\n"),
            "{text}"
        );
    }
}
