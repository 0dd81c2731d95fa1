//! Files to banks and from banks: closed at their time, made, released payout by payout, applied entry by entry.
//!
//! Each step is one commit with the file's position in it; what is cut off between two goes on with the next.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::bank_files::{ApplyBankEntry, BankFile, PAGE};
use strongroom_domain::command::Command;
use strongroom_domain::payout_files::{
    AdvancePayoutFile, PayoutFile, PayoutFileStatus, ReleasePayout, SealPayoutFile,
};
use strongroom_engine::{DueJob, Engine, Envelope, Failure, ReadFault, View, file_content};
use strongroom_types::id::{BankFileId, PayoutFileId};

/// Steps that are queued together, so that they share a commit.
const TOGETHER: usize = 64;

/// One look at a payout file: what is due of it is done.
pub(crate) async fn attend_payout_file(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller = rail(job);
    let id = PayoutFileId(job.id);
    let file = read(engine, &caller, move |view| view.payout_file(id)).await?;
    match file.map(|file| (file.status, file)) {
        None => engine.drop_job(job).await,
        Some((PayoutFileStatus::Open, _)) => {
            let done = engine.execute(&caller, AdvancePayoutFile { id }, Envelope::internal());
            done.await.map(drop)
        }
        Some((PayoutFileStatus::Closed, file)) => make(engine, &caller, file).await,
        Some((PayoutFileStatus::Sent, file)) => release(engine, &caller, file).await,
        // Its job went with the commit that made it ready; this one was looked up before that.
        Some((PayoutFileStatus::Ready, _)) => Ok(()),
    }
}

fn rail(job: DueJob) -> Caller<Operate> {
    Caller::system(SystemActor::Rail, job.scope)
}

/// Makes the content once, for its hash: whoever downloads it has it made again.
async fn make(engine: &Engine, caller: &Caller<Operate>, file: PayoutFile) -> Result<(), Failure> {
    let id = file.id;
    let work = move |view: &mut View<'_>| Ok(file_content(&view.payout_file_content(&file)?));
    let content = engine.read(caller, work).await?;
    let command = SealPayoutFile { id, content };
    let done = engine.execute(caller, command, Envelope::internal());
    done.await.map(drop)
}

async fn release(
    engine: &Engine,
    caller: &Caller<Operate>,
    file: PayoutFile,
) -> Result<(), Failure> {
    let (id, from) = (file.id, file.released);
    let work = move |view: &mut View<'_>| view.payouts_of_file(&file);
    let payouts = engine.read(caller, work).await?;
    let start = usize::try_from(from).unwrap_or(usize::MAX);
    let steps = (from..).zip(payouts.into_iter().skip(start));
    let steps = steps.map(|(place, payout)| ReleasePayout {
        file: id,
        place,
        payout,
    });
    in_order(engine, caller, steps).await
}

/// Goes on with a bank's file where it stopped.
pub(crate) async fn attend_bank_file(engine: &Engine, job: DueJob) -> Result<(), Failure> {
    let caller = rail(job);
    let id = BankFileId(job.id);
    let file = read(engine, &caller, move |view| view.bank_file(id)).await?;
    match file {
        None => engine.drop_job(job).await,
        Some(file) => in_order(engine, &caller, entries(&file)).await,
    }
}

fn entries(file: &BankFile) -> impl Iterator<Item = ApplyBankEntry> {
    let places = file.position..file.entries;
    places.filter_map(|place| {
        let page = usize::try_from(place).ok()? / PAGE;
        Some(ApplyBankEntry {
            file: file.id,
            page: *file.pages.get(page)?,
            place,
        })
    })
}

/// Carries steps out one after another, many of them in each commit. The first that fails ends it: the next look begins
/// there.
async fn in_order<C: Command<Permission = Operate>>(
    engine: &Engine,
    caller: &Caller<Operate>,
    steps: impl Iterator<Item = C>,
) -> Result<(), Failure> {
    let mut steps = steps.peekable();
    while steps.peek().is_some() {
        let batch = steps.by_ref().take(TOGETHER);
        let batch = batch.map(|step| engine.execute(caller, step, Envelope::internal()));
        for done in together(batch.collect()).await {
            done?;
        }
    }
    Ok(())
}

/// Waits for all, having begun them in their order: what is asked first is queued first.
async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (future, output) in waiting.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => is_done = false,
                }
            }
        }
        match is_done {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// What is there, or nothing.
async fn read<T: Send + 'static>(
    engine: &Engine,
    caller: &Caller<Operate>,
    work: impl FnOnce(&mut View<'_>) -> Result<T, ReadFault> + Send + 'static,
) -> Result<Option<T>, Failure> {
    match engine.read(caller, work).await {
        Ok(found) => Ok(Some(found)),
        Err(Failure::NotFound) => Ok(None),
        Err(failure) => Err(failure),
    }
}
