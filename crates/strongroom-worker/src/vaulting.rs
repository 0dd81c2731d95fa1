//! Card numbers on their way from a store of before there was a vault process, and which the vault still needs.

use std::collections::HashMap;

use strongroom_auth::{Caller, SystemActor};
use strongroom_channel::Vault;
use strongroom_channel::message::{FromVault, Place, SecretBytes, ToVault};
use strongroom_domain::tokens::VaultToken;
use strongroom_engine::{Engine, Envelope, Failure};
use strongroom_types::id::TokenId;
use strongroom_types::mode::Scope;
use strongroom_vault::CardNumber;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// Has the vault take over every number that is stored here; says how many. What was moved when it stops is moved: the
/// next call goes on.
///
/// # Errors
/// [`Failure`] of the engine; [`Failure::Overloaded`] when the vault went away.
pub async fn move_in(engine: &Engine, vault: &Vault) -> Result<usize, Failure> {
    let mut moved = 0;
    for scope in engine.scopes() {
        let mut after = None;
        loop {
            let caller = Caller::system(SystemActor::Housekeeping, scope);
            let found = engine.numbers_stored(&caller, after).await?;
            let Some((last, _)) = found.last() else { break };
            after = Some(*last);
            moved += found.len();
            let mut moving = JoinSet::new();
            for (token, number) in found {
                moving.spawn(move_one(
                    engine.clone(),
                    vault.clone(),
                    scope,
                    token,
                    number,
                ));
            }
            while let Some(done) = moving.join_next().await {
                done.map_err(|_| Failure::Internal)??;
            }
        }
    }
    Ok(moved)
}

/// INVARIANT(vault-first): the vault has the number before the core lets go of it.
async fn move_one(
    engine: Engine,
    vault: Vault,
    scope: Scope,
    id: TokenId,
    number: CardNumber,
) -> Result<(), Failure> {
    let place = Place {
        scope: scope.number,
        token: id,
    };
    let digits = number.expose().as_bytes().to_vec();
    let import = ToVault::Import {
        place,
        digits: SecretBytes(Zeroizing::new(digits)),
    };
    let Ok(FromVault::Kept(kept)) = vault.ask(&import).await else {
        return Err(Failure::Overloaded);
    };
    let caller = Caller::system(SystemActor::Housekeeping, scope);
    let command = VaultToken {
        id,
        fingerprint: kept.fingerprint,
        digest: kept.digest,
    };
    let done = engine.execute(&caller, command, Envelope::internal());
    match done.await {
        // It ended in the meantime; the vault sweeps its number.
        Ok(_) | Err(Failure::Rejected { .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Which numbers a token still needs; `None` when that cannot be told now.
pub async fn needed(engine: &Engine, places: Vec<Place>) -> Option<Vec<bool>> {
    let scopes: HashMap<u32, Scope> = engine
        .scopes()
        .into_iter()
        .map(|scope| (scope.number, scope))
        .collect();
    let mut needed = Vec::with_capacity(places.len());
    for Place { scope, token } in places {
        needed.push(match scopes.get(&scope) {
            None => false,
            Some(scope) => {
                let caller = Caller::system(SystemActor::Housekeeping, *scope);
                !engine.has_no_number(&caller, token).await.ok()?
            }
        });
    }
    Some(needed)
}
