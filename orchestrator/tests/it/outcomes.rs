//! What an outcome that nobody knows leads to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::saga::{Message, RegistrationPersonal, RegistrationRequested, SagaId};
use domain::text::UserName;
use infra::saga_state::Progress;
use orchestrator::act::{Act, Attempt};
use orchestrator::process::Effect;
use orchestrator::run::Run;
use orchestrator::testing::Moments;
use uuid::Uuid;

use crate::system::id;
use crate::world::World;

/// Loses what is heard of the first attempts.
struct Deaf {
    inner: Arc<dyn Act>,
    heard: AtomicUsize,
    /// Whether a lost attempt was carried out.
    made: bool,
}

/// How many attempts are lost.
const LOST: usize = 4;

#[async_trait]
impl Act for Deaf {
    async fn attempt(&self, run: &Run, effect: &Effect) -> Attempt {
        if self.heard.fetch_add(1, Ordering::SeqCst) >= LOST {
            return self.inner.attempt(run, effect).await;
        }
        if self.made {
            self.inner.attempt(run, effect).await;
            return Attempt::Unknown("no answer".to_owned());
        }
        Attempt::NotMade("nobody there".to_owned())
    }
}

async fn registered(made: bool) -> (World, infra::saga_state::Saga) {
    let world = World::new().await;
    let user_id = id("ann");
    let saga = SagaId::of_registration(&user_id, Uuid::nil());
    let personal = RegistrationPersonal { user_name: UserName::parse("Ann").unwrap() };
    world.ask(saga, Message::RegistrationRequested(RegistrationRequested { user_id, personal })).await;
    let inner = Arc::clone(&world.system) as Arc<dyn Act>;
    let deaf = Arc::new(Deaf { inner, heard: AtomicUsize::new(0), made });
    world.run_with(Arc::clone(&world.state), deaf, &Moments::new(0)).await;
    let saga = world.all().await.pop().unwrap();
    (world, saga)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_repeats_the_step_with_its_command_and_never_compensates() {
    for made in [true, false] {
        let (world, saga) = registered(made).await;
        assert_eq!(saga.progress, Progress::Completed);
        {
            let state = world.system.state();
            assert_eq!(state.executed.values().collect::<Vec<_>>(), [&1]);
            assert!(matches!(state.told.values().collect::<Vec<_>>()[..], [Message::PersonRegistered(_)]));
        }
        let steps = world.state.steps(saga.id, 10).await.unwrap();
        let attempts: Vec<_> = steps.iter().map(|step| (step.name.as_str(), step.attempts as usize)).collect();
        assert_eq!(attempts, [("register-user", LOST + 1), ("tell/sarangbang.saga.person-registered.v1", 1)]);
    }
}
