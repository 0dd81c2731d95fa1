//! Once a minute: what was only counted in memory goes on record.

use std::collections::HashMap;

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::action::Action;
use strongroom_domain::api_keys::TouchApiKeys;
use strongroom_domain::housekeeping::Note;
use strongroom_domain::sessions::TouchSessions;
use strongroom_engine::{Engine, Envelope, Failure};
use strongroom_types::mode::Scope;

/// Writes down uses of keys, failures before a credential was proven, refusals over their budget, and how often what
/// raised an alert has happened again.
///
/// # Errors
/// The first [`Failure`] of the engine; what was taken and not written is counted again from zero.
pub async fn write_summaries(engine: &Engine) -> Result<(), Failure> {
    let summaries = engine.take_summaries();
    engine.flush_alerts();
    for (scope, used) in summaries.used {
        for some in used.chunks(500) {
            let caller: Caller<Operate> = Caller::system(SystemActor::Housekeeping, scope);
            engine
                .execute(
                    &caller,
                    TouchApiKeys {
                        used: some.to_vec(),
                    },
                    Envelope::internal(),
                )
                .await?;
        }
    }
    engine.forget_ended_sessions();
    for (scope, used) in summaries.sessions {
        for some in used.chunks(500) {
            let caller: Caller<Operate> = Caller::system(SystemActor::Housekeeping, scope);
            let used = some.to_vec();
            let touch = TouchSessions { used };
            engine.execute(&caller, touch, Envelope::internal()).await?;
        }
    }
    let installation = engine.scopes().first().copied();
    if let Some(scope) = installation {
        let rows = summaries
            .failures
            .into_iter()
            .map(|((reason, network), n)| (format!("{reason} {network}"), n));
        note(engine, scope, Action::FailuresSummarised, rows.collect()).await?;
    }
    let mut by_scope: HashMap<u32, Vec<(String, u64)>> = HashMap::new();
    for ((scope, credential, code), count) in summaries.refusals {
        let who = credential.map_or_else(|| "server".to_owned(), |id| id.to_string());
        by_scope
            .entry(scope)
            .or_default()
            .push((format!("{who} {code}"), count));
    }
    for scope in engine.scopes() {
        if let Some(rows) = by_scope.remove(&scope.number) {
            note(engine, scope, Action::RefusalsSummarised, rows).await?;
        }
    }
    Ok(())
}

async fn note(
    engine: &Engine,
    scope: Scope,
    action: Action,
    rows: Vec<(String, u64)>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let details = rows
        .into_iter()
        .map(|(what, count)| (what, count.to_string()))
        .collect();
    let caller: Caller<Operate> = Caller::system(SystemActor::Housekeeping, scope);
    engine
        .execute(&caller, Note { action, details }, Envelope::internal())
        .await
        .map(drop)
}
