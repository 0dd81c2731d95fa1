//! `strongroom init`: a new installation for real use.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strongroom_crypto::{PassphraseCost, RootKeys};
use strongroom_types::currency::Currency;
use zeroize::Zeroizing;

use crate::command::organization::{self, OwnerKeys, show_keys};
use crate::config::{self, Config};
use crate::fault::Fault;
use crate::out::say;
use crate::place::{self, KEYRING, Place};
use crate::postgres::{PostgresArguments, StoreTable};
use crate::root::{Keeping, Kept, NewRoot, RootSources};
use crate::{folder, logging, root};

const CONFIG: &str = "strongroom.toml";
const DATA: &str = "data";

/// Make a data directory, a keyring and the first organization with its owner's keys
///
/// The root keys are sealed under a passphrase, which is asked for at the terminal or read from a file; or under a key
/// that is kept in shares (--root shares) or wrapped by an HSM (--root hsm). The recovery
/// kit and the owner's keys are shown once and never again. With --postgres the books are in that database, which must
/// exist; data directory and keyring are made all the same.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom init --config /etc/strongroom/strongroom.toml --organization 'Acme Payments'
  strongroom init --data /var/lib/strongroom --passphrase-file ./passphrase --recovery-kit ./kit.txt
  strongroom init --config strongroom.toml --root shares --shares 5 --threshold 3 --share-dir ./shares
  strongroom init --config strongroom.toml --root hsm --hsm-module /usr/lib/softhsm/libsofthsm2.so --hsm-token pay
  strongroom init --config strongroom.toml --postgres postgres://pay@127.0.0.1/pay --postgres-password-file ./password

The passphrase file may also be named in STRONGROOM_PASSPHRASE_FILE.")]
pub(crate) struct Options {
    /// The configuration file; written with the defaults when it does not exist
    #[arg(long, value_name = "FILE", required_unless_present = "data")]
    config: Option<PathBuf>,

    /// The data directory: new or empty [default: `data` beside the configuration file]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The first organization's name
    #[arg(long, value_name = "NAME", default_value = "My Organization", value_parser = organization::name)]
    organization: String,

    /// The currency used where a request names none, ISO 4217
    #[arg(long, value_name = "CODE", default_value = "PHP", value_parser = organization::currency)]
    currency: Currency,

    #[command(flatten)]
    new_root: NewRoot,

    /// A file that holds the new passphrase on one line; asked twice at the terminal when absent
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// With `--root hsm`: a file that holds the token's PIN on one line; asked at the terminal when absent
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,

    /// With `--root hsm`: the PKCS#11 module, a shared library
    #[arg(long, value_name = "FILE")]
    hsm_module: Option<PathBuf>,

    /// Write the recovery kit to this new file instead of the terminal; with shares or an HSM, which it bypasses, there
    /// is one only if it is asked for
    #[arg(long, value_name = "FILE")]
    recovery_kit: Option<PathBuf>,

    #[command(flatten)]
    postgres: PostgresArguments,
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
    let cost = PassphraseCost::STANDARD;
    let passphrase = options.passphrase_file.as_deref();
    let kept = options
        .new_root
        .kept(passphrase, plan.place.sources(), cost)?;

    let made = make(&plan, options, &kept);
    if made.is_err() {
        // Nothing of it was shown or used yet; what is left would only stand in the way of the next try.
        // What cannot be removed is told at that next try; why this one failed is what counts now.
        drop(undo(&plan, options, &kept));
    }
    let (keys, kit) = made?;
    show(&plan, options);
    if options.new_root.share_dir.is_none() {
        root::hand_out(&kept.shares, None)?;
    }
    show_kit(&kit, options);
    show_keys(&keys);
    say!(
        "\nStart it with\n  strongroom serve --config {}",
        plan.config.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Makes everything; gives what is shown once: the owner's keys and the recovery kit.
fn make(
    plan: &Plan,
    options: &Options,
    kept: &Kept,
) -> Result<(OwnerKeys, Zeroizing<String>), Fault> {
    let root = RootKeys::generate();
    let kit = root.recovery_text();
    let keyring = kept.custodian.seal(&root);
    folder::make(&plan.place.data)?;
    if let Some(dir) = plan.place.keyring.parent().filter(|dir| !dir.exists()) {
        folder::make(dir)?;
    }
    folder::write_new(&plan.place.keyring, keyring.as_bytes())?;
    if let Some(dir) = &options.new_root.share_dir {
        root::hand_out(&kept.shares, Some(dir))?;
    }
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
    Ok((keys, kit))
}

/// Removes what a failed attempt made. SECURITY: `check` found none of it there before, so all of it is its own.
fn undo(plan: &Plan, options: &Options, kept: &Kept) -> Result<(), Fault> {
    let Place { data, keyring, .. } = &plan.place;
    folder::remove(data, &place::STORED)?;
    if let Some(dir) = &options.new_root.share_dir {
        let files = kept.shares.iter().map(|share| root::share_file(dir, share));
        files
            .into_iter()
            .try_for_each(|file| folder::remove_one(&file))?;
    }
    let files = [Some(keyring), options.recovery_kit.as_ref()];
    files
        .into_iter()
        .flatten()
        .try_for_each(|file| folder::remove_one(file))
}

fn plan(options: &Options) -> Result<Plan, Fault> {
    let root = RootSources {
        pin_file: options.pin_file.clone(),
        hsm_module: options.hsm_module.clone(),
        ..RootSources::default()
    };
    let store = options.postgres.table().unwrap_or_default();
    match &options.config {
        Some(file) if file.exists() => existing(file, options, root),
        Some(file) => {
            let (data, keyring) = match &options.data {
                Some(data) => (folder::absolute(data)?, KEYRING.to_owned()),
                None => (DATA.to_owned(), KEYRING.to_owned()),
            };
            fresh(file, &data, &keyring, &store, root)
        }
        None => {
            // The arguments' own rules demand one of the two.
            let data = options.data.as_deref().unwrap_or(Path::new(DATA));
            fresh(&data.join(CONFIG), ".", KEYRING, &store, root)
        }
    }
}

fn existing(file: &Path, options: &Options, root: RootSources) -> Result<Plan, Fault> {
    if options.data.is_some() {
        return Err(Fault::new(format!(
            "`{}` exists and names the data directory already",
            file.display()
        ))
        .hint("leave --data away, or name a new configuration file"));
    }
    if options.postgres.table().is_some() {
        return Err(Fault::new(format!(
            "`{}` exists and says where the books are",
            file.display()
        ))
        .hint("write the database into its `[store]`, or name a new configuration file"));
    }
    let config = Config::read(file)?;
    let configured = config.root().clone();
    let sources = RootSources {
        pin_file: root.pin_file.or(configured.pin_file),
        hsm_module: root.hsm_module.or(configured.hsm_module),
        ..configured
    };
    let place = Place::with(config.data(), config.keyring(), sources).on(config.store())?;
    Ok(Plan {
        config: file.to_path_buf(),
        text: None,
        place,
    })
}

fn fresh(
    file: &Path,
    data: &str,
    keyring: &str,
    store: &StoreTable,
    root: RootSources,
) -> Result<Plan, Fault> {
    let named = root.lines()?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let data_path: PathBuf = folder.join(data).components().collect();
    let place = Place::with(&data_path, &folder.join(keyring), root).on(store)?;
    let lines = store.lines()?;
    Ok(Plan {
        config: file.to_path_buf(),
        text: Some(config::template(
            data,
            keyring,
            lines.as_deref(),
            named.as_deref(),
        )),
        place,
    })
}

/// Nothing that exists is touched, and all of that is known before a passphrase is typed.
fn check(place: &Place, options: &Options) -> Result<(), Fault> {
    if !folder::is_empty(&place.data)? {
        return Err(Fault::new(format!("`{}` is not empty", place.data.display()))
            .hint("name a new or empty directory; an installation that is there already needs no `init`"));
    }
    let shares = options.new_root.share_dir.iter().flat_map(|dir| {
        let numbers = 1..=options.new_root.shares;
        numbers.map(|number| dir.join(format!("share-{number}.txt")))
    });
    let files = [Some(&place.keyring), options.recovery_kit.as_ref()];
    for file in files.into_iter().flatten().cloned().chain(shares) {
        if file.exists() {
            return Err(
                Fault::new(format!("`{}` exists already", file.display())).hint(
                    "it may be the only key to some data: move it away by hand, or name another",
                ),
            );
        }
    }
    place.require_room()
}

fn show(plan: &Plan, options: &Options) {
    let Plan {
        config,
        text: _,
        place,
    } = plan;
    say!(
        "A new installation, with the organization `{}`.\n",
        options.organization
    );
    say!("  configuration  {}", config.display());
    say!("  data           {}", place.data.display());
    if place.is_in_database() {
        say!("  books          {}", place.books());
    }
    say!("  keyring        {}\n", place.keyring.display());
}

fn show_kit(kit: &str, options: &Options) {
    // SECURITY: whoever holds the kit needs neither shares nor token, so with them there is none unless asked for.
    let bypassed = options.new_root.keeping != Keeping::Passphrase;
    match options.recovery_kit.as_deref() {
        None if bypassed => say!(
            "No recovery kit was made. Without {} the data is lost; `strongroom keys kit` makes one later.\n",
            match options.new_root.keeping {
                Keeping::Shares => "enough shares",
                _ => "the token",
            }
        ),
        Some(file) => say!(
            "The recovery kit is in `{}`. Print it, lock it away, remove the file.\n",
            file.display()
        ),
        None => {
            say!(
                "Recovery kit: whoever holds these lines holds the installation. It is not shown again."
            );
            say!(
                "Write it down or print it, and lock it away. It opens the data when the passphrase is lost.\n"
            );
            kit.lines().for_each(|line| say!("  {line}"));
            say!("");
        }
    }
}
