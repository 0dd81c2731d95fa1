//! `strongroom organization`: further tenants of an installation.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use strongroom_engine::Engine;
use strongroom_types::currency::Currency;
use strongroom_types::id::OrganizationId;
use strongroom_types::mode::Mode;

use crate::fault::Fault;
use crate::out;
use crate::out::say;
use crate::place::PlaceOptions;
use crate::provision::{self, KeyTexts};
use crate::{logging, table};

/// Organizations: each with books, keys and logs of its own
#[derive(Subcommand)]
pub(crate) enum Command {
    Add(Add),
    Keys(Keys),
}

/// Found an organization and show its owner's keys once; the server must be stopped
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom organization add --config /etc/strongroom/strongroom.toml --name 'Second Shop' --currency EUR")]
pub(crate) struct Add {
    #[command(flatten)]
    place: PlaceOptions,

    /// The organization's name
    #[arg(long, value_name = "NAME", value_parser = self::name)]
    name: String,

    /// The currency used where a request names none, ISO 4217
    #[arg(long, value_name = "CODE", default_value = "PHP", value_parser = currency)]
    currency: Currency,
}

/// Make owner's keys for an organization that has lost its own, and show them once; the server must be stopped
///
/// The keys that there are work on: revoke those that are lost.
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom organization keys --config /etc/strongroom/strongroom.toml --organization org_0190a1b2c3d4e5f60718293a")]
pub(crate) struct Keys {
    #[command(flatten)]
    place: PlaceOptions,

    /// The organization's id, as it was shown when it was founded
    #[arg(long, value_name = "ID", value_parser = organization)]
    organization: OrganizationId,
}

/// An organization's keys in both modes.
pub(crate) struct OwnerKeys {
    organization: OrganizationId,
    test: KeyTexts,
    live: KeyTexts,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Fault> {
    logging::text();
    let place = match command {
        Command::Add(Add { place, .. }) | Command::Keys(Keys { place, .. }) => place,
    };
    let engine = place.place()?.engine()?;
    let made = match command {
        Command::Add(Add { name, currency, .. }) => found(&engine, name, *currency),
        Command::Keys(Keys { organization, .. }) => owner_keys(&engine, *organization),
    };
    engine.stop();
    let keys = made?;
    if let Command::Add(Add { name, .. }) = command {
        say!("The organization `{name}` is founded.\n");
    }
    show_keys(&keys);
    Ok(ExitCode::SUCCESS)
}

/// Founds an organization with its owner's keys in both modes.
pub(crate) fn found(engine: &Engine, name: &str, currency: Currency) -> Result<OwnerKeys, Fault> {
    owner_keys(engine, provision::organization(engine, name, currency)?)
}

/// Makes owner's keys in both modes.
fn owner_keys(engine: &Engine, organization: OrganizationId) -> Result<OwnerKeys, Fault> {
    let key = |mode| provision::owner_key(engine, provision::scope(engine, organization, mode)?);
    Ok(OwnerKeys {
        organization,
        test: key(Mode::Test)?,
        live: key(Mode::Live)?,
    })
}

/// Shows the keys, once.
pub(crate) fn show_keys(keys: &OwnerKeys) {
    let OwnerKeys {
        organization,
        test,
        live,
    } = keys;
    say!("The owner's keys. They are not shown again; whoever holds them acts as the owner.\n");
    let rows = [
        ("organization", organization.to_string()),
        ("test secret key", test.key.expose().to_owned()),
        (
            "test signing secret",
            test.signing_secret.expose().to_owned(),
        ),
        ("live secret key", live.key.expose().to_owned()),
        (
            "live signing secret",
            live.signing_secret.expose().to_owned(),
        ),
    ];
    let rows = rows.each_ref().map(|(name, value)| (*name, value.as_str()));
    out::text(&table::pairs(2, &rows));
}

/// Reads an organization's name.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let length = text.trim().chars().count();
    match (1..=200).contains(&length) && !text.contains(char::is_control) {
        true => Ok(text.trim().to_owned()),
        false => Err("expected 1 to 200 characters on one line".to_owned()),
    }
}

/// Reads an organization's id.
pub(crate) fn organization(text: &str) -> Result<OrganizationId, String> {
    let id = OrganizationId::parse(text);
    id.ok_or_else(|| "expected an id such as org_0190a1b2c3d4e5f60718293a".to_owned())
}

/// Reads a currency's code.
pub(crate) fn currency(text: &str) -> Result<Currency, String> {
    Currency::parse(text).ok_or_else(|| "expected a currency of ISO 4217, such as PHP".to_owned())
}
