//! Sagas about rooms, over all services: who leaves for good, and whom a block parts.

use anyhow::{Context as _, Result, ensure};
use command_api::bus::Fault;
use domain::command::{Body, Facts};
use domain::ids::Pair;
use domain::room::{self, Kind, Role};
use domain::saga::{DeactivationRequested, Message, SagaId, Step};
use domain::text::{MessageText, RoomName};
use domain::{CommandId, RoomId, StreamId, UserId, relation};
use infra::clock::Clock as _;
use infra::saga_state::Progress;
use orchestrator::testing::Moments;

use crate::world::{System, until};

fn id(name: &str) -> Result<UserId> {
    Ok(UserId::parse(name)?)
}

fn fresh_id() -> CommandId {
    CommandId::from_uuid(infra::random::uuid_v7())
}

fn facts(active: &[&str]) -> Result<Facts> {
    Ok(Facts { active_users: active.iter().map(|name| id(name)).collect::<Result<_>>()?, ..Facts::default() })
}

async fn create(system: &System, kind: Kind, owner: &str, others: &[&str]) -> Result<RoomId> {
    let (command, actor) = (fresh_id(), id(owner)?);
    let members = others.iter().map(|name| id(name)).collect::<Result<Vec<_>>>()?;
    let (room, name) = match (kind, members.first()) {
        (Kind::Direct, Some(other)) => (RoomId::of_direct(&actor, other), None),
        _ => (RoomId::of_creation(&actor, command), Some(RoomName::parse("hall")?)),
    };
    let (topic, created_at, facts) = (None, None, facts(others)?);
    let body = room::Command::Create { kind, name, topic, members, created_at, facts };
    system.command(&actor, command, StreamId::Room(room), Body::Room(body)).await??;
    Ok(room)
}

async fn in_room(system: &System, actor: &str, room: RoomId, body: room::Command) -> Result<std::result::Result<(), Fault>> {
    Ok(system.command(&id(actor)?, fresh_id(), StreamId::Room(room), Body::Room(body)).await?.map(drop))
}

async fn say(system: &System, actor: &str, room: RoomId) -> Result<std::result::Result<(), Fault>> {
    let text = MessageText::parse("hello")?;
    let body = room::Command::SendMessage { text, reply_to: None, mentions: Vec::new(), facts: Facts::default(), sent_at: None };
    in_room(system, actor, room, body).await
}

async fn relate(system: &System, actor: &str, other: &str, body: relation::Command) -> Result<()> {
    let (actor, other) = (id(actor)?, id(other)?);
    let pair = Pair::of(&actor, &other).context("one person")?;
    system.command(&actor, fresh_id(), StreamId::Relation(pair), Body::Relation(body)).await??;
    Ok(())
}

fn refused(outcome: &std::result::Result<(), Fault>) -> Option<&'static str> {
    match outcome {
        Err(Fault::Refused(refusal)) => Some(refusal.code()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_for_good_is_in_no_room_any_more_and_a_last_owner_hands_over_or_archives() -> Result<()> {
    let system = System::start().await?;
    for name in ["ann", "bob", "mona"] {
        system.take_id(&id(name)?).await?;
    }
    let public = create(&system, Kind::Public, "bob", &["ann"]).await?;
    let moderated = create(&system, Kind::Private, "ann", &["bob", "mona"]).await?;
    let promote = room::Command::ChangeRole { user: id("mona")?, role: Role::Moderator };
    in_room(&system, "ann", moderated, promote).await??;
    let alone = create(&system, Kind::Private, "ann", &["bob"]).await?;

    let process = system.process(&Moments::new(0)).await?;
    let user_id = id("ann")?;
    let saga = SagaId::of_deactivation(&user_id);
    system.ask(saga, Message::DeactivationRequested(DeactivationRequested { user_id: user_id.clone() })).await?;
    until(async || {
        let found = system.state.find(&[saga]).await?;
        let now = system.clock.now();
        if found.iter().any(|saga| saga.due_at.is_some_and(|due| due > now)) {
            system.clock.pass(20_000);
        }
        Ok(found.iter().any(|saga| saga.progress == Progress::Completed))
    })
    .await?;

    ensure!(!system.exists(&user_id).await?, "she is active still");
    let role = async |room, name: &str| -> Result<Option<Role>> { system.role(room, &id(name)?).await };
    ensure!(role(public, "ann").await?.is_none() && role(moderated, "ann").await?.is_none(), "she is in a room still");
    ensure!(role(moderated, "mona").await? == Some(Role::Owner), "the moderator is the owner now");
    let outcome = say(&system, "bob", alone).await?;
    ensure!(refused(&outcome) == Some("room-archived"), "{outcome:?}");
    process.kill().await;
    system.cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_closes_the_direct_room_even_one_that_is_just_being_made_and_the_last_unblock_reopens_it() -> Result<()> {
    let system = System::start().await?;
    for name in ["ann", "bob", "zoe"] {
        system.take_id(&id(name)?).await?;
    }
    let room = create(&system, Kind::Direct, "ann", &["bob"]).await?;
    say(&system, "bob", room).await??;
    // Ann would keep the room open by taking the ids of the commands that close it: everybody can compute them.
    let pair = Pair::of(&id("ann")?, &id("bob")?).context("one person")?;
    for occasion in 1..=4 {
        let taken = SagaId::of_direct_room(&pair).command(&Step::CloseRoom(room, occasion));
        let text = MessageText::parse("mine")?;
        let body =
            room::Command::SendMessage { text, reply_to: None, mentions: Vec::new(), facts: Facts::default(), sent_at: None };
        let outcome = system.command(&id("ann")?, taken, StreamId::Room(room), Body::Room(body)).await?;
        ensure!(matches!(outcome, Err(Fault::NotAllowed)), "{outcome:?}");
    }
    let process = system.process(&Moments::new(0)).await?;
    let closed = async |room| anyhow::Ok(refused(&say(&system, "bob", room).await?) == Some("room-closed"));
    relate(&system, "ann", "bob", relation::Command::Block { facts: facts(&["bob"])? }).await?;
    until(async || closed(room).await).await?;
    relate(&system, "bob", "ann", relation::Command::Block { facts: facts(&["ann"])? }).await?;
    relate(&system, "ann", "bob", relation::Command::Unblock).await?;
    ensure!(closed(room).await?, "one block is left");
    relate(&system, "bob", "ann", relation::Command::Unblock).await?;
    until(async || Ok(say(&system, "bob", room).await?.is_ok())).await?;

    // Zoe blocks Bob, whose command to make their room has not heard of it.
    relate(&system, "zoe", "bob", relation::Command::Block { facts: facts(&["bob"])? }).await?;
    let pair = Pair::of(&id("zoe")?, &id("bob")?).context("one person")?;
    let saga = SagaId::of_direct_room(&pair);
    until(async || Ok(system.state.find(&[saga]).await?.iter().any(|saga| saga.step_name.as_deref() == Some("wait")))).await?;
    let late = create(&system, Kind::Direct, "bob", &["zoe"]).await?;
    say(&system, "bob", late).await??;
    system.clock.pass(20_000);
    until(async || closed(late).await).await?;
    process.kill().await;
    system.cluster.stop().await;
    Ok(())
}
