//! A page of history at the read model's adapter, from a room of a million messages. The limit is the same statement by itself,
//! prepared, on as many connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use domain::{RoomId, UserId};
use infra::read_model::{Direction, Timeline, sqlite};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use uuid::Uuid;

use crate::load::Latencies;
use crate::read_model::Schema;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::{Turns, in_turns};
use crate::scale::Scale;

/// Messages of a page: the default of the API.
const PAGE: u32 = 50;
/// Readers at once.
const READERS: usize = 4;
/// How much slower than the bare statement a page may be.
const TIMES_MAX: f64 = 1.3;
const ROOM: Uuid = Uuid::from_u128(0x4b1d);
const VIEWER: &str = "person-1";

/// What a page costs is decided by this statement; it is the adapter's own, of `infra/src/read_model/statements.rs`.
macro_rules! page {
    ($reactions:literal) => {
        concat!(
            "SELECT m.room_id, m.number, m.author, m.sent_at, m.reply_to, m.text, m.mentions, m.edited_at, m.deleted_at, \
             m.version AS message_version, CASE WHEN m.deleted_at IS NULL THEN (SELECT ",
            $reactions,
            " FROM (SELECT e.emoji, count(*) AS total, sum(CASE WHEN e.user_id = $1 THEN 1 ELSE 0 END) AS mine \
             FROM reactions e WHERE e.room_id = m.room_id AND e.number = m.number AND e.present GROUP BY e.emoji) g) END AS reactions \
             FROM messages m WHERE m.room_id = $2 AND m.number < $3 ORDER BY m.number DESC LIMIT $4"
        )
    };
}

/// The row.
pub struct History;

#[async_trait(?Send)]
impl Row for History {
    fn name(&self) -> &'static str {
        "history"
    }

    /// Each with the read model that goes with it: SQLite, Postgres.
    fn on(&self) -> &'static [On] {
        &[On::Embedded, On::Kafka1]
    }

    async fn measure(&self, on: On, scale: Scale) -> Result<Vec<Line>> {
        let messages = scale.pick(1_000_000, 2_000);
        let pages = scale.pick(4_000, 40);
        let (turns, database) = match on {
            On::Embedded => (on_sqlite(scale, messages, pages).await?, "SQLite"),
            On::Kafka1 | On::Kafka3 => (on_postgres(scale, messages, pages).await?, "Postgres"),
        };
        let line = |(index, name, target)| {
            Ok(Line {
                what: format!("a page of {PAGE} from {messages} messages, {database}, {name}"),
                unit: Unit::Seconds,
                figure: turns.ours.median(index)?,
                limit: Some(turns.limit.median(index)?),
                target,
                load: turns.load.clone(),
            })
        };
        [(0, "p50", Target::Reported), (1, "p99", Target::LimitTimesAtMost(TIMES_MAX))].into_iter().map(line).collect()
    }
}

async fn on_postgres(scale: Scale, messages: usize, pages: usize) -> Result<Turns> {
    const STATEMENT: &str = page!("json_agg(json_build_array(g.emoji, g.total, g.mine))::text");
    let schema = Schema::make().await?;
    let pool = schema.pool().await?;
    let room = format!("'{ROOM}'::uuid");
    let fill = [
        format!(
            "INSERT INTO messages SELECT {room}, n, 'person-' || n % 1000, 1790000000000 + n, NULL, \
             'message ' || n || repeat(' and so on', (n % 20)::int), NULL, NULL, NULL, n + 1 FROM generate_series(1, {messages}) AS n"
        ),
        // Every tenth has three reactions.
        format!(
            "INSERT INTO reactions SELECT {room}, n, '👍', 'person-' || r, TRUE, n + 1 \
             FROM generate_series(1, {messages}, 10) AS n, generate_series(1, 3) AS r"
        ),
        "VACUUM ANALYZE messages, reactions".to_owned(),
    ];
    for statement in fill {
        sqlx::query(AssertSqlSafe(statement)).execute(&pool).await?;
    }
    let bare = async |number| {
        let query = sqlx::query(STATEMENT).bind(VIEWER).bind(ROOM).bind(number).bind(i64::from(PAGE) + 1);
        anyhow::Ok(query.fetch_all(&pool).await?.len())
    };
    let turns = turns(scale, messages, pages, &*schema.timeline, bare).await;
    pool.close().await;
    schema.remove().await?;
    turns
}

async fn on_sqlite(scale: Scale, messages: usize, pages: usize) -> Result<Turns> {
    const STATEMENT: &str = page!("json_group_array(json_array(g.emoji, g.total, g.mine))");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("timeline.db");
    let timeline = sqlite::open(&file).await?;
    let options = SqliteConnectOptions::new().filename(&file).pragma("cache_size", "-8192");
    // As many as the adapter reads with.
    let pool = SqlitePoolOptions::new().max_connections(4).test_before_acquire(false).connect_with(options).await?;
    let room = format!("unhex('{}')", ROOM.simple());
    let numbers = |step: u32| {
        format!("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + {step} FROM numbers WHERE n + {step} <= {messages})")
    };
    let fill = [
        format!(
            "{} INSERT INTO messages SELECT {room}, n, 'person-' || n % 1000, 1790000000000 + n, NULL, \
             'message ' || n || substr(hex(zeroblob(100)), 1, n % 20 * 10), NULL, NULL, NULL, n + 1 FROM numbers",
            numbers(1)
        ),
        format!(
            "{} INSERT INTO reactions SELECT {room}, n, '👍', 'person-' || r, TRUE, n + 1 FROM numbers, \
             (SELECT 1 AS r UNION SELECT 2 UNION SELECT 3)",
            numbers(10)
        ),
        "ANALYZE".to_owned(),
    ];
    for statement in fill {
        sqlx::query(AssertSqlSafe(statement)).execute(&pool).await?;
    }
    let bare = async |number| {
        let query = sqlx::query(STATEMENT).bind(VIEWER).bind(ROOM).bind(number).bind(i64::from(PAGE) + 1);
        anyhow::Ok(query.fetch_all(&pool).await?.len())
    };
    let turns = turns(scale, messages, pages, &*timeline, bare).await;
    pool.close().await;
    turns
}

/// Both sides in turns, each `pages` pages from anywhere in the room, after as many that warm up.
async fn turns(
    scale: Scale,
    messages: usize,
    pages: usize,
    timeline: &dyn Timeline,
    bare: impl AsyncFn(i64) -> Result<usize>,
) -> Result<Turns> {
    let (room, viewer) = (RoomId::from_uuid(ROOM), UserId::parse(VIEWER)?);
    let ours = async |number: i64| {
        let page = timeline.messages(room, Direction::Before(number.cast_unsigned()), PAGE, &viewer).await?;
        anyhow::Ok(page.items.len() + usize::from(page.more))
    };
    let (ours, bare) = (&ours, &bare);
    read(messages, pages, ours).await?;
    read(messages, pages, bare).await?;
    in_turns(scale, async || read(messages, pages, ours).await, async || read(messages, pages, bare).await).await
}

/// Reads pages with [`READERS`] at once; p50 and p99 of what one took.
async fn read(messages: usize, pages: usize, page: impl AsyncFn(i64) -> Result<usize>) -> Result<Vec<f64>> {
    let next = AtomicUsize::new(0);
    let reader = async || {
        let mut took = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= pages {
                return anyhow::Ok(took);
            }
            // The same pages on both sides.
            let mut random = StdRng::seed_from_u64(index as u64);
            let number = i64::try_from(random.random_range(messages / 2..messages))?;
            let began = Instant::now();
            let rows = page(number).await?;
            took.push(began.elapsed());
            ensure!(rows == PAGE as usize + 1, "a page of {rows}");
        }
    };
    let took = futures_util::future::try_join_all((0..READERS).map(|_| reader())).await?;
    let took = Latencies::of(took.into_iter().flatten().collect());
    Ok(vec![took.quantile(0.5)?, took.quantile(0.99)?])
}
