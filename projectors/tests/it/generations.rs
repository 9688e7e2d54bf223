//! Generations for tests: one alone, and ones that die or refuse at a step that the test chooses.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use infra::log::TopicPartition;
use infra::read_model::generations::{Control, Generation, Generations, Stated};
use infra::read_model::{Changes, Fault, Timeline};
use tokio::sync::Semaphore;

use crate::faulty::{Act, Faulty};

/// A read model of which there is one generation and never another.
pub struct Fixed(pub Arc<dyn Timeline>);

#[async_trait]
impl Generations for Fixed {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }
    async fn control(&self) -> Result<Stated, Fault> {
        Ok(Stated { revision: 1, control: Control::default() })
    }
    async fn decide(&self, _: u64, next: &Control) -> Result<bool, Fault> {
        panic!("nobody asked for anything, and yet it was decided: {next:?}")
    }
    async fn open(&self, generation: Generation) -> Result<Arc<dyn Timeline>, Fault> {
        assert_eq!(generation, Generation::FIRST);
        Ok(Arc::clone(&self.0))
    }
    async fn remove(&self, generation: Generation) -> Result<(), Fault> {
        panic!("{generation} was taken away")
    }
}

/// Decides about a batch by its generation and its rows.
type Plan = dyn Fn(Generation, &Changes) -> Act + Send + Sync;

/// Generations whose batches go by a plan.
pub struct Planned {
    pub inner: Arc<dyn Generations>,
    pub plan: Arc<Plan>,
}

#[async_trait]
impl Generations for Planned {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn control(&self) -> Result<Stated, Fault> {
        self.inner.control().await
    }
    async fn decide(&self, expected: u64, next: &Control) -> Result<bool, Fault> {
        self.inner.decide(expected, next).await
    }
    async fn open(&self, generation: Generation) -> Result<Arc<dyn Timeline>, Fault> {
        let plan = Arc::clone(&self.plan);
        let act = move |changes: &Changes, _: TopicPartition, _| plan(generation, changes);
        Ok(Faulty::new(&self.inner.open(generation).await?, act))
    }
    async fn remove(&self, generation: Generation) -> Result<(), Fault> {
        self.inner.remove(generation).await
    }
}

/// When to die: at which step from now, and whether after or before it is done.
type Appointment = Option<(u64, bool)>;

/// Generations that die at one step of all that change anything: a decision, an opening, a batch, a removal.
pub struct Mortal {
    inner: Arc<dyn Generations>,
    appointment: Arc<Mutex<Appointment>>,
    /// Gets a permit when it has died.
    pub struck: Arc<Semaphore>,
}

impl Mortal {
    pub fn new(inner: &Arc<dyn Generations>) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), appointment: Arc::default(), struck: Arc::new(Semaphore::new(0)) })
    }

    pub fn die_at(&self, step: u64, after: bool) {
        *self.appointment.lock().unwrap() = Some((step, after));
    }

    async fn step<T>(&self, work: impl Future<Output = T>) -> T {
        let turn = turn(&self.appointment);
        if turn == Some(false) {
            self.die().await;
        }
        let done = work.await;
        if turn == Some(true) {
            self.die().await;
        }
        done
    }

    async fn die(&self) {
        self.struck.add_permits(1);
        std::future::pending().await
    }
}

/// Counts a step; says whether to die at it, and if after it is done.
fn turn(appointment: &Mutex<Appointment>) -> Option<bool> {
    let mut appointment = appointment.lock().unwrap();
    match *appointment {
        Some((0, after)) => {
            *appointment = None;
            Some(after)
        }
        Some((left, after)) => {
            *appointment = Some((left - 1, after));
            None
        }
        None => None,
    }
}

#[async_trait]
impl Generations for Mortal {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn control(&self) -> Result<Stated, Fault> {
        self.inner.control().await
    }
    async fn decide(&self, expected: u64, next: &Control) -> Result<bool, Fault> {
        self.step(self.inner.decide(expected, next)).await
    }
    async fn open(&self, generation: Generation) -> Result<Arc<dyn Timeline>, Fault> {
        let opened = self.step(self.inner.open(generation)).await?;
        let appointment = Arc::clone(&self.appointment);
        let plan = move |_: &Changes, _: TopicPartition, _| match turn(&appointment) {
            None => Act::Pass,
            Some(false) => Act::DieBefore,
            Some(true) => Act::DieAfter,
        };
        Ok(Faulty::striking(&opened, plan, Arc::clone(&self.struck)))
    }
    async fn remove(&self, generation: Generation) -> Result<(), Fault> {
        self.step(self.inner.remove(generation)).await
    }
}
