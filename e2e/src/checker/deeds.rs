//! What was acknowledged: is it there, once, as it was acknowledged, and in order?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::evidence::RoomRead;
use super::replay::Replay;
use super::{Kind, Report};
use crate::journal::{Deed, Outcome, What};

/// Repeats got the answer of the first; nothing was refused; who asked after an acknowledgement came after it.
pub fn among_themselves(deeds: &[Deed], report: &mut Report) {
    let mut first: BTreeMap<(&str, Uuid), &Deed> = BTreeMap::new();
    for deed in deeds {
        let known = first.entry((&deed.actor, deed.key)).or_insert(deed);
        match (&known.outcome, &deed.outcome) {
            (_, Outcome::Refused { code }) => {
                report.find(Kind::Refused, format!("{}: {code} for {:?}", name(deed), deed.what));
            }
            (Outcome::Acknowledged { .. }, Outcome::Acknowledged { .. }) if known.outcome != deed.outcome => {
                report.find(Kind::Changed, format!("{}: {:?}, then {:?}", name(deed), known.outcome, deed.outcome));
            }
            _ => {}
        }
        report.count("answers", 1);
        report.count("answers to deliberate repeats", usize::from(!std::ptr::eq(*known, deed)));
    }
    let mut by_room: BTreeMap<&str, Vec<(u64, &Deed)>> = BTreeMap::new();
    for deed in first.values() {
        if let Outcome::Acknowledged { version, .. } = deed.outcome {
            by_room.entry(&deed.room).or_default().push((version, deed));
            report.count("commands acknowledged", 1);
            report.count("messages acknowledged", usize::from(matches!(deed.what, What::Send { .. })));
        }
    }
    by_room.into_values().for_each(|room| in_order(room, report));
}

/// Going back from the last version: nothing may have been acknowledged before something with a lower version was even asked for.
fn in_order(mut room: Vec<(u64, &Deed)>, report: &mut Report) {
    room.sort_by_key(|(version, _)| *version);
    let mut earliest: Option<&Deed> = None;
    for (version, deed) in room.into_iter().rev() {
        if let Some(later) = earliest.filter(|later| later.answered_us < deed.asked_us) {
            let (one, other) = (name(deed), name(later));
            report.find(Kind::Reordered, format!("{one} got version {version}, but {other} with a higher one was there before"));
        }
        if earliest.is_none_or(|later| deed.answered_us < later.answered_us) {
            earliest = Some(deed);
        }
    }
}

/// The event of each acknowledged command counts in the log, with the acknowledged number and version; that of a refused one
/// does not exist; and none is there that nobody asked for.
pub fn against_log(deeds: &[Deed], replay: &Replay, report: &mut Report) {
    let mut asked: BTreeSet<(&str, String, &str)> = BTreeSet::new();
    for deed in deeds {
        let key = (deed.room.clone(), deed.key.to_string(), deed.actor.clone());
        let done = replay.commands.get(&key);
        asked.insert((&deed.room, deed.key.to_string(), &deed.actor));
        match (&deed.outcome, done) {
            (Outcome::Acknowledged { .. }, None) => {
                report.find(Kind::Lost, format!("{}: acknowledged at {} µs, and not in the log", name(deed), deed.answered_us));
            }
            (Outcome::Acknowledged { number, version }, Some(done)) => {
                let same_text = text_of(&deed.what).is_none_or(|text| done.text.as_deref() == Some(text));
                if done.version != *version || (number.is_some() && done.number != *number) || !same_text {
                    report.find(
                        Kind::Changed,
                        format!(
                            "{}: acknowledged {number:?}, version {version}; in the log {:?}, version {}",
                            name(deed),
                            done.number,
                            done.version
                        ),
                    );
                }
            }
            (Outcome::Refused { code }, Some(_)) => {
                report.find(Kind::Refused, format!("{}: refused ({code}), and in the log all the same", name(deed)));
            }
            _ => {}
        }
    }
    // Streams of others are none of our business, and for a registration it is auth-api that asks.
    let streams: BTreeSet<&str> = deeds.iter().map(|deed| deed.room.as_str()).collect();
    for ((stream, key, actor), done) in &replay.commands {
        let is_ours = streams.contains(stream.as_str()) && done.event != "sarangbang.user.registered.v1";
        if is_ours && !asked.contains(&(stream.as_str(), key.clone(), actor.as_str())) {
            report.find(Kind::Doubled, format!("{stream}: nobody asked for {key} of {actor} (version {})", done.version));
        }
    }
}

/// Each acknowledged message is shown under its number, as its author's last acknowledged command left it; numbers are dense,
/// and nothing is shown that nobody sent.
pub fn against_rooms(deeds: &[Deed], rooms: &[RoomRead], report: &mut Report) {
    let mut sent: BTreeMap<(&str, u64), &Deed> = BTreeMap::new();
    let mut last: BTreeMap<(&str, u64), (u64, Option<&str>)> = BTreeMap::new();
    let mut unknown: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
    for deed in deeds {
        let Outcome::Acknowledged { number: Some(number), version } = deed.outcome else {
            let is_open = deed.outcome == Outcome::Unknown && matches!(deed.what, What::Send { .. });
            unknown.entry(&deed.room).or_default().extend(is_open.then_some(deed.key));
            continue;
        };
        if matches!(deed.what, What::Send { .. }) {
            sent.insert((&deed.room, number), deed);
        }
        let text = match &deed.what {
            What::Send { text } | What::Edit { text, .. } => Some(text.as_str()),
            What::Delete { .. } => None,
            What::Create | What::Join | What::Profile { .. } | What::React { .. } | What::Unreact { .. } => continue,
        };
        let newest = last.entry((&deed.room, number)).or_default();
        if newest.0 < version {
            *newest = (version, text);
        }
    }
    let known: BTreeSet<&str> = rooms.iter().map(|room| room.room.as_str()).collect();
    for (room, number) in sent.keys().filter(|(room, _)| !known.contains(room)) {
        report.find(Kind::Lost, format!("{room}: the room of message {number} is not shown"));
    }
    for room in rooms {
        let of_room = sent.range((room.room.as_str(), 0)..=(room.room.as_str(), u64::MAX));
        let shown: BTreeMap<u64, &Value> =
            room.messages.iter().filter_map(|message| Some((message.get("number")?.as_u64()?, message))).collect();
        let mut acknowledged = 0;
        for ((_, number), deed) in of_room {
            acknowledged += 1;
            let message = shown.get(number);
            let is = |field: &str| message.and_then(|message| message.get(field)).and_then(Value::as_str);
            let text = last.get(&(room.room.as_str(), *number)).and_then(|(_, text)| *text);
            if is("author") != Some(deed.actor.as_str()) {
                report.find(
                    Kind::Lost,
                    format!("{} at {}: message {number} of {} is not shown", name(deed), room.node, deed.actor),
                );
            } else if is("text") != text {
                report.find(
                    Kind::Changed,
                    format!("{} at {}: message {number} has not its last acknowledged text", name(deed), room.node),
                );
            }
        }
        let open = unknown.get(room.room.as_str()).map_or(0, BTreeSet::len);
        if shown.len() > acknowledged + open || shown.len() < room.messages.len() {
            report.find(
                Kind::Doubled,
                format!("{}: {} messages shown, {acknowledged} acknowledged, {open} open", room.room, room.messages.len()),
            );
        }
        if shown.last_key_value().is_some_and(|(last, _)| *last != shown.len() as u64) {
            report.find(
                Kind::Gap,
                format!(
                    "{}: {} messages shown, the last is {:?}",
                    room.room,
                    shown.len(),
                    shown.last_key_value().map(|(last, _)| last)
                ),
            );
        }
        report.count("messages shown", shown.len());
    }
}

fn text_of(what: &What) -> Option<&str> {
    match what {
        What::Send { text } | What::Edit { text, .. } => Some(text),
        _ => None,
    }
}

fn name(deed: &Deed) -> String {
    format!("{}: {} of {}", deed.room, deed.key, deed.actor)
}
