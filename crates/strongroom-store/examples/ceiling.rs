//! What one payout costs in the embedded engine alone: the ceiling for everything above it.
//!
//! A payout is one log row of about 800 bytes, one locator and two wallet records of about
//! 130 bytes, spread over 10,000 wallets or hot on two. Prints one line of JSON per measurement:
//! `cargo run --release -p strongroom-store --example ceiling [-- --quick]`.
//! Sizes can be tried with STRONGROOM_PAGE, STRONGROOM_CACHE, STRONGROOM_CHECKPOINT and
//! STRONGROOM_WRAP (bytes), one batch size with STRONGROOM_BATCH.

use std::error::Error;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use strongroom_store::{
    Activity, Batch, EntryRow, HeadRow, Id, LocatorRow, RecordRow, SqliteStore, Store, Tuning,
    Wanted, Writer,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const WALLETS: u64 = 10_000;
const SCOPE: u32 = 1;

fn main() -> Outcome<()> {
    let quick = std::env::args().any(|word| word == "--quick");
    let time = Duration::from_millis(if quick { 500 } else { 4_000 });
    let only = std::env::var("STRONGROOM_BATCH").ok();
    for batch in [1, 10, 100, 1_000] {
        if only.as_ref().is_some_and(|only| *only != batch.to_string()) {
            continue;
        }
        for wallets in [WALLETS, 2] {
            if std::env::var("STRONGROOM_WALLETS").is_ok_and(|only| only != wallets.to_string()) {
                continue;
            }
            measure(batch, wallets, time)?;
        }
    }
    Ok(())
}

fn measure(batch: u64, wallets: u64, time: Duration) -> Outcome<()> {
    let dir = Folder::make()?;
    let probe = sync_probe(&dir.0)?;
    let store = SqliteStore::create_tuned(&dir.0, tuning()?)?;
    let mut writer = store.writer()?;
    let mut load = Load::new(wallets);
    load.prepare(writer.as_mut())?;
    // The WAL reaches its size before anything counts.
    run(&mut load, writer.as_mut(), batch, time / 4)?;
    let before = store.activity();
    let mut windows = Vec::new();
    let mut spent = Spent::default();
    while spent.wall < time {
        let window = run(&mut load, writer.as_mut(), batch, time / 40)?;
        windows.push(window.cpu_us());
        spent.add(&window);
    }
    windows.sort_by(f64::total_cmp);
    // The quiet quarter: what the work costs when the neighbours on the machine rest.
    let quiet = windows.get(windows.len() / 4).copied().unwrap_or_default();
    report(
        batch,
        wallets,
        &spent,
        quiet,
        (before, store.activity()),
        probe,
    );
    Ok(())
}

/// What a stretch of batches took.
#[derive(Default)]
struct Spent {
    payouts: f64,
    cpu: Duration,
    wall: Duration,
    /// Loading the records that the batch changes.
    load: Duration,
    /// How long each batch took.
    batches: Vec<Duration>,
}

impl Spent {
    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.payouts
    }

    fn add(&mut self, other: &Self) {
        self.payouts += other.payouts;
        self.cpu += other.cpu;
        self.wall += other.wall;
        self.load += other.load;
        self.batches.extend_from_slice(&other.batches);
    }
}

fn run(load: &mut Load, writer: &mut dyn Writer, batch: u64, time: Duration) -> Outcome<Spent> {
    let mut spent = Spent::default();
    while spent.wall < time {
        let rows = load.batch(batch);
        let wanted = Wanted {
            records: rows
                .records
                .iter()
                .map(|r| (r.scope, r.kind, r.id))
                .collect(),
            ..Wanted::default()
        };
        let start = Instant::now();
        let loaded = writer.load(&wanted)?;
        spent.load += start.elapsed();
        if loaded.records.len() != rows.records.len() {
            return Err("a wallet is missing".into());
        }
        let (cpu, start) = (thread_cpu()?, Instant::now());
        writer.apply(&rows)?;
        let wall = start.elapsed();
        spent.cpu += thread_cpu()? - cpu;
        spent.wall += wall;
        spent.batches.push(wall);
        spent.payouts += f64::from(u32::try_from(batch)?);
    }
    Ok(spent)
}

fn report(
    batch: u64,
    wallets: u64,
    spent: &Spent,
    quiet: f64,
    (before, after): (Activity, Activity),
    probe: f64,
) {
    let per = |before: u64, after: u64| {
        let count = u32::try_from(after - before).unwrap_or(u32::MAX);
        f64::from(count) / spent.payouts
    };
    let mut batches = spent.batches.clone();
    batches.sort_unstable();
    let at = |hundredth: usize| {
        let place = (batches.len() * hundredth / 100).min(batches.len().saturating_sub(1));
        batches
            .get(place)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!(
        "{{\"batch\":{batch},\"wallets\":{wallets},\"cpu_us\":{:.2},\"quiet_cpu_us\":{quiet:.2},\"wall_us\":{:.2},\"load_us\":{:.2},\
         \"per_second\":{:.0},\"wal_bytes\":{:.0},\"rows\":{:.2},\"wraps\":{},\
         \"checkpoints\":{},\"wal_mib\":{},\"p50_ms\":{:.2},\"p99_ms\":{:.2},\"longest_ms\":{:.1},\"sync_probe_us\":{probe:.0}}}",
        spent.cpu_us(),
        spent.wall.as_secs_f64() * 1e6 / spent.payouts,
        spent.load.as_secs_f64() * 1e6 / spent.payouts,
        spent.payouts / spent.wall.as_secs_f64(),
        per(before.wal_bytes, after.wal_bytes),
        per(before.rows, after.rows),
        after.wraps,
        after.checkpoints,
        after.wal_length >> 20,
        at(50),
        at(99),
        at(100),
    );
}

/// Makes batches; the same ones in every run.
struct Load {
    wallets: u64,
    seq: u64,
    random: u64,
}

impl Load {
    fn new(wallets: u64) -> Self {
        Self {
            wallets,
            seq: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn prepare(&mut self, writer: &mut dyn Writer) -> Outcome<()> {
        for start in (0..self.wallets).step_by(1_000) {
            let end = (start + 1_000).min(self.wallets);
            let records = (start..end).map(|number| self.wallet(number)).collect();
            writer.apply(&Batch {
                records,
                ..Batch::default()
            })?;
        }
        Ok(())
    }

    fn batch(&mut self, payouts: u64) -> Batch {
        let mut batch = Batch::default();
        let mut touched = Vec::new();
        for _ in 0..payouts {
            self.seq += 1;
            touched.push(self.next() % self.wallets);
            touched.push(self.next() % self.wallets);
            batch.entries.push(self.entry());
            batch.locators.push(LocatorRow {
                scope: SCOPE,
                id: id(1 << 40 | self.seq),
                kind: 2,
                seq: self.seq,
            });
        }
        // As the engine does: a record is written once per commit.
        touched.sort_unstable();
        touched.dedup();
        batch.records = touched.into_iter().map(|n| self.wallet(n)).collect();
        batch.heads.push(HeadRow {
            log: 1,
            organization: id(7),
            mode: 1,
            seq: self.seq,
            time: 0,
            events: self.seq,
            frontier: vec![7; 32 * 12],
        });
        batch
    }

    fn entry(&mut self) -> EntryRow {
        EntryRow {
            log: 1,
            seq: self.seq,
            time: 1_790_000_000_000,
            action: 12,
            first_event: self.seq,
            event_count: 1,
            spent: vec![3; 32],
            head: vec![5; 103],
            parts: vec![9; 640],
        }
    }

    fn wallet(&mut self, number: u64) -> RecordRow {
        RecordRow {
            scope: SCOPE,
            kind: 1,
            id: id(number),
            version: self.seq,
            seq: self.seq,
            time: 1_790_000_000_000,
            status: 1,
            body: vec![8; 110],
        }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

fn id(number: u64) -> Id {
    let mut id = [1; 12];
    for (to, from) in id.iter_mut().skip(4).zip(number.to_be_bytes()) {
        *to = from;
    }
    id
}

fn tuning() -> Outcome<Tuning> {
    let mut tuning = Tuning::default();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u32>());
    if let Some(bytes) = number("STRONGROOM_PAGE") {
        tuning.page_size = bytes?;
    }
    if let Some(bytes) = number("STRONGROOM_CACHE") {
        tuning.writer_cache = bytes?;
    }
    if let Some(bytes) = number("STRONGROOM_CHECKPOINT") {
        tuning.checkpoint_every = bytes?.into();
    }
    if let Some(bytes) = number("STRONGROOM_WRAP") {
        tuning.wrap_at = bytes?.into();
    }
    Ok(tuning)
}

/// CPU time of this thread, user and system.
fn thread_cpu() -> Outcome<Duration> {
    // The kernel books a thread's time when it is scheduled; without this, what ran before the
    // measured stretch would count into it.
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Median time to overwrite 4 KiB of a file of full size and sync it, microseconds.
fn sync_probe(dir: &Path) -> Outcome<f64> {
    let path = dir.join("probe");
    let mut file = File::create(&path)?;
    file.write_all(&vec![1; 1 << 20])?;
    file.sync_all()?;
    let mut times = Vec::new();
    for number in 0..200 {
        let start = Instant::now();
        file.seek(SeekFrom::Start(number * 4096))?;
        file.write_all(&[2; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times.get(100).map_or(0.0, |time| time.as_secs_f64() * 1e6))
}

/// A folder that goes away with its value.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Outcome<Self> {
        let base =
            std::env::var_os("STRONGROOM_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = base.join(format!("strongroom-ceiling-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
