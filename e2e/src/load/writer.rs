//! One writer: says what its script says, edits, deletes and reacts now and then, and insists on every command until its outcome
//! is known.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::progress::Place;
use super::script::Said;
use super::{Ground, Room};
use crate::journal::{Deed, Outcome, What};
use crate::person::{Person, key};

/// How long one request may take before the client gives up on it and asks another node.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a writer insists on one command.
const INSIST: Duration = Duration::from_secs(180);
/// Between two attempts, at most.
const PAUSE_MS_MAX: u64 = 200;
/// Own messages that a writer remembers, to edit, delete or react to.
const REMEMBERED: usize = 20;
const EMOJIS: &[&str] = &["👍", "❤️", "😂", "🇰🇷"];

pub(super) struct Writer {
    place: usize,
    person: Person,
    said: Vec<Said>,
    rooms: Arc<[Room]>,
    ground: Arc<Ground>,
    own: VecDeque<Own>,
    random: StdRng,
}

/// A message that the writer sent.
struct Own {
    room: String,
    number: u64,
    reaction: Option<&'static str>,
}

/// A command, ready to be sent any number of times.
struct Request {
    key: Uuid,
    room: String,
    what: What,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Writer {
    pub fn new(place: usize, person: Person, said: Vec<Said>, rooms: Arc<[Room]>, ground: Arc<Ground>) -> Self {
        let random = StdRng::seed_from_u64(ground.seed.wrapping_add(place as u64));
        Self { place, person, said, rooms, ground, own: VecDeque::new(), random }
    }

    /// Works until it is told to stop, and finishes what it has begun.
    pub async fn work(mut self, stop: CancellationToken) -> Result<()> {
        let first = self.random.random_range(0..self.said.len());
        let mut said = std::mem::take(&mut self.said);
        said.rotate_left(first);
        for line in said.iter().cycle() {
            let pause = self.ground.pause.mul_f64(self.random.random_range(0.5..1.5));
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
            let (act, again) = (self.random.random_range(0..100), self.random.random_range(0..100));
            let request = self.request(act, line);
            match again {
                // At once to two nodes, as an impatient client does.
                0..3 => {
                    let (one, other) = tokio::join!(self.insist(&request, 0), self.insist(&request, 1));
                    one?;
                    other?;
                }
                // Again after the answer, as a client does that lost it.
                3..8 => {
                    self.insist(&request, self.place).await?;
                    self.insist(&request, self.place + 1).await?;
                }
                _ => {
                    let outcome = self.insist(&request, self.place).await?;
                    self.remember(&request, &outcome);
                }
            }
        }
        Ok(())
    }

    /// What to do next: mostly what the script says; sometimes something to an own message.
    fn request(&mut self, act: u32, line: &Said) -> Request {
        let of_message = |own: &Own| format!("/chat/rooms/{}/messages/{}", own.room, own.number);
        let own = self.random.random_range(0..=REMEMBERED);
        let key = key();
        // Never the same text twice for one message: that would change nothing, and be no event.
        let again = format!("{} ({})", line.text, key.simple());
        if let Some(own) = self.own.get_mut(own).filter(|_| act < 24) {
            let (room, number, path) = (own.room.clone(), own.number, of_message(own));
            let request = |what, method, path, body| Request { key, room, what, method, path, body };
            return match (act, own.reaction) {
                (0..8, _) => {
                    let body = json!({ "text": again });
                    request(What::Edit { number, text: again }, Method::PATCH, path, Some(body))
                }
                (8..20, None) => {
                    let emoji = EMOJIS.choose(&mut self.random).copied().unwrap_or("👍");
                    own.reaction = Some(emoji);
                    request(What::React { number, emoji: emoji.into() }, Method::PUT, format!("{path}/reactions/{emoji}"), None)
                }
                (8..20, Some(emoji)) => {
                    own.reaction = None;
                    request(
                        What::Unreact { number, emoji: emoji.into() },
                        Method::DELETE,
                        format!("{path}/reactions/{emoji}"),
                        None,
                    )
                }
                _ => {
                    let request = request(What::Delete { number }, Method::DELETE, path, None);
                    self.own.retain(|own| (&own.room, own.number) != (&request.room, number));
                    request
                }
            };
        }
        // People are other streams, in partitions that another node may own.
        if (24..34).contains(&act) {
            let (room, status) = (self.person.id.clone(), key.to_string());
            let (path, body) = ("/chat/people/me".to_owned(), json!({ "statusText": status }));
            return Request { key, room, what: What::Profile { status }, method: Method::PATCH, path, body: Some(body) };
        }
        let room = self.rooms.get(line.room).map(|room| room.id.clone()).unwrap_or_default();
        let (path, body) = (format!("/chat/rooms/{room}/messages"), json!({ "text": line.text }));
        Request { key, room, what: What::Send { text: line.text.clone() }, method: Method::POST, path, body: Some(body) }
    }

    fn remember(&mut self, request: &Request, outcome: &Outcome) {
        if let (What::Send { .. }, Outcome::Acknowledged { number: Some(number), .. }) = (&request.what, outcome) {
            self.own.push_front(Own { room: request.room.clone(), number: *number, reaction: None });
            self.own.truncate(REMEMBERED);
        }
    }

    /// Repeats the request at one node after the other until its outcome is known, and journals it.
    async fn insist(&self, request: &Request, first: usize) -> Result<Outcome> {
        let progress = &self.ground.progress;
        let (asked_us, began) = (progress.now_us(), Instant::now());
        progress.waits(self.place, asked_us);
        let (mut attempts, mut outcome, mut place) = (0, Outcome::Unknown, None);
        for node in self.ground.command.iter().cycle().skip(first % self.ground.command.len().max(1)) {
            attempts += 1;
            if let Some(known) = self.attempt(request, node).await {
                (outcome, place) = known;
                break;
            }
            if began.elapsed() > INSIST {
                break;
            }
            tokio::time::sleep(infra::random::jitter(Duration::from_millis(PAUSE_MS_MAX))).await;
        }
        let deed = Deed {
            key: request.key,
            actor: self.person.id.clone(),
            room: request.room.clone(),
            what: request.what.clone(),
            asked_us,
            answered_us: progress.now_us(),
            attempts,
            outcome,
        };
        self.ground.deeds.keep(&deed).await?;
        match place {
            Some(place) => progress.answered(self.place, asked_us, &place),
            None => progress.gave_up(self.place),
        }
        Ok(deed.outcome)
    }

    /// One request; nothing when its outcome is not known.
    async fn attempt(&self, request: &Request, node: &str) -> Option<(Outcome, Option<Place>)> {
        let mut person = self.person.clone();
        node.clone_into(&mut person.at.command);
        let asked = person.command(request.method.clone(), &request.path, request.body.as_ref(), request.key);
        let answer = tokio::time::timeout(ATTEMPT, asked).await.ok()?.ok()?;
        if answer.status.is_success() {
            let version = answer.number("/version").ok()?;
            let partition = answer.read_token.as_deref().and_then(partition_of)?;
            let room = (!matches!(request.what, What::Profile { .. })).then(|| request.room.clone());
            let place = Place { room, version, partition };
            return Some((Outcome::Acknowledged { number: answer.number("/number").ok(), version }, Some(place)));
        }
        let again = [StatusCode::UNAUTHORIZED, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        let is_open = answer.status.is_server_error() || again.contains(&answer.status);
        (!is_open).then(|| (Outcome::Refused { code: format!("{} {}", answer.status.as_u16(), answer.code()) }, None))
    }

    /// Creates a room, or becomes a member of it: commands like any other, journaled as they are.
    pub async fn enter(&self, room: Option<&Room>, name: &str) -> Result<Room> {
        let key = key();
        let request = match room {
            Some(Room { id }) => Request {
                key,
                room: id.clone(),
                what: What::Join,
                method: Method::PUT,
                path: format!("/chat/rooms/{id}/members/me"),
                body: Some(json!({})),
            },
            None => {
                // The room's id is what the answer says; a first, unjournaled request with the same key asks for it.
                let body = json!({ "kind": "public", "name": name });
                let answer = self.person.insist(&self.ground.command, Method::POST, "/chat/rooms", Some(&body), key).await?;
                let room = answer.text("/roomId")?.to_owned();
                Request { key, room, what: What::Create, method: Method::POST, path: "/chat/rooms".into(), body: Some(body) }
            }
        };
        let outcome = self.insist(&request, self.place).await?;
        ensure!(matches!(outcome, Outcome::Acknowledged { .. }), "{name}: {outcome:?}");
        Ok(Room { id: request.room })
    }
}

/// Topic and partition of a read token such as `r3.812`.
fn partition_of(token: &str) -> Option<String> {
    token.split('.').next().map(str::to_owned)
}
