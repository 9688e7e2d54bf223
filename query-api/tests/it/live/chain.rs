//! No gap, no duplicate, no reorder: over reconnects, while traffic goes on, with a read model that lags.

use domain::room::{Event, MessageSent, Reaction, Role};
use domain::room::{Kind, Member, MemberGone, MembersAdded, MessageDeleted, MessageEdited, MessageFacts, MessagePersonal};
use domain::text::{Emoji, MessageText};
use domain::{RoomId, Timestamp};
use infra::clock::{Clock, SystemClock};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::fixture::{Client, Fold, World, created, details, id, joined};

pub fn facts(number: u64, text: &str) -> MessageFacts {
    MessageFacts {
        number,
        author: id("ann"),
        sent_at: Timestamp::default(),
        reply_to: None,
        mentions: Vec::new(),
        edited_at: None,
        personal: MessagePersonal { text: MessageText::parse(text).unwrap() },
    }
}
pub fn sent(number: u64, text: &str) -> Event {
    Event::MessageSent(MessageSent { message: facts(number, text) })
}

/// A random life of a room, with what must be known for the next event to make sense.
struct Life {
    random: StdRng,
    /// Text and whether it was edited; nothing once deleted.
    messages: Vec<Option<(String, bool)>>,
    reactions: Vec<(usize, &'static str, &'static str)>,
    guests: Vec<&'static str>,
    name: u32,
}

const EMOJIS: [&str; 3] = ["👍", "🎉", "😢"];
const PEOPLE: [&str; 3] = ["ann", "bob", "cid"];

impl Life {
    fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { random, messages: Vec::new(), reactions: Vec::new(), guests: Vec::new(), name: 0 }
    }

    fn next(&mut self) -> Event {
        let at = if self.messages.is_empty() { 0 } else { self.random.random_range(0..self.messages.len()) };
        let number = at as u64 + 1;
        match (self.random.random_range(0..10), self.messages.get(at).cloned().flatten()) {
            (0, Some((_, _))) => {
                let text = format!("edited {}", self.random.random::<u16>());
                self.messages[at] = Some((text.clone(), true));
                Event::MessageEdited(MessageEdited { message: edited(number, &text, true), mentions_dropped: Vec::new() })
            }
            (1, Some(_)) => {
                self.messages[at] = None;
                self.reactions.retain(|(of, ..)| *of != at);
                Event::MessageDeleted(MessageDeleted {
                    number,
                    author: id("ann"),
                    sent_at: Timestamp::default(),
                    reply_to: None,
                    deleted_by: id("ann"),
                    deleted_at: SystemClock.now(),
                })
            }
            (2..=4, Some((text, was_edited))) => {
                let emoji = EMOJIS[self.random.random_range(0..EMOJIS.len())];
                let user = PEOPLE[self.random.random_range(0..PEOPLE.len())];
                let reaction = Reaction {
                    message: edited(number, &text, was_edited),
                    user_id: id(user),
                    emoji: Emoji::parse(emoji).unwrap(),
                };
                match self.reactions.iter().position(|known| *known == (at, emoji, user)) {
                    Some(known) => {
                        self.reactions.remove(known);
                        Event::ReactionRemoved(reaction)
                    }
                    None => {
                        self.reactions.push((at, emoji, user));
                        Event::ReactionAdded(reaction)
                    }
                }
            }
            (5, _) => {
                self.name += 1;
                Event::Renamed(details(Kind::Private, &format!("name {}", self.name)))
            }
            (6, _) if self.guests.is_empty() => {
                self.guests = vec!["dan", "eve"];
                Event::MembersAdded(MembersAdded { members: self.guests.iter().map(|user| joined(user, Role::Member)).collect() })
            }
            (6, _) => Event::MemberLeft(MemberGone { user_id: id(self.guests.pop().unwrap()) }),
            (7, _) => {
                let role = if self.random.random() { Role::Moderator } else { Role::Member };
                Event::RoleChanged(Member { role, ..joined("cid", role) })
            }
            _ => {
                let text = format!("text {}", self.random.random::<u16>());
                self.messages.push(Some((text.clone(), false)));
                sent(self.messages.len() as u64, &text)
            }
        }
    }
}

fn edited(number: u64, text: &str, was_edited: bool) -> MessageFacts {
    MessageFacts { edited_at: was_edited.then_some(Timestamp::default()), ..facts(number, text) }
}

/// Takes frames until the room is at `version`.
async fn follow(client: &mut Client, fold: &mut Fold, version: u64) {
    while fold.version < version {
        fold.take(&client.frame().await);
    }
}

fn seed() -> u64 {
    let seed = std::env::var("SARANGBANG_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(infra::random::uuid_v4().as_fields().0));
    println!("SARANGBANG_SEED={seed}");
    seed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_arrives_with_the_version_after_the_last() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "kitchen");
    world.writer.write(room, created(Kind::Private, "kitchen", &["bob"])).await;
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, None).await;
    assert_eq!(bob.frame().await, serde_json::json!({"type": "subscribed", "room": room, "version": 1}));
    world.writer.write(room, sent(1, "hello")).await;
    let frame = bob.frame().await;
    assert_eq!(frame["type"], "message");
    assert_eq!((frame["previousVersion"].as_u64(), frame["version"].as_u64()), (Some(1), Some(2)));
    assert_eq!(frame["message"]["text"], "hello");
}

/// Whatever version a client has, it gets the rest as one chain, and ends with what the read model has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_resumes_at_every_version() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "every version");
    let mut life = Life::new(seed());
    world.writer.write(room, created(Kind::Private, "name 0", &["bob", "cid"])).await;
    let mut live = world.connect("bob").await;
    let mut fold = Fold::default();
    live.subscribe(room, Some(0)).await;
    follow(&mut live, &mut fold, 1).await;
    let mut folds = vec![Fold::default(), fold.clone()];
    for _ in 0..80 {
        let version = world.writer.write(room, life.next()).await;
        follow(&mut live, &mut fold, version).await;
        folds.push(fold.clone());
    }
    let state = world.state("bob", room).await;
    assert_eq!(fold, state, "followed live");
    for (version, mut fold) in folds.into_iter().enumerate() {
        let mut client = world.connect("bob").await;
        client.subscribe(room, Some(version as u64)).await;
        follow(&mut client, &mut fold, state.version).await;
        assert_eq!(fold, state, "resumed at {version}");
        assert!(client.settled().await.iter().all(|frame| frame["type"] == "subscribed"), "nothing twice");
    }
}

/// Clients come and go at random while the room lives and the read model stops and goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_disconnects_lose_nothing() {
    let seed = seed();
    let world = World::new().await;
    let room = RoomId::of_import("test", "random");
    world.writer.write(room, created(Kind::Private, "name 0", &["bob", "cid"])).await;
    let (mut life, mut random) = (Life::new(seed), StdRng::seed_from_u64(seed ^ 1));
    let mut clients: Vec<(&str, Option<Client>, Fold)> = PEOPLE.map(|user| (user, None, Fold::default())).into();
    for _ in 0..60 {
        for _ in 0..random.random_range(0..6) {
            world.writer.write(room, life.next()).await;
        }
        if random.random_bool(0.3) {
            world.projector.pause();
        } else {
            world.projector.resume();
        }
        let (user, client, fold) = &mut clients[random.random_range(0..PEOPLE.len())];
        match client.take() {
            None => {
                let mut fresh = world.connect(user).await;
                fresh.subscribe(room, Some(fold.version)).await;
                *client = Some(fresh);
            }
            Some(mut old) => {
                // Hears some of what came, then is gone, perhaps in the middle of a join.
                while let Ok(Some(Ok(message))) =
                    tokio::time::timeout(std::time::Duration::from_millis(5), futures_util::StreamExt::next(&mut old.socket))
                        .await
                {
                    if let Ok(text) = message.to_text() {
                        fold.take(&serde_json::from_str(text).unwrap());
                    }
                }
            }
        }
    }
    world.projector.resume();
    let state = world.state("bob", room).await;
    for (user, _, mut fold) in clients {
        // A subscription that waited too long for the paused read model was told so; every client begins once more.
        let mut client = world.connect(user).await;
        client.subscribe(room, Some(fold.version)).await;
        follow(&mut client, &mut fold, state.version).await;
        assert_eq!(fold, world.state(user, room).await, "{user}");
    }
}
