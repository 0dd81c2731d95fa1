//! Reports: read in slices, written in their format, put on record whole. A server that dies on the way leaves nothing of one
//! behind, and the next begins it again.

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::reports::{
    Content, ExpireReport, FinishReport, MOST_BYTES, ReportBody, ReportFailure, ReportStatus,
};
use strongroom_engine::{DueJob, Engine, Envelope, Failure, ReportScan};
use strongroom_report::{Heading, render};
use strongroom_types::id::ReportId;

/// Makes a report, or ends one whose time is over.
pub(crate) async fn attend(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller: Caller<Operate> = Caller::system(SystemActor::Housekeeping, job.scope);
    let id = ReportId(job.id);
    let report = match read(engine, &caller, id).await {
        Ok(report) => report,
        Err(Failure::NotFound) => return engine.drop_job(job).await,
        Err(failure) => return Err(failure),
    };
    match report.status {
        ReportStatus::Queued => {
            let _shown = Shown::new(engine, id);
            match made(engine, &caller, &report).await? {
                Some(outcome) => finish(engine, &caller, FinishReport { id, outcome }).await,
                // Deleted on the way.
                None => Ok(()),
            }
        }
        ReportStatus::Completed => {
            let expired = ExpireReport { id };
            let done = engine.execute(&caller, expired, Envelope::internal());
            done.await.map(drop)
        }
        ReportStatus::Failed | ReportStatus::Deleted | ReportStatus::Expired => {
            engine.drop_job(job).await
        }
    }
}

/// A report that shows how far it is, for as long as this lives.
struct Shown<'e> {
    engine: &'e Engine,
    id: ReportId,
}

impl<'e> Shown<'e> {
    fn new(engine: &'e Engine, id: ReportId) -> Shown<'e> {
        engine.set_report_progress(id, Some(0));
        Shown { engine, id }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.engine.set_report_progress(self.id, None);
    }
}

async fn read(
    engine: &Engine,
    caller: &Caller<Operate>,
    id: ReportId,
) -> Result<ReportBody, Failure> {
    let read = engine.read(caller, move |view| Ok(view.report(id)?.0));
    read.await
}

/// What the report says; nothing if it is no longer wanted.
async fn made(
    engine: &Engine,
    caller: &Caller<Operate>,
    report: &ReportBody,
) -> Result<Option<Result<Content, ReportFailure>>, Failure> {
    let mut scan = ReportScan::new(&report.asked);
    while !scan.is_done() {
        scan = engine.advance_report(caller, scan).await?;
        engine.set_report_progress(report.id, Some(scan.percent()));
        if read(engine, caller, report.id).await?.status != ReportStatus::Queued {
            return Ok(None);
        }
    }
    let sheet = match scan.into_sheet() {
        Ok(sheet) => sheet,
        Err(failure) => return Ok(Some(Err(failure))),
    };
    let accounts = sheet.accounts();
    let heading = Heading {
        asked: report.asked,
        id: report.id,
        made_at: engine.now(),
    };
    // Beside the runtime: a large table takes its time.
    let written = tokio::task::spawn_blocking(move || {
        let (table, found) = sheet.table()?;
        let bytes = render(&heading, &table);
        match bytes.len() <= MOST_BYTES {
            true => Ok((bytes, table.lines.len(), found)),
            false => Err(ReportFailure::TooLarge),
        }
    });
    let Ok(written) = written.await else {
        return Err(Failure::Internal);
    };
    Ok(Some(written.map(|(bytes, lines, found)| {
        if let Some(found) = &found {
            let scope = caller.tenant().scope();
            engine.note_reconciled(scope, accounts, &found.accounts);
        }
        Content {
            digest: Engine::content_digest(&bytes),
            lines: u64::try_from(lines).unwrap_or(u64::MAX),
            differences: found.map(|found| found.differences()),
            bytes,
        }
    })))
}

async fn finish(
    engine: &Engine,
    caller: &Caller<Operate>,
    command: FinishReport,
) -> Result<(), Failure> {
    match engine.execute(caller, command, Envelope::internal()).await {
        // Deleted in the meantime, which took its job along.
        Ok(_) | Err(Failure::Rejected { .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}
