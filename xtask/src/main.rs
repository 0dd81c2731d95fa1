//! The workspace's own commands, run as `cargo xtask COMMAND`: the habits (`tidy`), what
//! continuous integration runs (`ci`), the longer tests (`test`), the fuzz targets (`fuzz`) and the measurements (`bench`).
//!
//! One file per command. Nothing here is shipped, and nothing here may be needed to build or
//! run the server.

mod bench;
mod ci;
mod fuzz;
mod process;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

/// A command's outcome; the error is a sentence for the person at the terminal.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The workspace's own commands")]
enum Command {
    /// Checks the habits that the compiler does not: arrows, purity, words, lengths, dead files
    Tidy,
    /// Runs everything that must pass before a commit lands
    Ci,
    /// Feeds mutated bytes to everything that reads bytes of others
    Fuzz(fuzz::Options),
    /// Runs the tests, and on request the long ones
    Test(test::Options),
    /// Measures the server beside its peer and prints a table
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Tidy => tidy::run(),
        Command::Ci => ci::run(),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
