//! What protection costs alone: sealing and opening a record, and the tripwire over a body.
//!
//! What is counted is the time that the processor worked for it, so that others on the machine do not count. Prints one
//! JSON line per figure: `{"name", "value", "unit"}`. Run it in release mode.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot run has nothing to say"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use strongroom_crypto::{RandomPool, SealKey};
use strongroom_vault::holds;

/// How long each figure is measured, and how often: the best of them is what the work takes.
const RUN: Duration = Duration::from_millis(300);
const RUNS: usize = 7;

const RECORD: usize = 512;
const KIB: usize = 1024;

/// Bytes of associated data of a record.
const AAD: usize = 59;

fn main() {
    let hardware = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let aes = hardware
        .lines()
        .any(|line| line.starts_with("flags") && line.split(' ').any(|flag| flag == "aes"));
    let with = if aes {
        "AES in hardware"
    } else {
        "no AES in hardware"
    };
    seal(with);
    for (name, text) in [
        ("prose", prose()),
        ("JSON of a payout", json()),
        ("digits and marks", digits()),
        ("nothing but digits", vec![b'7'; KIB]),
    ] {
        let took = measure(|| {
            black_box(holds(black_box(&text)));
        });
        figure(&format!("tripwire, 1 KiB of {name}"), took * 1e6, "us");
    }
}

fn seal(with: &str) {
    let key = SealKey::new([7; 32]);
    let (record, aad) = (vec![3; RECORD], vec![5; AAD]);
    let mut random = RandomPool::new();
    let mut out = Vec::with_capacity(2 * RECORD);
    let batch = key.batch([1; 12]);
    let mut counter = 0_u64;
    let took = measure(|| {
        out.clear();
        counter += 1;
        let mut suffix = [0; 12];
        suffix
            .iter_mut()
            .zip(counter.to_be_bytes())
            .for_each(|(to, byte)| *to = byte);
        batch.seal(suffix, black_box(&aad), black_box(&record), &mut out);
    });
    let record_of = |what: &str| format!("{what} 512 bytes, {with}");
    figure(&record_of("sealing as the commit does,"), took * 1e6, "us");
    let took = measure(|| {
        out.clear();
        let nonce = random.take::<24>();
        key.seal(&nonce, black_box(&aad), black_box(&record), &mut out);
    });
    figure(&record_of("sealing with a random nonce,"), took * 1e6, "us");
    let nonce = [9; 24];
    out.clear();
    key.seal(&nonce, &aad, &record, &mut out);
    let took = measure(|| {
        black_box(key.open(&nonce, &aad, black_box(&out)).unwrap());
    });
    figure(&record_of("opening"), took * 1e6, "us");
}

/// Seconds of one call.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let (started, begun, mut calls) = (Instant::now(), worked(), 0_u32);
        while started.elapsed() < RUN {
            for _ in 0..64 {
                work();
            }
            calls += 64;
        }
        best = best.min((worked() - begun) / f64::from(calls));
    }
    best
}

/// Seconds that the processor has worked for this thread.
fn worked() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{{\"name\":\"{name}\",\"value\":{value:.4},\"unit\":\"{unit}\"}}");
}

fn repeated(text: &str) -> Vec<u8> {
    text.bytes().cycle().take(KIB).collect()
}

fn prose() -> Vec<u8> {
    repeated("The quick brown fox jumps over the lazy dog, and it did so before breakfast. ")
}

fn json() -> Vec<u8> {
    repeated(
        r#"{"amount":125000,"currency":"PHP","recipient":{"type":"bank_account","account_number":"0012345678"},"reference_id":"inv-2026-0042"} "#,
    )
}

/// The worst that a client could send without being refused: long groups that are nearly card numbers.
fn digits() -> Vec<u8> {
    repeated("4242 4242 4242 4243, 5555-5555-5555-4445; 378282246310006 2026-11-27T13:45:00 ")
}
