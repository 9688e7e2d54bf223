//! The port on either database.

use async_trait::async_trait;
use domain::Timestamp;
use domain::saga::SagaId;

use super::{Count, Fault, Filter, Saga, SagaState, StepDone};
use crate::database::{Database, Row, Transaction, broken, checkpoints, values};
use crate::log::TopicPartition;
use crate::read_model::Checkpoint;

pub(super) struct Store<D>(pub D);

/// The columns of a saga, as [`saga_of`] reads them.
macro_rules! columns {
    () => {
        "saga_id, kind, subject, process, state, reason, cause, traceparent, begun_at, changed_at, step, step_name, step_begun_at, \
         due_at, leased_until, attempts, unresolved, problem, revision"
    };
}

#[async_trait]
impl<D: Database> SagaState for Store<D> {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        Ok(checkpoints::read(&mut *self.0.read().await?, partition).await?)
    }

    async fn find(&self, sagas: &[SagaId]) -> Result<Vec<Saga>, Fault> {
        const FIND: &str = concat!("SELECT ", columns!(), " FROM sagas WHERE saga_id = $1");
        let mut transaction = self.0.read().await?;
        let mut found = Vec::with_capacity(sagas.len());
        for saga in sagas {
            if let Some(row) = transaction.row(FIND, values![saga.as_uuid()]).await? {
                found.push(saga_of(&row)?);
            }
        }
        Ok(found)
    }

    async fn learn(
        &self,
        sagas: &[Saga],
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<(), Fault> {
        let mut transaction = self.0.write().await?;
        if !checkpoints::advance(&mut *transaction, partition, expected, next).await? {
            return Err(Fault::CheckpointMoved(partition));
        }
        for saga in sagas {
            write(&mut *transaction, saga).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn take(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<Saga>, Fault> {
        // The condition stands twice: who waited for another node's lease looks at the row again, but not at the inner query.
        const TAKE: &str = concat!(
            "UPDATE sagas SET leased_until = $3, attempts = attempts + 1, unresolved = unresolved + 1, revision = revision + 1 \
             WHERE due_at <= $2 AND leased_until <= $2 AND saga_id IN \
             (SELECT saga_id FROM sagas WHERE due_at <= $2 AND leased_until <= $2 ORDER BY due_at LIMIT $1) RETURNING ",
            columns!()
        );
        let mut transaction = self.0.write().await?;
        let taken = transaction.rows(TAKE, values![limit, now, until]).await?.iter().map(saga_of).collect::<Result<_, _>>()?;
        transaction.commit().await?;
        Ok(taken)
    }

    async fn put(&self, saga: Saga, done: Option<&StepDone>) -> Result<Saga, Fault> {
        const STEP: &str = "INSERT INTO saga_steps (saga_id, number, name, outcome, begun_at, ended_at, attempts, command_id, cause) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let mut transaction = self.0.write().await?;
        write(&mut *transaction, &saga).await?;
        if let Some(done) = done {
            let StepDone { number, name, outcome, begun_at, ended_at, attempts, command_id, cause } = done;
            let number = signed(*number)?;
            let values = values![saga.id.as_uuid(), number, name, outcome, *begun_at, *ended_at, *attempts, *command_id, *cause];
            transaction.run(STEP, values).await?;
        }
        transaction.commit().await?;
        Ok(Saga { revision: saga.revision + 1, ..saga })
    }

    async fn forget(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        const ENDED: &str = "SELECT saga_id FROM sagas WHERE state NOT IN ('running', 'resting') AND changed_at < $1 \
            ORDER BY changed_at LIMIT $2";
        let mut transaction = self.0.write().await?;
        let ended = transaction.rows(ENDED, values![before, limit]).await?;
        for row in &ended {
            let id = row.must_id("saga_id")?;
            transaction.run("DELETE FROM saga_steps WHERE saga_id = $1", values![id]).await?;
            transaction.run("DELETE FROM sagas WHERE saga_id = $1", values![id]).await?;
        }
        transaction.commit().await?;
        Ok(ended.len() as u64)
    }

    async fn list(&self, filter: &Filter, after: Option<(Timestamp, SagaId)>, limit: u32) -> Result<Vec<Saga>, Fault> {
        const LIST: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM sagas WHERE (CAST($1 AS TEXT) IS NULL OR kind = $1) AND (CAST($2 AS TEXT) IS NULL OR state = $2) \
             AND (CAST($3 AS TEXT) IS NULL OR subject = $3) AND (CAST($4 AS BIGINT) IS NULL OR begun_at < $4) \
             AND (CAST($5 AS BIGINT) IS NULL OR (due_at IS NOT NULL AND step_begun_at < $5)) \
             AND (CAST($6 AS BIGINT) IS NULL OR (begun_at, saga_id) < ($6, $7)) \
             ORDER BY begun_at DESC, saga_id DESC LIMIT $8"
        );
        let Filter { kind, progress, subject, begun_before, stuck_since } = filter;
        let state = progress.map(super::Progress::word);
        let (at, id) = after.unzip();
        let values = values![kind, state, subject, *begun_before, *stuck_since, at, id.map(SagaId::as_uuid), limit];
        let rows = self.0.read().await?.rows(LIST, values).await?;
        rows.iter().map(saga_of).collect()
    }

    async fn steps(&self, saga: SagaId, limit: u32) -> Result<Vec<StepDone>, Fault> {
        const STEPS: &str = "SELECT number, name, outcome, begun_at, ended_at, attempts, command_id, cause FROM saga_steps \
            WHERE saga_id = $1 ORDER BY number DESC LIMIT $2";
        let rows = self.0.read().await?.rows(STEPS, values![saga.as_uuid(), limit]).await?;
        rows.iter().rev().map(step_of).collect()
    }

    async fn running(&self, stuck_before: Timestamp) -> Result<Vec<Count>, Fault> {
        const RUNNING: &str = "SELECT kind, count(*) AS running, count(CASE WHEN step_begun_at < $1 THEN 1 END) AS stuck FROM sagas \
            WHERE due_at IS NOT NULL GROUP BY kind";
        let rows = self.0.read().await?.rows(RUNNING, values![stuck_before]).await?;
        let count = |row: &Row| {
            let (running, stuck) = (row.must_count("running")?, row.must_count("stuck")?);
            Ok(Count { kind: row.must_text("kind")?, running, stuck })
        };
        rows.iter().map(count).collect()
    }
}

fn signed(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|error| Fault::Rejected(error.to_string()))
}

/// Stores a saga over the revision that it was read with.
async fn write(tx: &mut dyn Transaction, saga: &Saga) -> Result<(), Fault> {
    const NEW: &str = concat!(
        "INSERT INTO sagas (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 1) ON CONFLICT DO NOTHING"
    );
    const CHANGE: &str = "UPDATE sagas SET kind = $2, subject = $3, process = $4, state = $5, reason = $6, cause = $7, traceparent = $8, \
        begun_at = $9, changed_at = $10, step = $11, step_name = $12, step_begun_at = $13, due_at = $14, leased_until = $15, \
        attempts = $16, unresolved = $17, problem = $18, revision = revision + 1 WHERE saga_id = $1 AND revision = $19";
    let mut values = values![
        saga.id.as_uuid(),
        &saga.kind,
        &saga.subject,
        &saga.process,
        saga.progress.word(),
        &saga.reason,
        saga.cause,
        &saga.traceparent,
        saga.begun_at,
        saga.changed_at,
        signed(saga.step)?,
        &saga.step_name,
        saga.step_begun_at,
        saga.due_at,
        saga.leased_until,
        saga.attempts,
        saga.unresolved,
        &saga.problem,
    ];
    let written = if saga.revision == 0 {
        tx.run(NEW, values).await?
    } else {
        values.push(signed(saga.revision)?.into());
        tx.run(CHANGE, values).await?
    };
    if written == 1 { Ok(()) } else { Err(Fault::SagaChanged(saga.id)) }
}

fn saga_of(row: &Row) -> Result<Saga, Fault> {
    Ok(Saga {
        id: SagaId::from_uuid(row.must_id("saga_id")?),
        kind: row.must_text("kind")?,
        subject: row.must_text("subject")?,
        process: row.must_text("process")?,
        progress: row.word("state")?,
        reason: row.text("reason")?,
        cause: row.id("cause")?,
        traceparent: row.text("traceparent")?,
        begun_at: row.time("begun_at")?,
        changed_at: row.time("changed_at")?,
        step: row.must_count("step")?,
        step_name: row.text("step_name")?,
        step_begun_at: row.time("step_begun_at")?,
        due_at: row.maybe_time("due_at")?,
        leased_until: row.time("leased_until")?,
        attempts: small(row, "attempts")?,
        unresolved: small(row, "unresolved")?,
        problem: row.text("problem")?,
        revision: row.must_count("revision")?,
    })
}

fn step_of(row: &Row) -> Result<StepDone, Fault> {
    Ok(StepDone {
        number: row.must_count("number")?,
        name: row.must_text("name")?,
        outcome: row.must_text("outcome")?,
        begun_at: row.time("begun_at")?,
        ended_at: row.time("ended_at")?,
        attempts: small(row, "attempts")?,
        command_id: row.id("command_id")?,
        cause: row.id("cause")?,
    })
}

fn small(row: &Row, name: &str) -> Result<u32, Fault> {
    u32::try_from(row.must_number(name)?).map_err(|error| broken(name, error).into())
}
