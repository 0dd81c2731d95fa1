//! `cargo xtask bench`: signed, durable, idempotent payouts over HTTP against our server and,
//! in turn on the same machine, against the peer that a careful team would write by hand.
//!
//! Absolute rates belong to the machine; what carries over are the ratios and the CPU time per
//! payout. Beside each rate stands what one durable write cost at that moment. A run in which
//! any reply is not 2xx fails.

mod extra;
mod load;
mod measure;
mod payments;
mod peer;
mod probe;
mod protection;
mod receivers;
mod reply;
mod report;
mod request;
mod rotation;
mod strongroom;
mod subject;
mod tokens;
mod traffic;
mod usage;
mod webhooks;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::Outcome;
use crate::process::{cargo, step};
use measure::Plan;
use peer::Peer;
use report::Report;
use subject::Subject;

/// What to measure.
#[derive(Args, Debug)]
pub struct Options {
    /// Measures with many payouts stored, too: takes long and needs tens of gigabytes
    #[arg(long)]
    full: bool,
    /// The engine of our server; on PostgreSQL both have a cluster of their own with the same settings
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Measures only one of the servers, or what protection costs, and writes no results file
    #[arg(long, value_enum)]
    only: Option<Which>,
    /// Measures webhooks alone, and writes no results file
    #[arg(long)]
    webhooks: bool,
    /// Measures a moment of a build without optimisation: whether everything works, not how fast; writes no results file
    #[arg(long)]
    smoke: bool,
    /// Measures the rotation of keys alone, and writes no results file
    #[arg(long)]
    rotation: bool,
    /// Runs of each kind; the table shows medians
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Seconds of each run
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Wallets to spread over
    #[arg(long, default_value_t = 10_000)]
    wallets: u64,
    /// Connections that send at once
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    connections: Vec<usize>,
    /// The folder that holds the data while measuring, on the disk to measure
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Strongroom,
    Peer,
    Protection,
    /// What it costs to know who asks and whether he may
    Access,
    /// Files to banks and from them
    Iso20022,
    /// How long reports take, and how much memory
    Reports,
    /// Payments on the sandbox acquirer and refunds, beside payouts
    Payments,
}

/// Measures, prints the table and writes `bench/results.json`, or `bench/results-postgres.json`.
pub fn run(options: &Options) -> Outcome<()> {
    if options.smoke != cfg!(debug_assertions) {
        return match options.smoke {
            true => Err("--smoke is for a build without optimisation".into()),
            false => run_optimized(),
        };
    }
    let folder = tempfile::Builder::new()
        .prefix("strongroom-bench-")
        // The database runs under an account of its own and must reach its folder.
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(&options.folder)?;
    if let Some(rows) = one_part(options, folder.path())? {
        rows.iter().for_each(|row| println!("{row}"));
        return Ok(());
    }
    let mut report = Report::new(probe::fsync_us(folder.path())?);
    let mut subjects = start(options, folder.path(), &mut report)?;
    if subjects.is_empty() {
        return Err("nothing to measure".into());
    }
    let plan = options.plan(folder.path());
    report.samples = measure::alternate(&mut subjects, &plan)?;
    report.footprints = subjects.iter().map(report::Footprint::of).collect();
    let on_files = matches!(options.engine, Engine::Sqlite);
    if options.only.is_none() && !on_files {
        subjects.clear();
        let payouts = if options.smoke { "100" } else { "60000" };
        let folder = folder.path().to_string_lossy();
        report.extra = extra::ceiling(&[payouts, &folder, "postgres"])?;
    }
    if options.only.is_none() && on_files {
        report.extra = extra::ceiling(&[])?;
        // Alone, for what is measured above keeps its server.
        subjects.truncate(if options.full { usize::MAX } else { 0 });
        report
            .extra
            .extend(webhooks::measure(folder.path(), options.runs)?);
        report
            .extra
            .extend(rotation::measure(folder.path(), options.runs)?);
        report
            .extra
            .extend(payments::measure(folder.path(), &plan)?);
        report.extra.extend(protection::measure(
            folder.path(),
            options.runs,
            options.seconds,
        )?);
    }
    if options.full {
        report
            .extra
            .extend(extra::with_many_stored(&mut subjects, &plan)?);
    }
    print!("{}", report.table());
    match options.only {
        _ if options.smoke => Ok(()),
        None if on_files => report.write("bench/results.json"),
        None => report.write("bench/results-postgres.json"),
        Some(_) => Ok(()),
    }
}

/// The rows of the one part that was asked for, if one was; no results file is written.
fn one_part(options: &Options, folder: &Path) -> Outcome<Option<Vec<extra::Extra>>> {
    if options.only == Some(Which::Access) {
        let keys = if options.smoke { "100" } else { "100000" };
        let mut rows = extra::from_example("strongroom-testkit", "access", &[keys])?;
        strongroom::build()?;
        let seconds = if options.smoke { 1 } else { options.seconds };
        rows.extend(tokens::measure(folder, options.runs, seconds)?);
        return Ok(Some(rows));
    }
    if options.only == Some(Which::Iso20022) {
        let payouts = if options.smoke { "100" } else { "10000" };
        return extra::from_example("strongroom-testkit", "iso20022", &[payouts]).map(Some);
    }
    if options.only == Some(Which::Reports) {
        let movements = if options.smoke { "1000" } else { "1000000" };
        let folder = folder.to_string_lossy();
        return extra::from_example("strongroom-testkit", "reports", &[movements, &folder])
            .map(Some);
    }
    if options.only == Some(Which::Payments) {
        strongroom::build()?;
        return payments::measure(folder, &options.plan(folder)).map(Some);
    }
    let protection = options.only == Some(Which::Protection);
    if options.webhooks || options.rotation || protection {
        strongroom::build()?;
    }
    if options.webhooks {
        return webhooks::measure(folder, options.runs).map(Some);
    }
    if options.rotation {
        return rotation::measure(folder, options.runs).map(Some);
    }
    if protection {
        return protection::alone(folder, options.runs, options.seconds).map(Some);
    }
    Ok(None)
}

impl Options {
    /// What is run, how often and for how long.
    fn plan<'a>(&'a self, folder: &'a Path) -> Plan<'a> {
        let plan = Plan {
            runs: self.runs,
            time: Duration::from_secs(self.seconds),
            first_payouts: measure::FIRST_PAYOUTS,
            connections: &self.connections,
            folder,
        };
        match self.smoke {
            false => plan,
            true => Plan {
                runs: 1,
                time: Duration::from_secs(1),
                first_payouts: 100,
                connections: &[8],
                ..plan
            },
        }
    }

    fn wallets(&self) -> u64 {
        if self.smoke { 50 } else { self.wallets }
    }
}

/// A load generator without optimisation would measure itself.
fn run_optimized() -> Outcome<()> {
    let mut command = cargo(["run", "--quiet", "--release", "--package", "xtask", "--"]);
    step("bench", command.args(std::env::args_os().skip(1)))
}

fn start(options: &Options, folder: &Path, report: &mut Report) -> Outcome<Vec<Subject>> {
    let mut subjects = Vec::new();
    if options.only != Some(Which::Peer) {
        strongroom::build()?;
        if matches!(options.engine, Engine::Sqlite) {
            subjects.push(strongroom::start(folder, options.wallets(), None)?);
        } else {
            // Each with a database of its own, set as the peer's is.
            for name in ["one", "two"] {
                let folder = folder.join(name);
                let cluster = peer::cluster(&folder)?;
                let node = strongroom::start(&folder, options.wallets(), Some(cluster))?;
                subjects.push(match name {
                    "two" => strongroom::join(node)?,
                    _ => node,
                });
            }
        }
    }
    if options.only != Some(Which::Strongroom) {
        match Peer::find() {
            Ok(peer) => subjects.push(peer.start(folder, options.wallets())?),
            Err(reason) => {
                println!("== peer: skipped, {reason}");
                report.skipped = Some(reason);
            }
        }
    }
    Ok(subjects)
}

/// The middle value; 0 for none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A count as a float; exact below 2^53.
fn number(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & 0xffff_ffff).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use super::{median, number};

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&mut []), 0.0);
    }

    #[test]
    fn counts_become_floats_exactly() {
        assert_eq!(number(3), 3.0);
        assert_eq!(number(10_000_000_000_000), 1e13);
    }
}
