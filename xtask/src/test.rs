//! `cargo xtask test`: the workspace's tests, and on request the long runs of those that
//! scale: kills (`--crash`), simulated histories (`--simulator`), the reference model (`--model`), the
//! sender of webhooks (`--webhooks`), races for one thing (`--races`). With `--postgres` the API's tests and the model run on a PostgreSQL
//! that is started for them.
//!
//! The long runs are the same tests, steered by one environment variable each and built with
//! optimisation; nothing is tested here that `cargo test --workspace` does not test shorter.

use std::path::Path;
use std::process::Command;

use clap::Args;
use strongroom_cluster::{Cluster, OWNER};

use crate::Outcome;
use crate::process::{cargo, find_program, step};

/// Which tests to run; with none of the long ones named, the workspace's.
#[derive(Args, Debug)]
pub struct Options {
    /// Installs what is missing on a Debian machine and runs the tests that need it too
    #[arg(long)]
    all: bool,
    /// Kills the server many times while money moves, and looks for harm
    #[arg(long)]
    crash: bool,
    /// Runs many seeded histories with injected faults
    #[arg(long)]
    simulator: bool,
    /// Runs many random operations against the reference ledger
    #[arg(long)]
    model: bool,
    /// Kills the sender of webhooks many times while receivers fail, and looks for what is missing
    #[arg(long)]
    webhooks: bool,
    /// Lets 32 clients race for one payment, link, sale or shift, many rounds of each kind
    #[arg(long)]
    races: bool,
    /// Runs the API's tests and the reference model on a PostgreSQL that is started for them, and the long runs of one and
    /// two nodes on others
    #[arg(long)]
    postgres: bool,
    /// Kills with --webhooks; a hundred events for each
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Kills with --crash
    #[arg(long, default_value_t = 200)]
    cycles: u32,
    /// Seeds with --simulator
    #[arg(long, default_value_t = 2_000)]
    seeds: u32,
    /// Operations with --model
    #[arg(long, default_value_t = 20_000)]
    operations: u32,
    /// Rounds of each kind with --races
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

/// Kills on files that the tests on PostgreSQL take a tenth of: each of four outages ten times.
const NODE_CYCLES: &str = "100";

/// Payouts of the installation that moves from files to a database.
const MIGRATED: &str = "100000";

/// One test binary that can run longer.
#[derive(Clone, Copy)]
struct LongRun {
    package: &'static str,
    test: &'static str,
    variable: &'static str,
    count: u32,
}

/// Runs the tests that `options` name.
pub fn run(options: &Options) -> Outcome<()> {
    if options.all {
        install_missing()?;
    }
    let long_runs = long_runs(options);
    if options.all || (long_runs.is_empty() && !options.postgres) {
        let mut command = cargo(["test", "--workspace"]);
        if options.all {
            command.env("STRONGROOM_TEST_ALL", "1");
        }
        step("tests", &mut command)?;
    }
    if options.all || options.postgres {
        on_postgres()?;
    }
    long_runs.iter().try_for_each(run_long)
}

/// Sessions for the servers of all tests that run at once; the shortest way to disk that the machine has, since these
/// tests ask what is stored and not whether a disk keeps it.
const SETTINGS: &str = "max_connections = 500\nmax_wal_size = 256MB\n";

/// The tests of the API and of the model, each server on a database of its own.
fn on_postgres() -> Outcome<()> {
    let programs =
        strongroom_cluster::programs().ok_or("PostgreSQL is not installed; --all installs it")?;
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory)?,
        false => tempfile::tempdir()?,
    };
    let cluster = Cluster::start(programs, folder.path(), SETTINGS)?;
    let url = cluster.url(OWNER, "postgres");
    let api = ["test", "--package", "strongroom-http", "--tests"];
    let model = ["test", "--package", "strongroom-testkit", "--test", "model"];
    for (name, arguments) in [
        ("the API on PostgreSQL", api.as_slice()),
        ("the model on PostgreSQL", &model),
    ] {
        let mut command = cargo(arguments.iter().copied());
        step(name, command.env("STRONGROOM_TEST_STORE", &url))?;
    }
    drop(cluster);
    let mut nodes = cargo(["test", "--package", "strongroom", "--test", "postgres"]);
    // Each has a server of its own; more at once would measure each other.
    nodes.args(["--", "--test-threads", "1"]);
    nodes.args(["--nocapture"]);
    nodes.env("STRONGROOM_CRASH_CYCLES", NODE_CYCLES);
    nodes.env("STRONGROOM_MIGRATE_PAYOUTS", MIGRATED);
    step("the program on PostgreSQL, its nodes too", &mut nodes)
}

fn long_runs(options: &Options) -> Vec<LongRun> {
    let crash = LongRun {
        package: "strongroom",
        test: "crash",
        variable: "STRONGROOM_CRASH_CYCLES",
        count: options.cycles,
    };
    let crash_on_postgres = LongRun {
        test: "postgres",
        ..crash
    };
    let simulator = LongRun {
        package: "strongroom-testkit",
        test: "simulator",
        variable: "STRONGROOM_SIM_SEEDS",
        count: options.seeds,
    };
    let webhooks = LongRun {
        package: "strongroom",
        test: "webhooks",
        variable: "STRONGROOM_WEBHOOK_KILLS",
        count: options.kills,
    };
    let model = LongRun {
        package: "strongroom-testkit",
        test: "model",
        variable: "STRONGROOM_MODEL_OPS",
        count: options.operations,
    };
    let races = LongRun {
        package: "strongroom-testkit",
        test: "races",
        variable: "STRONGROOM_RACE_ROUNDS",
        count: options.rounds,
    };
    [
        (options.crash, crash),
        (options.crash, crash_on_postgres),
        (options.simulator, simulator),
        (options.model, model),
        (options.webhooks, webhooks),
        (options.races, races),
    ]
    .into_iter()
    .filter_map(|(wanted, run)| wanted.then_some(run))
    .collect()
}

fn run_long(run: &LongRun) -> Outcome<()> {
    let mut command = cargo([
        "test",
        "--release",
        "--package",
        run.package,
        "--test",
        run.test,
    ]);
    command.args(["--", "--nocapture"]);
    command.env(run.variable, run.count.to_string());
    step(
        &format!("{} ({}={})", run.test, run.variable, run.count),
        &mut command,
    )
}

/// Programs that some tests drive, with the Debian package that brings each.
const PROGRAMS: [(&str, &str); 13] = [
    ("postgres", "postgresql"),
    ("patroni", "patroni"),
    ("etcd", "etcd-server"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("openssl", "openssl"),
    ("softhsm2-util", "softhsm2"),
    ("python3", "python3-venv"),
    ("chromium", "chromium"),
    ("curl", "curl"),
    ("gdb", "gdb"),
    ("pebble", "pebble"),
    ("testssl", "testssl.sh"),
];

fn install_missing() -> Outcome<()> {
    let packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| find_program(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if packages.is_empty() {
        return Ok(());
    }
    step(
        "package lists",
        Command::new("apt-get").args(["update", "-q"]),
    )?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-qy", "--no-install-recommends"]);
    step("install", install.args(packages))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Options, long_runs};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn each_flag_names_its_test_and_its_variable() {
        let line = Line::parse_from(["test", "--crash", "--model", "--cycles", "7"]);
        let runs = long_runs(&line.options);
        let told: Vec<_> = runs
            .iter()
            .map(|run| (run.test, run.variable, run.count))
            .collect();
        assert_eq!(
            told,
            [
                ("crash", "STRONGROOM_CRASH_CYCLES", 7),
                ("postgres", "STRONGROOM_CRASH_CYCLES", 7),
                ("model", "STRONGROOM_MODEL_OPS", 20_000),
            ]
        );
    }

    #[test]
    fn no_flag_is_the_short_run() {
        assert!(long_runs(&Line::parse_from(["test"]).options).is_empty());
    }
}
