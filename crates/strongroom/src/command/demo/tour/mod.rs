//! `demo --tour`: a walk through the API over real HTTP. Each step shows its request and reply, says what it proves,
//! and checks that it does; the first step that is not as claimed ends the walk with an error.

mod guide;
mod money;
mod pretty;
mod records;
mod walk;

use std::process::ExitCode;

use strongroom_client::{Client, Credentials};
use strongroom_engine::verify::verify;
use strongroom_types::secret::SecretText;

use super::Demo;
use super::guide::verify_line;
use crate::fault::Fault;
use crate::numbers::VaultArguments;
use crate::out::say;
use crate::running::Server;

/// Milliseconds between two steps of a bank payout during a tour that does not say.
pub(super) const RAIL_STEP: i64 = 100;

/// Plays the walk on a server, stops the server, and verifies what it left on disk.
pub(super) fn play(server: Server, demo: &Demo<'_>) -> Result<ExitCode, Fault> {
    say!(
        "A walk through a Strongroom server at {}. Every request is real and signed.",
        demo.base_url
    );
    match server.run(walk::walk(demo))? {
        None => return Err(Fault::new("the tour was interrupted")),
        Some(walked) => walked?,
    }
    last_look(demo)?;
    say!("\nEvery step did what it claims.");
    Ok(ExitCode::SUCCESS)
}

/// The server has stopped; what it wrote is held against itself.
fn last_look(demo: &Demo<'_>) -> Result<(), Fault> {
    let place = &demo.place;
    say!("\nThe server has stopped. {}", verify_line(demo));
    let store = place.store_read_only()?;
    let report = verify(&*store, place.root_keys()?, 2);
    let mut report = report.map_err(|error| place.start_fault(&error))?;
    VaultArguments::default().hold(&mut report, &place.data, || place.vault_secrets())?;
    report
        .to_string()
        .lines()
        .for_each(|line| say!("    {line}"));
    match report.is_clean() {
        true => {
            say!(
                "  = every balance follows from its postings, every record and index from the log"
            );
            Ok(())
        }
        false => Err(Fault::new("the tour's data has damage")),
    }
}

/// A client of the demo's server, with the signing secret it should have or another.
fn client(demo: &Demo<'_>, signing_secret: &str) -> Result<Client, Fault> {
    let credentials = Credentials {
        key: SecretText::new(demo.account.secret_key.clone()),
        signing_secret: Some(SecretText::new(signing_secret.to_owned())),
    };
    Client::new(&demo.base_url, credentials).map_err(|error| Fault::new(error.to_string()))
}
