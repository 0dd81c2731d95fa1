//! `strongroom init`: a new installation for real use.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strongroom_crypto::{PassphraseCost, RootKeys};
use strongroom_types::currency::Currency;

use crate::command::organization::{self, show_keys};
use crate::config::{self, Config};
use crate::fault::Fault;
use crate::place::{KEYRING, Place};
use crate::{custody, folder, logging, passphrase};

const CONFIG: &str = "strongroom.toml";
const DATA: &str = "data";

/// Make a data directory, a keyring and the first organization with its owner's keys
///
/// The root keys are sealed under a passphrase, which is asked for at the terminal or read from a file. The recovery
/// kit and the owner's keys are shown once and never again.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom init --config /etc/strongroom/strongroom.toml --organization 'Acme Payments'
  strongroom init --data /var/lib/strongroom --passphrase-file ./passphrase --recovery-kit ./kit.txt

The passphrase file may also be named in STRONGROOM_PASSPHRASE_FILE.")]
pub(crate) struct Options {
    /// The configuration file; written with the defaults when it does not exist
    #[arg(long, value_name = "FILE", required_unless_present = "data")]
    config: Option<PathBuf>,

    /// The data directory: new or empty [default: `data` beside the configuration file]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The first organization's name
    #[arg(long, value_name = "NAME", default_value = "My Organization")]
    organization: String,

    /// The currency used where a request names none, ISO 4217
    #[arg(long, value_name = "CODE", default_value = "PHP", value_parser = organization::currency)]
    currency: Currency,

    /// A file that holds the new passphrase on one line; asked twice at the terminal when absent
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// Write the recovery kit to this new file instead of the terminal
    #[arg(long, value_name = "FILE")]
    recovery_kit: Option<PathBuf>,
}

/// The configuration of a new installation: read, or to be written.
struct Plan {
    config: PathBuf,
    /// The text of a new configuration file.
    text: Option<String>,
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::text();
    let plan = plan(options)?;
    check(&plan.place, options)?;
    let passphrase = passphrase::fresh(options.passphrase_file.as_deref())?;

    let root = RootKeys::generate();
    let kit = root.recovery_text();
    let keyring = custody::sealed(&root, &passphrase, PassphraseCost::STANDARD);
    folder::make(&plan.place.data)?;
    if let Some(dir) = plan.place.keyring.parent().filter(|dir| !dir.exists()) {
        folder::make(dir)?;
    }
    folder::write_new(&plan.place.keyring, keyring.as_bytes())?;
    if let Some(file) = &options.recovery_kit {
        folder::write_new(file, kit.as_bytes())?;
    }
    let engine = plan.place.create(root)?;
    let founded = organization::found(&engine, &options.organization, options.currency);
    engine.stop();
    let keys = founded?;
    if let Some(text) = &plan.text {
        folder::write_new(&plan.config, text.as_bytes())?;
    }

    show(&plan, options);
    show_kit(&kit, options.recovery_kit.as_deref());
    show_keys(&keys);
    println!(
        "\nStart it with\n  strongroom serve --config {}",
        plan.config.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn plan(options: &Options) -> Result<Plan, Fault> {
    match &options.config {
        Some(file) if file.exists() => existing(file, options),
        Some(file) => {
            let (data, keyring) = match &options.data {
                Some(data) => (absolute(data)?, KEYRING.to_owned()),
                None => (DATA.to_owned(), KEYRING.to_owned()),
            };
            Ok(fresh(file, &data, &keyring))
        }
        None => {
            // The arguments' own rules demand one of the two.
            let data = options.data.as_deref().unwrap_or(Path::new(DATA));
            Ok(fresh(&data.join(CONFIG), ".", KEYRING))
        }
    }
}

fn existing(file: &Path, options: &Options) -> Result<Plan, Fault> {
    if options.data.is_some() {
        return Err(Fault::new(format!(
            "`{}` exists and names the data directory already",
            file.display()
        ))
        .hint("leave --data away, or name a new configuration file"));
    }
    let config = Config::read(file)?;
    let place = Place::with(config.data(), config.keyring(), None);
    Ok(Plan {
        config: file.to_path_buf(),
        text: None,
        place,
    })
}

fn fresh(file: &Path, data: &str, keyring: &str) -> Plan {
    let folder = file.parent().unwrap_or(Path::new(""));
    let data_path: PathBuf = folder.join(data).components().collect();
    let place = Place::with(&data_path, &folder.join(keyring), None);
    Plan {
        config: file.to_path_buf(),
        text: Some(config::template(data, keyring)),
        place,
    }
}

fn absolute(path: &Path) -> Result<String, Fault> {
    let absolute =
        std::path::absolute(path).map_err(|error| Fault::file("cannot find", path, &error))?;
    let text = absolute.to_str().map(str::to_owned);
    text.ok_or_else(|| Fault::new(format!("the path `{}` is not text", path.display())))
}

/// Nothing that exists is touched, and all of that is known before a passphrase is typed.
fn check(place: &Place, options: &Options) -> Result<(), Fault> {
    if !folder::is_empty(&place.data)? {
        return Err(Fault::new(format!("`{}` is not empty", place.data.display()))
            .hint("name a new or empty directory; an installation that is there already needs no `init`"));
    }
    for file in [Some(&place.keyring), options.recovery_kit.as_ref()]
        .into_iter()
        .flatten()
    {
        if file.exists() {
            return Err(
                Fault::new(format!("`{}` exists already", file.display())).hint(
                    "it may be the only key to some data: move it away by hand, or name another",
                ),
            );
        }
    }
    Ok(())
}

fn show(plan: &Plan, options: &Options) {
    let Plan {
        config,
        text: _,
        place,
    } = plan;
    println!(
        "A new installation, with the organization `{}`.\n",
        options.organization
    );
    println!("  configuration  {}", config.display());
    println!("  data           {}", place.data.display());
    println!("  keyring        {}\n", place.keyring.display());
}

fn show_kit(kit: &str, file: Option<&Path>) {
    match file {
        Some(file) => println!(
            "The recovery kit is in `{}`. Print it, lock it away, remove the file.\n",
            file.display()
        ),
        None => {
            println!(
                "Recovery kit: whoever holds these lines holds the installation. It is not shown again."
            );
            println!(
                "Write it down or print it, and lock it away. It opens the data when the passphrase is lost.\n"
            );
            kit.lines().for_each(|line| println!("  {line}"));
            println!();
        }
    }
}
