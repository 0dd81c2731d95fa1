//! One connection to the server, driven by the thread that uses it, with its prepared statements.
//!
//! Several statements travel together: each is sent before the answer to the one before it has
//! come, so a whole batch costs one round trip. The runtime is the session's own and runs only
//! while somebody waits for an answer.

use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::fault::{Trouble, from_connect, from_error};
use super::hurry::Hurry;
use super::load::MOMENT;
use super::options::{PostgresOptions, Role};
use super::write::ANSWER;
use crate::StoreError;

/// What a session asks of the planner, where the server knows the word: our statements name rows
/// by key, so a plan that reads a table is wrong however small the table was when it was planned.
const HINTS: [&str; 5] = [
    "SET enable_seqscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET plan_cache_mode = force_generic_plan",
    "SET jit = off",
];

/// How long connecting may take, to all the servers of an address together, and each step after it.
const BEGIN: Duration = Duration::from_secs(15);

/// A session that lost its client must not hold locks for long.
const IDLE: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// SECURITY: an acknowledged commit is on the server's disk, whatever the role's defaults say.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// One statement with its values; all of them travel bound, never as text.
pub(super) struct Step<'a> {
    pub text: &'static str,
    pub values: Vec<Box<dyn ToSql + Sync + 'a>>,
}

impl<'a> Step<'a> {
    /// A statement without values.
    pub fn plain(text: &'static str) -> Self {
        Self {
            text,
            values: Vec::new(),
        }
    }

    /// The statement with one more value.
    pub fn with(mut self, value: impl ToSql + Sync + 'a) -> Self {
        self.values.push(Box::new(value));
        self
    }
}

/// A statement on its way.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + 'a>>;

pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// Number of the server's process for this session; a hint for ending it.
    pub backend: i32,
    /// Version of the server, such as 150004.
    pub version: i32,
    /// Longest time that an answer is waited for: a network that swallows everything tells nobody.
    pub limit: Option<Duration>,
    hurry: Hurry,
    /// Taken only when the session ends.
    runtime: Option<Runtime>,
}

impl Session {
    /// Connects and sets the session up.
    ///
    /// # Errors
    /// `Lost` when the server is not there, else why it refuses.
    pub fn connect(options: &PostgresOptions) -> Result<Self, Trouble> {
        Self::connect_as(options, Role::Primary)
    }

    /// Connects for reading alone, to a copy of the server too.
    pub fn connect_to_any(options: &PostgresOptions) -> Result<Self, Trouble> {
        let mut session = Self::connect_as(options, Role::Any)?;
        session.read_only()?;
        Ok(session)
    }

    fn connect_as(options: &PostgresOptions, role: Role) -> Result<Self, Trouble> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Trouble::of(StoreError::Io(error.to_string())))?;
        let hurry = options.hurry();
        let client = runtime
            .block_on(within(&hurry, Some(BEGIN), options.connect(role)))?
            .map_err(|error| from_connect(&error))?;
        let mut session = Self {
            client,
            statements: HashMap::new(),
            backend: 0,
            version: 0,
            limit: Some(BEGIN),
            hurry,
            runtime: Some(runtime),
        };
        session.run(&[Step::plain(IDLE)])?;
        session.run(&[Step::plain(DURABLE)])?;
        for hint in HINTS {
            // Another engine that speaks the protocol may not know the word.
            if let Err(Trouble::Lost(cause)) = session.run(&[Step::plain(hint)]) {
                return Err(Trouble::Lost(cause));
            }
        }
        let text = "SELECT pg_backend_pid(), current_setting('server_version_num')::integer";
        let rows = session.one(Step::plain(text))?;
        if let Some(row) = rows.first() {
            session.backend = row.try_get(0).map_err(|error| from_error("", &error))?;
            session.version = row.try_get(1).map_err(|error| from_error("", &error))?;
        }
        session.limit = None;
        Ok(session)
    }

    /// Makes every transaction of the session a reading one.
    pub fn read_only(&mut self) -> Result<(), Trouble> {
        self.one(Step::plain("SET default_transaction_read_only = on"))
            .map(drop)
    }

    /// Sees one moment from now on, for as long as the session lasts.
    pub fn freeze(&mut self) -> Result<(), Trouble> {
        self.run(&[
            // Between two reads there may be much to compute.
            Step::plain("SET idle_in_transaction_session_timeout = 0"),
            Step::plain(MOMENT),
            // A transaction sees the moment of its first read, not of its begin.
            Step::plain("SELECT 1 FROM strongroom.store"),
        ])
        .map(drop)
    }

    /// Runs one statement.
    pub fn one(&mut self, step: Step<'_>) -> Result<Vec<Row>, Trouble> {
        let answers = self.run(&[step])?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// Runs statements in order within one round trip; the first error stands for all.
    pub fn run(&mut self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, Trouble> {
        self.prepare(steps)?;
        let Some(runtime) = &self.runtime else {
            return Err(Trouble::Lost("the session has ended".to_owned()));
        };
        let (client, statements) = (&self.client, &self.statements);
        let on_the_way = steps.iter().map(|step| answer(client, statements, step));
        let outcomes = runtime.block_on(within(
            &self.hurry,
            self.limit,
            in_order(on_the_way.collect()),
        ))?;
        let mut answers = Vec::with_capacity(outcomes.len());
        for (outcome, step) in outcomes.into_iter().zip(steps) {
            answers.push(outcome.map_err(|error| from_error(step.text, &error))?);
        }
        Ok(answers)
    }

    /// Waits, while the connection goes on.
    pub fn wait(&self, time: Duration) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(async { tokio::time::sleep(time).await });
        }
    }

    fn prepare(&mut self, steps: &[Step<'_>]) -> Result<(), Trouble> {
        let Some(runtime) = &self.runtime else {
            return Err(Trouble::Lost("the session has ended".to_owned()));
        };
        for step in steps.iter().filter(|step| !step.values.is_empty()) {
            if !self.statements.contains_key(step.text) {
                let prepared = runtime
                    .block_on(within(
                        &self.hurry,
                        self.limit,
                        self.client.prepare(step.text),
                    ))?
                    .map_err(|error| from_error(step.text, &error))?;
                self.statements.insert(step.text, prepared);
            }
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.statements.clear();
        if let Some(runtime) = self.runtime.take() {
            // Also where blocking is not allowed.
            runtime.shutdown_background();
        }
    }
}

fn answer<'a>(
    client: &'a Client,
    statements: &'a HashMap<&'static str, Statement>,
    step: &'a Step<'a>,
) -> Answer<'a> {
    match statements.get(step.text) {
        Some(statement) => Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> = step
                .values
                .iter()
                .map(|value| {
                    let value: &(dyn ToSql + Sync) = &**value;
                    value
                })
                .collect();
            client.query(statement, &values).await
        }),
        None if step.text.starts_with("SELECT") => {
            Box::pin(async move { client.query(step.text, &[]).await })
        }
        None => Box::pin(async move {
            client.batch_execute(step.text).await?;
            Ok(Vec::new())
        }),
    }
}

/// What comes in time; a session that has nothing by then is as good as gone.
async fn within<T>(
    hurry: &Hurry,
    limit: Option<Duration>,
    answer: impl Future<Output = T>,
) -> Result<T, Trouble> {
    let late = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        answer = answer => Ok(answer),
        () = hurry.begun() => Err(Trouble::Lost("it is not waited for any more".to_owned())),
        () = late => Err(Trouble::Lost("no answer came in time".to_owned())),
    }
}

/// Sends all in order, then waits for all.
async fn in_order(mut waiting: Vec<Answer<'_>>) -> Vec<Result<Vec<Row>, tokio_postgres::Error>> {
    let mut done: Vec<Option<Result<Vec<Row>, tokio_postgres::Error>>> =
        waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut open = false;
        for (answer, outcome) in waiting.iter_mut().zip(&mut done) {
            if outcome.is_none() {
                match answer.as_mut().poll(context) {
                    Poll::Ready(value) => *outcome = Some(value),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Connects for reading alone.
pub(super) fn connect_reading(options: &PostgresOptions) -> Result<Session, Trouble> {
    let mut session = Session::connect(options)?;
    session.read_only()?;
    session.limit = Some(ANSWER);
    Ok(session)
}
