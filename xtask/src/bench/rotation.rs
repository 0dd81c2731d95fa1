//! Rotation: how many rows are sealed again in a second, alone and beside payouts, and what payouts notice of it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::extra::Extra;
use super::load::Client;
use super::strongroom;
use super::subject::Subject;
use super::traffic::Shape;
use super::{median, number};
use crate::Outcome;

const WALLETS: u64 = 100;
/// Payouts stored before, each an entry of several sealed parts.
const STORED: u64 = if cfg!(debug_assertions) { 500 } else { 200_000 };
/// Payouts made beside a rotation.
const BESIDE: u64 = STORED / 10;
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(600);

/// On a server of its own under `folder`.
pub fn measure(folder: &Path, runs: u32) -> Outcome<Vec<Extra>> {
    let folder = folder.join("rotation");
    std::fs::create_dir_all(&folder)?;
    let mut subject = strongroom::start_with(&folder, WALLETS, None, &[])?.0;
    pay(&mut subject, STORED, 0)?;
    let (mut alone, mut beside, mut payouts) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs.max(1) {
        alone.push(rotate(&subject)?);
        let base = subject.base.clone();
        let rotating =
            std::thread::spawn(move || rotate_in(&base, "data").map_err(|error| error.to_string()));
        let began = Instant::now();
        pay(&mut subject, BESIDE, 1 + u64::from(run))?;
        payouts.push(number(BESIDE) / began.elapsed().as_secs_f64());
        let rate = rotating.join().map_err(|_| "the rotation panicked")??;
        beside.push(rate);
        println!("rotation, run {}: {rate:.0} rows/s beside payouts", run + 1);
    }
    let row = |name: &str, values: &mut Vec<f64>, unit: &str| Extra {
        name: name.to_owned(),
        value: median(values),
        unit: unit.to_owned(),
    };
    Ok(vec![
        row("rotation, alone", &mut alone, "rows/s"),
        row("rotation, beside payouts", &mut beside, "rows/s"),
        row("payouts beside a rotation", &mut payouts, "payouts/s"),
    ])
}

fn pay(subject: &mut Subject, count: u64, seed: u64) -> Outcome<()> {
    let mut client = Client::connect(subject.address, CONNECTIONS)?;
    subject.payouts.begin(Shape::Spread, seed, count);
    client
        .drive(&mut subject.payouts, PATIENCE)?
        .must_all_succeed()
}

fn rotate(subject: &Subject) -> Outcome<f64> {
    rotate_in(&subject.base, "data")
}

/// Rows sealed again in a second, by what an operator would run.
pub(super) fn rotate_in(base: &Path, level: &str) -> Outcome<f64> {
    let mut command = Command::new(strongroom::binary()?);
    command
        .args(["keys", "rotate", "--level", level, "--json", "--data"])
        .arg(base)
        .stderr(Stdio::null());
    let began = Instant::now();
    let output = command.output()?;
    let seconds = began.elapsed().as_secs_f64();
    let done: Value = serde_json::from_slice(&output.stdout)?;
    let field = |name: &str| done.get(name).and_then(Value::as_u64);
    if !output.status.success() || field("parts_on_old_versions") != Some(0) {
        return Err(format!("the rotation left something behind: {done}").into());
    }
    Ok(number(field("rows_resealed").ok_or("no count")?) / seconds)
}
