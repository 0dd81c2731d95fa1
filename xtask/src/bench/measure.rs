//! The runs: every shape and number of connections, several times, the servers in turn, so that
//! a slow minute of the machine falls on all of them.

use std::path::Path;
use std::time::Duration;

use super::load::Client;
use super::probe;
use super::subject::Subject;
use super::traffic::Shape;
use super::usage::CpuSeconds;
use crate::Outcome;

const WARM_UP: Duration = Duration::from_secs(1);

/// Before the first run, so that caches are filled and a just-in-time compiler has compiled.
pub const FIRST_PAYOUTS: u64 = 20_000;
const FIRST_TIME: Duration = Duration::from_secs(20);
const FIRST_CONNECTIONS: usize = 64;

/// How to measure.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Runs of each kind.
    pub runs: u32,
    /// The length of a run.
    pub time: Duration,
    /// Payouts before the first run.
    pub first_payouts: u64,
    /// Numbers of connections to try.
    pub connections: &'a [usize],
    /// Where the data lies, and so where the disk is probed.
    pub folder: &'a Path,
}

/// What one run showed.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The server's name.
    pub subject: &'static str,
    /// Which wallets were touched.
    pub shape: Shape,
    /// How many connections sent.
    pub connections: usize,
    /// Payouts per second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of latency in milliseconds.
    pub p99_ms: f64,
    /// CPU microseconds per payout.
    pub cpu_us: CpuSeconds,
    /// One durable 4 KiB write just before, in microseconds.
    pub fsync_us: f64,
}

/// Measures every kind of run on every subject.
pub fn alternate(subjects: &mut [Subject], plan: &Plan<'_>) -> Outcome<Vec<Sample>> {
    for subject in &mut *subjects {
        let mut client = Client::connect_all(&subject.addresses(), FIRST_CONNECTIONS)?;
        subject.payouts.begin(Shape::Spread, 0, plan.first_payouts);
        client
            .drive(&mut subject.payouts, FIRST_TIME)?
            .must_all_succeed()?;
    }
    let mut samples = Vec::new();
    for shape in [Shape::Spread, Shape::Hot] {
        for &connections in plan.connections {
            for run in 1..=plan.runs {
                for subject in &mut *subjects {
                    let sample = one_run(subject, shape, connections, run, plan);
                    samples.push(sample.map_err(|failure| subject.blame(&*failure))?);
                }
            }
        }
    }
    Ok(samples)
}

/// One run: warm up, count what was spent, send, count again.
pub fn one_run(
    subject: &mut Subject,
    shape: Shape,
    connections: usize,
    run: u32,
    plan: &Plan<'_>,
) -> Outcome<Sample> {
    let fsync_us = probe::fsync_us(plan.folder)?;
    let mut client = Client::connect_all(&subject.addresses(), connections)?;
    subject.payouts.begin(shape, u64::from(run), u64::MAX);
    client
        .drive(&mut subject.payouts, WARM_UP)?
        .must_all_succeed()?;

    let before = subject.cpu();
    let tally = client.drive(&mut subject.payouts, plan.time)?;
    let cpu_us = subject.cpu().per_request_us(before, tally.all_replies);
    tally
        .must_all_succeed()
        .map_err(|cause| format!("{}: {cause}", subject.name))?;
    subject.settle()?;

    let milliseconds = |quantile| super::number(tally.latency_us.value_at_quantile(quantile)) / 1e3;
    let sample = Sample {
        subject: subject.name,
        shape,
        connections,
        rate: tally.rate(),
        p50_ms: milliseconds(0.5),
        p99_ms: milliseconds(0.99),
        cpu_us,
        fsync_us,
    };
    println!(
        "{} {} {connections} connections, run {run}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
        sample.subject,
        shape.name(),
        sample.rate,
        sample.p50_ms,
        sample.p99_ms
    );
    Ok(sample)
}
