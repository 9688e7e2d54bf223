//! Another generation of the read model becomes live while queries and sockets go on.

use domain::RoomId;
use domain::room::{Event, Kind, MessageEdited};
use infra::read_model::generations::{Control, Generation};

use super::chain::{facts, sent};
use crate::fixture::{Projector, World, created, until};

const TWO: Generation = Generation::FIRST.next();

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_waits_for_the_generation_that_it_reads_and_sockets_go_on() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    world.writer.write(room, sent(1, "first")).await;
    let (path, after) = (format!("/chat/rooms/{room}"), world.writer.read_token(room));
    assert_eq!(world.get("bob", &path, &after).await.0, 200);
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, None).await;
    assert_eq!(bob.frame().await["version"], 2);

    // Nothing has been written to it: sooner than it would ever be switched to, so that a mistake shows.
    let second = world.generations.open(TWO).await.unwrap();
    let stated = world.generations.control().await.unwrap();
    let next = Control { live: TWO, old: Some(Generation::FIRST), last: TWO, ..stated.control };
    assert!(world.generations.decide(stated.revision, &next).await.unwrap());
    until("queries are answered from the new generation", async || world.get("bob", &path, "").await.0 == 404).await;
    // The first generation has come that far, and this service knows it; but that is not what is read now.
    let (status, problem) = world.get("bob", &path, &after).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (503, Some("read-model-behind")), "{problem}");
    world.writer.write(room, sent(2, "second")).await;
    assert_eq!(bob.frame().await["message"]["text"], "second");

    let _projector = Projector::start(&world.log, &second, &world.cancel);
    until("the new generation is there", async || world.get("bob", &path, &world.writer.read_token(room)).await.0 == 200).await;
    let edit = Event::MessageEdited(MessageEdited { message: facts(1, "edited"), mentions_dropped: Vec::new() });
    world.writer.write(room, edit).await;
    // Its reactions come from the new generation.
    let frame = bob.frame().await;
    assert_eq!((frame["message"]["text"].as_str(), frame["previousVersion"].as_u64()), (Some("edited"), Some(3)), "{frame}");
    let mut late = world.connect("bob").await;
    late.subscribe(room, Some(2)).await;
    assert_eq!(late.frame().await["type"], "subscribed");
    assert_eq!(late.frame().await["previousVersion"], 2);
    assert_eq!(world.state("bob", room).await.messages.len(), 2);
}
