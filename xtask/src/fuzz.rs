//! `cargo xtask fuzz`: everything that reads bytes of others, fed with mutated bytes for a while. On a stable compiler and
//! without coverage; the same targets stand in `fuzz/` for `cargo fuzz`.

use clap::Args;

use crate::Outcome;
use crate::process::{cargo, step};

/// What to feed, and for how long.
#[derive(Args, Debug)]
pub struct Options {
    /// The targets; all of them when none is named
    targets: Vec<String>,

    /// Seconds for each
    #[arg(long, default_value_t = 10)]
    seconds: u64,

    /// Begins the choices; another one each time when absent
    #[arg(long)]
    seed: Option<u64>,

    /// Lists the targets
    #[arg(long)]
    list: bool,
}

/// Builds the targets without optimisation, whose checks of arithmetic are on, and runs them one after another.
pub fn run(options: &Options) -> Outcome<()> {
    let mut command = cargo(["run", "--quiet", "--package", "strongroom-fuzz", "--"]);
    command.args(["--seconds", &options.seconds.to_string()]);
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if options.list {
        command.arg("--list");
    }
    step("fuzz", command.args(&options.targets))
}
