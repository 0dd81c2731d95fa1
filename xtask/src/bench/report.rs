//! What comes out: medians of the runs as a table for people and as `bench/results.json` for
//! programs, with the ratios to the peer. Names no machine.

use std::fmt::Write;

use serde::Serialize;

use super::extra::Extra;
use super::measure::Sample;
use super::strongroom::{ONE, TWO};
use super::subject::Subject;
use super::{median, number};
use crate::Outcome;
use crate::process::root;

const OURS: [&str; 2] = [ONE, TWO];
const PEER: &str = "express-pg";

/// Everything measured in one session.
pub struct Report {
    fsync_us: f64,
    /// Every run.
    pub samples: Vec<Sample>,
    /// Memory and disk of each server.
    pub footprints: Vec<Footprint>,
    /// What `--full` added.
    pub extra: Vec<Extra>,
    /// Why the peer was not measured, if it was not.
    pub skipped: Option<String>,
}

/// What a server holds after all runs.
#[derive(Serialize)]
pub struct Footprint {
    subject: &'static str,
    payouts: u64,
    bytes_per_payout: f64,
    memory_mb: f64,
}

/// The medians of one kind of run.
#[derive(Serialize)]
struct Row {
    subject: &'static str,
    shape: &'static str,
    connections: usize,
    payouts_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    server_cpu_us: f64,
    store_cpu_us: f64,
    client_cpu_us: f64,
    fsync_us: f64,
    rates: Vec<f64>,
}

/// Our server against the peer in one kind of run.
#[derive(Serialize)]
struct Ratio {
    subject: &'static str,
    shape: &'static str,
    connections: usize,
    rate: f64,
    p99: f64,
    cpu: f64,
}

#[derive(Serialize)]
struct Results<'a> {
    cores: usize,
    fsync_us: f64,
    rows: Vec<Row>,
    ratios: Vec<Ratio>,
    two_nodes_to_one: Vec<TwoToOne>,
    footprints: &'a [Footprint],
    extra: &'a [Extra],
    peer_skipped: Option<&'a str>,
}

impl Footprint {
    /// Of `subject`, after its runs.
    pub fn of(subject: &Subject) -> Self {
        let payouts = subject.payouts.sent();
        let grown = subject
            .stored_bytes()
            .saturating_sub(subject.bytes_at_start);
        Self {
            subject: subject.name,
            payouts,
            bytes_per_payout: number(grown) / number(payouts.max(1)),
            memory_mb: number(subject.memory_bytes()) / 1e6,
        }
    }
}

impl Report {
    /// An empty report of a session on a disk that takes `fsync_us` per durable write.
    pub fn new(fsync_us: f64) -> Self {
        let (samples, footprints, extra) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            fsync_us,
            samples,
            footprints,
            extra,
            skipped: None,
        }
    }

    /// The table for people.
    pub fn table(&self) -> String {
        let rows = self.rows();
        let mut out = String::new();
        // Writing into a string does not fail.
        let _ = writeln!(
            out,
            "\n{:<11} {:<7} {:>5} {:>9} {:>8} {:>8} {:>9} {:>8} {:>9} {:>9}",
            "server",
            "shape",
            "conns",
            "payouts/s",
            "p50 ms",
            "p99 ms",
            "server µs",
            "store µs",
            "client µs",
            "fsync µs"
        );
        for row in &rows {
            let _ = writeln!(
                out,
                "{:<11} {:<7} {:>5} {:>9.0} {:>8.2} {:>8.2} {:>9.1} {:>8.1} {:>9.1} {:>9.0}",
                row.subject,
                row.shape,
                row.connections,
                row.payouts_per_second,
                row.p50_ms,
                row.p99_ms,
                row.server_cpu_us,
                row.store_cpu_us,
                row.client_cpu_us,
                row.fsync_us
            );
        }
        self.table_end(&mut out, &rows);
        out
    }

    fn table_end(&self, out: &mut String, rows: &[Row]) {
        for ratio in ratios(rows) {
            let _ = writeln!(
                out,
                "{}, {} at {}: {:.1} × the peer's rate, {:.2} × its p99, {:.2} × its CPU",
                ratio.subject, ratio.shape, ratio.connections, ratio.rate, ratio.p99, ratio.cpu
            );
        }
        for pair in two_to_one(rows) {
            let _ = writeln!(
                out,
                "two nodes, {} at {}: {:.2} × the rate of one",
                pair.shape, pair.connections, pair.rate
            );
        }
        for footprint in &self.footprints {
            let _ = writeln!(
                out,
                "{}: {:.0} bytes per payout on disk, {:.0} MB of memory, {} payouts",
                footprint.subject,
                footprint.bytes_per_payout,
                footprint.memory_mb,
                footprint.payouts
            );
        }
        for extra in &self.extra {
            let _ = writeln!(out, "{extra}");
        }
        if let Some(reason) = &self.skipped {
            let _ = writeln!(out, "the peer was not measured: {reason}");
        }
    }

    /// Writes the results file.
    pub fn write(&self, path: &str) -> Outcome<()> {
        let rows = self.rows();
        let results = Results {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            fsync_us: self.fsync_us,
            ratios: ratios(&rows),
            two_nodes_to_one: two_to_one(&rows),
            rows,
            footprints: &self.footprints,
            extra: &self.extra,
            peer_skipped: self.skipped.as_deref(),
        };
        let text = serde_json::to_string_pretty(&results)? + "\n";
        std::fs::write(root()?.join(path), text)?;
        println!("written: {path}");
        Ok(())
    }

    /// One row for each kind of run, in the order of the first.
    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for sample in &self.samples {
            let is_known = rows.iter().any(|row| {
                (row.subject, row.shape, row.connections)
                    == (sample.subject, sample.shape.name(), sample.connections)
            });
            if !is_known {
                rows.push(self.row(sample));
            }
        }
        rows
    }

    fn row(&self, like: &Sample) -> Row {
        let alike = |sample: &&Sample| {
            (sample.subject, sample.shape, sample.connections)
                == (like.subject, like.shape, like.connections)
        };
        let samples: Vec<&Sample> = self.samples.iter().filter(alike).collect();
        let middle = |pick: fn(&Sample) -> f64| {
            let mut values: Vec<f64> = samples.iter().map(|sample| pick(sample)).collect();
            rounded(median(&mut values))
        };
        Row {
            subject: like.subject,
            shape: like.shape.name(),
            connections: like.connections,
            payouts_per_second: middle(|sample| sample.rate),
            p50_ms: middle(|sample| sample.p50_ms),
            p99_ms: middle(|sample| sample.p99_ms),
            server_cpu_us: middle(|sample| sample.cpu_us.server),
            store_cpu_us: middle(|sample| sample.cpu_us.store),
            client_cpu_us: middle(|sample| sample.cpu_us.client),
            fsync_us: middle(|sample| sample.fsync_us),
            rates: samples.iter().map(|sample| rounded(sample.rate)).collect(),
        }
    }
}

/// Two decimals are more than any of this is worth.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Two nodes on one database against one.
#[derive(Serialize)]
struct TwoToOne {
    shape: &'static str,
    connections: usize,
    rate: f64,
}

fn two_to_one(rows: &[Row]) -> Vec<TwoToOne> {
    let ratio = |two: &Row| {
        let one = rows.iter().find(|row| {
            row.subject == ONE && row.shape == two.shape && row.connections == two.connections
        })?;
        Some(TwoToOne {
            shape: two.shape,
            connections: two.connections,
            rate: rounded(two.payouts_per_second / one.payouts_per_second),
        })
    };
    let two = rows.iter().filter(|row| row.subject == TWO);
    two.filter_map(ratio).collect()
}

fn ratios(rows: &[Row]) -> Vec<Ratio> {
    let ours = rows.iter().filter(|row| OURS.contains(&row.subject));
    let ratio = |our: &Row| {
        let peer = rows.iter().find(|row| {
            row.subject == PEER && row.shape == our.shape && row.connections == our.connections
        })?;
        let cpu = |row: &Row| row.server_cpu_us + row.store_cpu_us;
        Some(Ratio {
            subject: our.subject,
            shape: our.shape,
            connections: our.connections,
            rate: rounded(our.payouts_per_second / peer.payouts_per_second),
            p99: rounded(our.p99_ms / peer.p99_ms),
            cpu: rounded(cpu(our) / cpu(peer)),
        })
    };
    ours.filter_map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::{ONE, PEER, Report, TWO, ratios, two_to_one};
    use crate::bench::measure::Sample;
    use crate::bench::traffic::Shape;
    use crate::bench::usage::CpuSeconds;

    fn sample(subject: &'static str, rate: f64) -> Sample {
        let cpu_us = CpuSeconds {
            server: 1e5 / rate,
            store: 0.0,
            client: 1.0,
        };
        let (shape, connections) = (Shape::Hot, 64);
        Sample {
            subject,
            shape,
            connections,
            rate,
            p50_ms: 1.0,
            p99_ms: 2.0,
            cpu_us,
            fsync_us: 30.0,
        }
    }

    #[test]
    fn rows_are_medians_and_ratios_compare_them() {
        let mut report = Report::new(30.0);
        for (ours, peer) in [(900.0, 100.0), (1_000.0, 90.0), (5_000.0, 500.0)] {
            report.samples.push(sample(ONE, ours));
            report.samples.push(sample(TWO, ours / 2.0));
            report.samples.push(sample(PEER, peer));
        }
        let rows = report.rows();
        let rates: Vec<f64> = rows.iter().map(|row| row.payouts_per_second).collect();
        assert_eq!(rates, [1_000.0, 500.0, 100.0]);
        let ratios = ratios(&rows);
        assert_eq!(
            (ratios.len(), ratios[0].rate, ratios[0].cpu),
            (2, 10.0, 0.1)
        );
        assert_eq!((ratios[1].subject, ratios[1].rate), (TWO, 5.0));
        assert_eq!(two_to_one(&rows)[0].rate, 0.5);
        let table = report.table();
        assert!(table.contains("strongroom, hot at 64: 10.0 × the peer's rate"));
        assert!(table.contains("two nodes, hot at 64: 0.50 × the rate of one"));
    }
}
