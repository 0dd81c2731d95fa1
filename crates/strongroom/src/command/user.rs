//! `strongroom user`: people let in at the command line, above all the first, whom nobody could invite.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strongroom_auth::{Caller, Role, password};
use strongroom_domain::users::{AcceptInvitation, InviteUser};
use strongroom_engine::Engine;
use strongroom_types::id::{AnyId, Kind, OrganizationId, UserId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::secret::SecretText;
use zeroize::Zeroizing;

use crate::command::organization;
use crate::fault::Fault;
use crate::out::say;
use crate::passphrase;
use crate::place::PlaceOptions;
use crate::{logging, provision};

/// Room for a password, in bytes: what grows out of its room is left behind.
const LONGEST: usize = 4_096;

/// People who sign in
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(Create),
}

/// Make a person who can sign in at once; the server must be stopped
///
/// He is a person of his own where approvals are asked for. Whom he invites later comes over the API.
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom user create --config /etc/strongroom/strongroom.toml --organization org_0190a1b2c3d4e5f60718293a \\
    --email ana@example.org --name 'Ana Cruz' --password-file ./password")]
pub(crate) struct Create {
    #[command(flatten)]
    place: PlaceOptions,

    /// The organization's id, as it was shown when it was founded
    #[arg(long, value_name = "ID", value_parser = organization::organization)]
    organization: OrganizationId,

    /// The books he signs in to: test or live
    #[arg(long, default_value = "live", value_parser = mode)]
    mode: Mode,

    /// The address he signs in with
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    email: String,

    #[arg(long, value_name = "NAME", value_parser = organization::name)]
    name: String,

    /// owner, admin, operator or viewer
    #[arg(long, default_value = "owner", value_parser = role)]
    role: Role,

    /// A file whose one line is his password
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,

    /// Read his password from standard input, to its end
    #[arg(long)]
    password_stdin: bool,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Fault> {
    logging::text();
    let Command::Create(create) = command;
    // Before anything is opened: a password that is not taken needs no keyring.
    let chosen = chosen(create)?;
    password::check(chosen.expose(), &[&create.name, &create.email])
        .map_err(|weak| Fault::new(format!("the password {}", weak.detail())))?;
    let engine = create.place.place()?.engine()?;
    let made = made(&engine, create, &chosen);
    engine.stop();
    say!(
        "`{}` signs in as {} of {}.",
        create.email,
        create.role.as_str(),
        create.mode
    );
    say!("user  {}", made?);
    Ok(ExitCode::SUCCESS)
}

fn made(engine: &Engine, create: &Create, chosen: &SecretText) -> Result<AnyId, Fault> {
    let scope = provision::scope(engine, create.organization, create.mode)?;
    let minted = engine.mint_person(scope.mode);
    let hash = minted.hash;
    let invite = InviteUser {
        name: create.name.clone(),
        email: create.email.clone(),
        login: engine.login_name(&create.email),
        role: create.role,
        permissions: create.role.permissions(),
        role_id: None,
        lasts: 3_600_000,
        minted,
        held: None,
    };
    let otherwise = "the person was not made";
    let invited = provision::execute(engine, &provision::operator(scope), invite, otherwise)?;
    let id = invited.resource().filter(|id| id.kind == Kind::User);
    let id = id.ok_or_else(|| Fault::new(otherwise))?;
    join(engine, scope, UserId(id.raw), hash, chosen)?;
    Ok(id)
}

fn join(
    engine: &Engine,
    scope: Scope,
    user: UserId,
    hash: [u8; 32],
    chosen: &SecretText,
) -> Result<(), Fault> {
    let otherwise = "the password was not set";
    let password = Engine::hash_password_blocking(chosen);
    let accept = AcceptInvitation {
        user,
        hash,
        password: password.map_err(|_| Fault::new(otherwise))?,
    };
    let caller = Caller::entering(user, scope);
    provision::execute(engine, &caller, accept, otherwise).map(drop)
}

/// SECURITY: never from the command line, which every process can read.
fn chosen(create: &Create) -> Result<SecretText, Fault> {
    if let Some(path) = &create.password_file {
        return crate::folder::read_secret_line(path, "a password");
    }
    if create.password_stdin {
        return from_stdin();
    }
    let typed = |words: &str| {
        let nobody = || {
            Fault::new("the password is needed and there is no terminal to ask at")
                .hint("name a file that holds it with --password-file, or use --password-stdin")
        };
        passphrase::asked(words).ok_or_else(nobody)
    };
    let first = typed("Password: ")?;
    let again = typed("The same again: ")?;
    match first.expose() == again.expose() {
        true => Ok(first),
        false => Err(Fault::new("the two passwords differ")),
    }
}

fn from_stdin() -> Result<SecretText, Fault> {
    let unreadable = |_| Fault::new("standard input holds no password");
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    let most = u64::try_from(LONGEST).unwrap_or(0);
    let read = std::io::stdin().take(most).read_to_end(&mut bytes);
    read.map_err(|error| Fault::new(format!("standard input: {error}")))?;
    let text = std::str::from_utf8(&bytes).map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(SecretText::new(line.to_owned()))
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "test" => Ok(Mode::Test),
        "live" => Ok(Mode::Live),
        _ => Err("expected `test` or `live`".to_owned()),
    }
}

fn role(text: &str) -> Result<Role, String> {
    let known = [
        Role::Owner,
        Role::Admin,
        Role::Operator,
        Role::Viewer,
        Role::Manager,
        Role::Cashier,
    ];
    let found = Role::parse(text).filter(|role| known.contains(role));
    found.ok_or_else(|| "expected owner, admin, operator, viewer, manager or cashier".to_owned())
}

fn email(text: &str) -> Result<String, String> {
    let fits = text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && text.len() <= 254
    });
    let odd = |c: char| c.is_whitespace() || c.is_control();
    match fits && !text.contains(odd) {
        true => Ok(text.to_owned()),
        false => Err("expected an e-mail address".to_owned()),
    }
}
