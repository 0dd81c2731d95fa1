//! Runs a target on mutated inputs for a while. A process of its own does it, so that whatever ends it – a panic, an
//! abort, a stack that overflows, an endless loop – leaves the input behind.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use strongroom_testkit::dice::Dice;

use crate::corpus;
use crate::mutation::mutate;
use crate::targets::Target;

/// Inputs kept besides those of the corpus.
const MOST_KEPT: usize = 512;

/// How long one input may take. Far longer than any takes, as others may use the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Processor time after which an input is too slow: 16 KiB are read in far less, without optimisation too.
const MOST_WORK: Duration = Duration::from_secs(5);
/// What is timed again, by the processor's clock.
const SUSPECT: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(50);

/// What was found wrong.
#[derive(Debug)]
pub struct Found {
    pub what: String,
    /// Where the input was put.
    pub input: PathBuf,
}

/// Runs a target in this process; gives the number of inputs. Writes each into `current` before it is tried.
///
/// # Errors
/// When corpus or file cannot be used, and when an input takes too long, which then stands in `current`.
pub fn here(target: &Target, time: Duration, seed: u64, current: &Path) -> io::Result<u64> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(current)?;
    let mut inputs = crate::seeds(target.name);
    inputs.extend(corpus::read(target.name)?);
    inputs.push(Vec::new());
    let mut tried = 0;
    for input in &inputs {
        try_one(target, input, &file)?;
        tried += 1;
    }
    let mut dice = Dice::new(seed);
    let began = Instant::now();
    while began.elapsed() < time {
        for _ in 0..64 {
            let mut input = dice.pick(&inputs).cloned().unwrap_or_default();
            let other = dice.pick(&inputs).cloned().unwrap_or_default();
            mutate(&mut input, &other, target.words, &mut dice);
            try_one(target, &input, &file)?;
            tried += 1;
            // Changes add up: some of what was tried is changed again.
            if inputs.len() < MOST_KEPT && dice.one_in(256) {
                inputs.push(input);
            }
        }
    }
    Ok(tried)
}

fn try_one(target: &Target, input: &[u8], current: &File) -> io::Result<()> {
    keep(current, input)?;
    let began = Instant::now();
    (target.run)(input);
    if began.elapsed() > SUSPECT {
        let before = worked()?;
        (target.run)(input);
        let work = worked()?.saturating_sub(before);
        if work > MOST_WORK {
            return Err(io::Error::other(format!(
                "it took {work:?} for {} bytes",
                input.len()
            )));
        }
    }
    Ok(())
}

/// Time that the processor has worked for this thread.
fn worked() -> io::Result<Duration> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = line.split(' ').next().and_then(|text| text.parse().ok());
    Ok(Duration::from_nanos(nanoseconds.unwrap_or(0)))
}

/// Length and bytes in one write, so that what is there is one input.
fn keep(file: &File, input: &[u8]) -> io::Result<()> {
    let length = u32::try_from(input.len()).unwrap_or(0);
    let framed = [length.to_be_bytes().as_slice(), input].concat();
    file.write_all_at(&framed, 0)
}

fn kept(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    let framed = bytes.split_first_chunk::<4>();
    let input = framed.and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest.get(..length)
    });
    Ok(input.unwrap_or_default().to_vec())
}

/// Runs a target in a process of its own, made by `command`, which calls [`here`]. `None` when nothing was found.
///
/// # Errors
/// When the process cannot be started or its input not be kept.
pub fn apart(
    target: &Target,
    command: &mut Command,
    time: Duration,
    current: &Path,
) -> io::Result<Option<Found>> {
    let mut child = command.spawn()?;
    let what = match ended(&mut child, time + PATIENCE)? {
        Some(status) if status.success() => return Ok(None),
        Some(status) => status.to_string(),
        None => "it did not come to an end".to_owned(),
    };
    let input = kept(current)?;
    let folder = corpus::folder().join("artifacts").join(target.name);
    std::fs::create_dir_all(&folder)?;
    let hash = strongroom_auth::sha256(&input);
    let name: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let path = folder.join(name);
    std::fs::write(&path, &input)?;
    Ok(Some(Found { what, input: path }))
}

/// How a process ended; it is killed when it does not.
fn ended(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    while began.elapsed() < patience {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::park_timeout(LOOK);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
