//! `strongroom-fuzz`: runs the targets on mutated inputs, one process each, and keeps what was found.
//!
//! `cargo xtask fuzz` is the way to it; what a target is stands in the library. Never here: a target of its own.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use strongroom_fuzz::{Target, corpus, find, run, seeds, targets};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Feeds mutated bytes to everything that reads bytes of others
#[derive(Parser)]
struct Options {
    /// The targets; all of them when none is named
    targets: Vec<String>,

    /// Seconds for each
    #[arg(long, default_value_t = 10)]
    seconds: u64,

    /// Begins the choices; another one each time when absent
    #[arg(long)]
    seed: Option<u64>,

    /// Tries one input alone, as often as it is named
    #[arg(long, value_name = "FILE")]
    input: Vec<PathBuf>,

    /// Writes what our own encoders make into the corpus
    #[arg(long)]
    write_seeds: bool,

    /// Lists the targets
    #[arg(long)]
    list: bool,

    /// In this process, whose inputs go into this file
    #[arg(long, value_name = "FILE", hide = true)]
    here: Option<PathBuf>,
}

fn main() -> ExitCode {
    match command(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command(options: &Options) -> Outcome<bool> {
    let chosen = chosen(&options.targets)?;
    if options.list {
        chosen
            .iter()
            .for_each(|target| println!("{:<14} {}", target.name, target.about));
        return Ok(true);
    }
    if options.write_seeds {
        for target in chosen {
            corpus::write(target.name, &seeds(target.name))?;
        }
        return Ok(true);
    }
    if !options.input.is_empty() {
        for path in &options.input {
            let input = std::fs::read(path)?;
            chosen.iter().for_each(|target| (target.run)(&input));
        }
        return Ok(true);
    }
    let seed = options.seed.map_or_else(fresh_seed, Ok)?;
    match &options.here {
        Some(current) => here(&chosen, options.seconds, seed, current),
        None => apart(&chosen, options.seconds, seed),
    }
}

fn chosen(names: &[String]) -> Outcome<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(targets().iter().collect());
    }
    let found = names.iter().map(|name| {
        find(name).ok_or_else(|| format!("there is no target `{name}`; `--list` tells them").into())
    });
    found.collect()
}

fn fresh_seed() -> Outcome<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a run differs from the last one; it is told how to have it again"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(now.as_secs())
}

fn here(chosen: &[&Target], seconds: u64, seed: u64, current: &Path) -> Outcome<bool> {
    for target in chosen {
        let tried = run::here(target, Duration::from_secs(seconds), seed, current)?;
        println!("{:<14} {tried} inputs", target.name);
    }
    Ok(true)
}

fn apart(chosen: &[&Target], seconds: u64, seed: u64) -> Outcome<bool> {
    println!("seed {seed}");
    let folder = std::env::temp_dir().join(format!("strongroom-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut good = true;
    for target in chosen {
        let current = folder.join(target.name);
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(target.name)
            .args([
                "--seconds",
                &seconds.to_string(),
                "--seed",
                &seed.to_string(),
                "--here",
            ])
            .arg(&current);
        let found = run::apart(target, &mut command, Duration::from_secs(seconds), &current)?;
        if let Some(found) = found {
            good = false;
            println!(
                "{}: {}; its input is {}",
                target.name,
                found.what,
                found.input.display()
            );
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(good)
}
