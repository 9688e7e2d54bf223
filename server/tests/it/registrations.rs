//! Registration with the orchestrator and auth-api killed between every two steps: `POST /user` ends with somebody who is registered and
//! able to sign in, or with nothing left behind.

use anyhow::{Result, ensure};
use domain::UserId;
use domain::saga::SagaId;
use infra::credentials::Progress;
use orchestrator::testing::Moments;
use uuid::Uuid;

use crate::world::{System, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_any_two_steps_a_registration_ends_whole_or_leaves_nothing() -> Result<()> {
    let system = System::start().await?;
    for fatal in 1_usize.. {
        let mut died = false;
        for taken in [false, true] {
            let user = UserId::parse(&format!("person-{fatal}-{taken}"))?;
            if taken {
                system.take_id(&user).await?;
            }
            died |= lived_through(&system, &user, taken, fatal).await?;
        }
        if !died {
            ensure!(fatal > 10, "a registration has more moments than {fatal}");
            break;
        }
    }
    system.cluster.stop().await;
    Ok(())
}

/// Registers `user` in a process that dies at the moment `fatal`, and goes on in one that lives. Says whether the first one died.
async fn lived_through(system: &System, user: &UserId, taken: bool, fatal: usize) -> Result<bool> {
    let key = Uuid::from_u128(1);
    let saga = SagaId::of_registration(user, key);
    let over = async || {
        let told = system.credentials.registration(saga).await?.is_some_and(|known| known.progress != Progress::Pending);
        let sagas = system.state.find(&[saga]).await?;
        Ok(told && sagas.iter().any(|saga| saga.due_at.is_none()))
    };
    let moments = Moments::new(fatal);
    let process = system.process(&moments).await?;
    let asked = process.register(user, key).await?;
    ensure!(asked == 202, "{user} was answered {asked}");
    tokio::select! {
        () = moments.died() => {}
        settled = until(&over) => settled?,
    }
    let died = moments.dead();
    process.kill().await;

    let process = system.process(&Moments::new(0)).await?;
    until(&over).await?;
    let (account, signs_in) = (system.credentials.account(user).await?, process.can_sign_in(user).await?);
    ensure!(system.exists(user).await?, "{user}, killed at {fatal}, is not in the log");
    if taken {
        ensure!(
            account.is_none() && !signs_in,
            "{user} is somebody else's; killed at {fatal}, something is left behind: {account:?}"
        );
    } else {
        ensure!(signs_in, "{user}, killed at {fatal}, cannot sign in: {account:?}");
    }
    process.kill().await;
    Ok(died)
}
