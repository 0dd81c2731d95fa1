//! A server's way to its vault: which one it is, ready before requests are answered, ended after them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use strongroom_channel::Vault;
use strongroom_channel::message::Proof;
use strongroom_channel::peer::Prove;
use strongroom_engine::{Engine, Failure};
use strongroom_http::{App, EdgeSettings};
use strongroom_worker::{WorkerSettings, move_in, needed};
use tokio::task::JoinHandle;

use crate::fault::Fault;
use crate::keeper::{self, Keeper};
use crate::place::Place;
use crate::vault_process;

/// Between two tries while the vault or the store is away.
const LOOK: Duration = Duration::from_millis(250);

/// Who keeps the cards.
pub(crate) enum Cards {
    /// This process, in its own books.
    #[cfg(test)]
    Here,
    /// A vault process that this one starts and keeps running. With books in a database, which other servers share, the
    /// cards are there too, unless a vault of this data directory has them already.
    Child,
    /// A vault process that somebody else runs.
    At(PathBuf),
}

impl Cards {
    /// Whether there is a vault process where there are acquirers, which nobody else speaks to.
    pub fn check(&self, place: &Place) -> Result<(), Fault> {
        let is_alone = matches!(self, Cards::Child) && place.is_in_database();
        if is_alone && !place.acquirers.is_empty() && !vault_process::keyring(&place.data).is_file()
        {
            let text = "`acquirers`: only a vault process speaks to an acquirer, and with books in a database none is started";
            let hint = "serve the vault by itself (--role vault) and this server with --role api";
            return Err(Fault::new(text).hint(hint));
        }
        Ok(())
    }

    /// The vault process, running if it is this one's, and the way to it.
    pub fn open(self, place: &Arc<Place>) -> Result<(Option<Keeper>, Option<Vault>), Fault> {
        let vaulted = || vault_process::keyring(&place.data).is_file();
        match self {
            #[cfg(test)]
            Cards::Here => Ok((None, None)),
            Cards::Child if place.is_in_database() && !vaulted() => Ok((None, None)),
            Cards::Child => {
                let keeper = Keeper::start(Arc::clone(place))?;
                Ok((Some(keeper), Some(Vault::at(&keeper::socket(place)))))
            }
            Cards::At(socket) => Ok((None, Some(Vault::at(&socket)))),
        }
    }
}

/// Edge and workers that find the vault process, if there is one.
pub(crate) fn with_vault(
    edge: EdgeSettings,
    workers: WorkerSettings,
    vault: Option<&Vault>,
) -> (EdgeSettings, WorkerSettings) {
    let edge = EdgeSettings {
        vault: vault.cloned(),
        ..edge
    };
    let workers = WorkerSettings {
        vault: vault.cloned(),
        ..workers
    };
    (edge, workers)
}

/// Waits for the vault, and has it take over the numbers that are still in the books. What is given answers the vault's
/// questions.
pub(crate) async fn prepare(
    engine: &Engine,
    vault: &Vault,
    app: &App,
    keeper: Option<&Keeper>,
) -> Result<JoinHandle<()>, Fault> {
    let asked = engine.clone();
    let questions = app.vault_questions(move |places| {
        let engine = asked.clone();
        async move { needed(&engine, places).await }
    });
    let kept = vault.clone();
    let signing = engine.clone();
    let prove: Prove = Arc::new(move |challenge| {
        let (installation, signature) = signing.prove_to_vault(challenge);
        Proof {
            installation,
            signature,
        }
    });
    let keeping = tokio::spawn(async move { kept.keep_up(questions, prove).await });
    let ready = async {
        tokio::select! {
            biased;
            () = vault.ready() => Ok(()),
            () = vault.refused() => Err(foreign()),
            () = ended(keeper) => Err(Fault::new("the vault process does not start; see above")),
        }
    };
    if let Err(fault) = ready.await {
        keeping.abort();
        return Err(fault);
    }
    loop {
        match move_in(engine, vault).await {
            Ok(0) => return Ok(keeping),
            Ok(moved) => tracing::info!(numbers = moved, "the vault took over card numbers"),
            Err(Failure::Overloaded) => tokio::time::sleep(LOOK).await,
            Err(failure) => {
                return Err(Fault::new(format!(
                    "card numbers cannot be moved to the vault: {failure:?}"
                )));
            }
        }
    }
}

/// Waits for the end of a vault process of one's own.
async fn ended(keeper: Option<&Keeper>) {
    match keeper {
        Some(keeper) => keeper.ended().await,
        None => std::future::pending().await,
    }
}

fn foreign() -> Fault {
    Fault::new("the vault keeps the cards of another installation, and serves no other").hint(
        "name this installation's own vault with --vault-socket; a `vault` folder that was copied from elsewhere must be moved away",
    )
}

pub(crate) async fn end_vault(keeper: Option<Keeper>, vault: Option<&Vault>) {
    if let Some(vault) = vault {
        vault.leave();
    }
    if let Some(keeper) = keeper {
        // A panic in there was logged where it happened.
        drop(tokio::task::spawn_blocking(move || keeper.stop()).await);
    }
}
