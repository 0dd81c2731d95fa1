//! Continuous reconciliation: the log is added up, a slice at a time, and every account's record is held against the sum of
//! its postings. What does not agree raises an alert. It begins again when it is through, and at each start.

use std::time::Duration;

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::reports::{Asked, ReportFormat, ReportType};
use strongroom_engine::{Engine, Failure, ReportScan};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long it rests once all books were gone through.
const REST: Duration = Duration::from_hours(1);

pub(crate) async fn run(engine: Engine, pause: Duration, mut stopped: watch::Receiver<bool>) {
    let mut rounds = Rounds::default();
    loop {
        let nap = match rounds.step(&engine).await {
            Ok(false) => pause,
            Ok(true) => REST.max(pause),
            Err(Failure::Halted | Failure::Stopped) => return,
            Err(failure) => {
                tracing::warn!(failure = ?failure, "the books could not be reconciled now");
                pause
            }
        };
        tokio::select! {
            () = sleep(nap) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// Goes through all books once, and says how many accounts did not agree.
///
/// # Errors
/// [`Failure`] of the engine.
pub async fn reconcile(engine: &Engine) -> Result<usize, Failure> {
    let mut rounds = Rounds::default();
    while !rounds.step(engine).await? {}
    Ok(rounds.differing)
}

/// Where it is.
#[derive(Default)]
struct Rounds {
    scopes: Vec<Scope>,
    current: Option<(Scope, ReportScan)>,
    differing: usize,
    is_begun: bool,
}

impl Rounds {
    /// Reads one slice. Says whether all books were gone through.
    async fn step(&mut self, engine: &Engine) -> Result<bool, Failure> {
        if !self.is_begun {
            self.is_begun = true;
            self.scopes = engine.scopes();
        }
        let Some((scope, scan)) = self.next() else {
            self.is_begun = false;
            return Ok(true);
        };
        let caller: Caller<Operate> = Caller::system(SystemActor::Housekeeping, scope);
        let scan = engine.advance_report(&caller, scan).await?;
        if !scan.is_done() {
            self.current = Some((scope, scan));
            return Ok(false);
        }
        // Of what is no longer kept nothing can be said.
        if let Ok(sheet) = scan.into_sheet() {
            let accounts = sheet.accounts();
            if let Ok((_, Some(found))) = sheet.table() {
                self.differing += found.accounts.len();
                engine.note_reconciled(scope, accounts, &found.accounts);
            }
        }
        Ok(false)
    }

    /// What is under way, or the next books. What failed is begun again with the next round.
    fn next(&mut self) -> Option<(Scope, ReportScan)> {
        self.current.take().or_else(|| {
            let asked = Asked {
                kind: ReportType::Reconciliation,
                format: ReportFormat::Json,
                from: Timestamp(0),
                to: Timestamp(i64::MAX),
                wallet: None,
                store: None,
                shift: None,
                kept_for: 0,
                currency: None,
            };
            let scope = self.scopes.pop()?;
            Some((scope, ReportScan::of_accounts(&asked)))
        })
    }
}
