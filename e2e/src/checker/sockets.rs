//! The live feed: is each follower's chain unbroken, and is what it was told what was?

use std::collections::BTreeMap;

use serde_json::Value;

use super::evidence::RoomRead;
use super::replay::Replay;
use super::{Kind, Report};
use crate::journal::{Heard, Told};

/// One follower's knowledge of one room, as a client that obeys the protocol has it.
#[derive(Default)]
struct Known {
    /// The version held; nothing before the first subscription.
    held: Option<u64>,
    /// Where the chain began last: what is older was read, not told.
    begun: u64,
    /// Whether this socket follows the room: chained frames before `subscribed` are to be ignored.
    follows: bool,
    /// The last message told under each number.
    messages: BTreeMap<u64, Value>,
    /// The last role told of each member.
    members: BTreeMap<String, Value>,
}

/// Each follower's chain is unbroken over all its sockets, and in the end it knows the room as the queries show it.
pub fn chains(heard: &[Heard], rooms: &[RoomRead], report: &mut Report) {
    let mut followers: BTreeMap<&str, BTreeMap<String, Known>> = BTreeMap::new();
    for line in heard {
        let rooms = followers.entry(&line.follower).or_default();
        hear(&line.follower, &line.what, rooms, report);
    }
    report.count("followers", followers.len());
    for (follower, known) in &followers {
        for read in rooms {
            if let Some(known) = known.get(&read.room) {
                in_the_end(follower, known, read, report);
            }
        }
    }
}

fn hear(follower: &str, told: &Told, rooms: &mut BTreeMap<String, Known>, report: &mut Report) {
    match told {
        Told::Opened { .. } => report.count("sockets opened", 1),
        Told::Ended { .. } => rooms.values_mut().for_each(|room| room.follows = false),
        Told::Asked { room, after } => {
            let known = rooms.entry(room.clone()).or_default();
            known.follows = false;
            if known.held != *after {
                report.find(Kind::SocketGap, format!("{follower} holds {:?} of {room} and asked for {after:?}", known.held));
            }
        }
        Told::Anew { room, version } => {
            let known = rooms.entry(room.clone()).or_default();
            (known.held, known.begun) = (Some(*version), *version);
            report.count("rooms read anew after a resync", 1);
        }
        Told::Frame(frame) => frame_heard(follower, frame, rooms, report),
    }
}

fn frame_heard(follower: &str, frame: &Value, rooms: &mut BTreeMap<String, Known>, report: &mut Report) {
    let text = |name: &str| frame.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| frame.get(name).and_then(Value::as_u64);
    let Some(known) = rooms.get_mut(text("room")) else { return };
    match (text("type"), number("version")) {
        ("subscribed", Some(version)) => {
            known.follows = true;
            match known.held {
                None => (known.held, known.begun) = (Some(version), version),
                Some(held) if held != version => {
                    report.find(
                        Kind::SocketGap,
                        format!("{follower} resumed {} after {held}, and was put at {version}", text("room")),
                    );
                }
                Some(_) => {}
            }
        }
        ("resync" | "error", _) => {
            known.follows = false;
            report.count("subscriptions ended by the server", 1);
        }
        ("message" | "member" | "room", Some(version)) if known.follows => {
            let previous = number("previousVersion");
            if previous != known.held || previous.is_none_or(|previous| version <= previous) {
                let held = known.held;
                report.find(
                    Kind::SocketGap,
                    format!("{follower} holds {held:?} of {} and got {previous:?} → {version}", text("room")),
                );
            }
            known.held = Some(version);
            known.learn(frame);
            report.count("frames in chains", 1);
        }
        _ => {}
    }
}

impl Known {
    fn learn(&mut self, frame: &Value) {
        if let Some(message) = frame.get("message") {
            let number = message.get("number").and_then(Value::as_u64).unwrap_or_default();
            self.messages.insert(number, message.clone());
        }
        for member in frame.get("members").and_then(Value::as_array).into_iter().flatten() {
            let user = member.get("userId").and_then(Value::as_str).unwrap_or_default();
            self.members.insert(user.to_owned(), member.get("role").cloned().unwrap_or_default());
        }
    }
}

/// What the follower was told since its chain began is what the queries show in the end.
fn in_the_end(follower: &str, known: &Known, read: &RoomRead, report: &mut Report) {
    let end = read.details.get("version").and_then(Value::as_u64);
    if known.held != end {
        report.find(Kind::SocketGap, format!("{follower} came to {:?} of {}, which ended at {end:?}", known.held, read.room));
    }
    for message in &read.messages {
        let of = |field: &str| message.get(field).and_then(Value::as_u64).unwrap_or_default();
        let told = known.messages.get(&of("number"));
        if of("version") > known.begun && told != Some(message) {
            let what = format!("{follower} knows message {} of {} otherwise than it is shown", of("number"), read.room);
            report.find(if told.is_some() { Kind::SocketUntrue } else { Kind::SocketGap }, what);
        }
        report.count("messages compared with what sockets were told", usize::from(of("version") > known.begun));
    }
    for member in &read.members {
        let user = member.get("userId").and_then(Value::as_str).unwrap_or_default();
        if known.members.get(user).is_some_and(|told| Some(told) != member.get("role")) {
            report.find(Kind::SocketUntrue, format!("{follower} knows {user} in {} with another role than is shown", read.room));
        }
    }
}

/// Every single message frame says what was true at its version. Only reactions may be newer.
pub fn against_replay(heard: &[Heard], replay: &Replay, report: &mut Report) {
    for line in heard {
        let Told::Frame(frame) = &line.what else { continue };
        let Some(mut message) = frame.get("message").cloned() else { continue };
        if let Some(fields) = message.as_object_mut() {
            fields.remove("reactions");
        }
        let room = frame.get("room").and_then(Value::as_str).unwrap_or_default();
        let version = frame.get("version").and_then(Value::as_u64).unwrap_or_default();
        let was = replay.rooms.get(room).and_then(|room| room.then.get(&version));
        if was != Some(&message) {
            report.find(
                Kind::SocketUntrue,
                format!("{}: version {version} of {room} was told otherwise than it was", line.follower),
            );
        }
    }
}
