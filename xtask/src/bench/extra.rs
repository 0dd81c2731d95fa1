//! What `--full` adds to the table: our server with many payouts already stored, and figures
//! that other crates measure themselves in a release example and print as JSON lines.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::load::Client;
use super::measure::{Plan, one_run};
use super::subject::Subject;
use super::traffic::Shape;
use crate::Outcome;
use crate::process::{cargo, root};

/// Payouts stored before each measurement.
const STORED: [u64; 2] = [1_000_000, 10_000_000];
const CONNECTIONS: usize = 256;
/// A bound, not a wish: a store that grows slower than this is a finding of its own.
const FILL_TIME: Duration = Duration::from_secs(3 * 3600);

/// Examples that measure something in their own process: package and example. Each prints one
/// JSON object per line: `{"name": "…", "value": 1.0, "unit": "…"}`.
const EXAMPLES: [(&str, &str); 2] = [
    ("strongroom-testkit", "commit_ceiling"),
    ("strongroom-tls", "tls_cost"),
];

/// One more figure.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Extra {
    /// What was measured.
    pub name: String,
    /// How much of it.
    pub value: f64,
    /// Of what.
    pub unit: String,
}

impl fmt::Display for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.1} {}", self.name, self.value, self.unit)
    }
}

/// The store ceiling – the group commit alone – and what TLS costs.
pub fn ceiling(arguments: &[&str]) -> Outcome<Vec<Extra>> {
    let mut rows = Vec::new();
    for (package, example) in EXAMPLES {
        rows.extend(from_example(package, example, arguments)?);
    }
    Ok(rows)
}

/// Our server once very many payouts are kept.
pub fn with_many_stored(subjects: &mut [Subject], plan: &Plan<'_>) -> Outcome<Vec<Extra>> {
    let mut rows = Vec::new();
    if let Some(ours) = subjects
        .iter_mut()
        .find(|subject| subject.name == super::strongroom::ONE)
    {
        for stored in STORED {
            let mut measured = with_stored(ours, stored, plan)?;
            measured.push(restart(ours, stored)?);
            // The next size may take an hour: what is known is said at once.
            for row in &measured {
                println!("{row}");
            }
            rows.extend(measured);
        }
    }
    Ok(rows)
}

/// Our server's rate, latency and memory once `stored` payouts are kept.
fn with_stored(subject: &mut Subject, stored: u64, plan: &Plan<'_>) -> Outcome<Vec<Extra>> {
    let missing = stored.saturating_sub(subject.payouts.sent());
    let mut client = Client::connect(subject.address, CONNECTIONS)?;
    subject.payouts.begin(Shape::Spread, stored, missing);
    client
        .drive(&mut subject.payouts, FILL_TIME)?
        .must_all_succeed()?;

    let sample = one_run(subject, Shape::Spread, CONNECTIONS, 1, plan)?;
    let row = |what: &str, value: f64, unit: &str| Extra {
        name: format!("{what} with {stored} payouts stored"),
        value,
        unit: unit.to_owned(),
    };
    Ok(vec![
        row("rate", sample.rate, "payouts/s"),
        row("p99", sample.p99_ms, "ms"),
        row("server cpu", sample.cpu_us.server, "us/payout"),
        row("store cpu", sample.cpu_us.store, "us/payout"),
        row("memory", super::number(subject.memory_bytes()) / 1e6, "MB"),
        row("disk", super::number(subject.stored_bytes()) / 1e6, "MB"),
    ])
}

/// How long a start takes with `stored` payouts kept, after a kill: from the program's start to its word that it listens.
fn restart(subject: &mut Subject, stored: u64) -> Outcome<Extra> {
    let took = super::strongroom::restart(subject)?;
    Ok(Extra {
        name: format!("start after a kill with {stored} payouts stored"),
        value: took.as_secs_f64(),
        unit: "s".to_owned(),
    })
}

/// The figures that an example of `package` prints, built as this program was.
pub fn from_example(package: &str, example: &str, arguments: &[&str]) -> Outcome<Vec<Extra>> {
    let mut command = cargo(["run", "--quiet", "--package", package, "--example", example]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command.arg("--").args(arguments);
    let output = command.current_dir(root()?).output()?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{package}'s example {example}: {log}").into());
    }
    parse_lines(&String::from_utf8(output.stdout)?, Path::new(example))
}

fn parse_lines(text: &str, origin: &Path) -> Outcome<Vec<Extra>> {
    let parse = |line: &str| {
        serde_json::from_str(line)
            .map_err(|cause| format!("{}: {line:?}: {cause}", origin.display()).into())
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse_lines;

    #[test]
    fn lines_become_figures_and_anything_else_an_error() {
        let text = "{\"name\":\"a\",\"value\":2.5,\"unit\":\"µs\"}\n\n";
        let rows = parse_lines(text, Path::new("x")).unwrap();
        assert_eq!((rows.len(), rows[0].value), (1, 2.5));
        assert!(parse_lines("warming up", Path::new("x")).is_err());
    }
}
