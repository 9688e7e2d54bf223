//! The read model: is it what a fresh replay of the log is?

use std::collections::BTreeMap;

use serde_json::Value;

use super::evidence::RoomRead;
use super::replay::{Replay, Room};
use super::{Kind, Report};

/// Each room as shown by each node is the replayed room, row by row.
pub fn against_replay(rooms: &[RoomRead], replay: &Replay, report: &mut Report) {
    for read in rooms {
        let Some(room) = replay.rooms.get(&read.room) else {
            report.find(Kind::Stale, format!("{}: shown by {}, and not in the log", read.room, read.node));
            continue;
        };
        details(read, room, report);
        members(read, room, report);
        messages(read, room, report);
    }
}

fn details(read: &RoomRead, room: &Room, report: &mut Report) {
    let shown = |field: &str| read.details.get(field).and_then(Value::as_u64);
    let last = room.messages.last_key_value().map_or(0, |(number, _)| *number);
    let members = room.members.len() as u64;
    for (field, replayed) in [("version", room.version), ("lastNumber", last), ("memberCount", members)] {
        if shown(field) != Some(replayed) {
            let what = format!("{} at {}: {field} is shown as {:?}, the log says {replayed}", read.room, read.node, shown(field));
            report.find(Kind::Stale, what);
        }
    }
}

fn members(read: &RoomRead, room: &Room, report: &mut Report) {
    let text = |member: &Value, field: &str| member.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let shown: BTreeMap<String, String> =
        read.members.iter().map(|member| (text(member, "userId"), text(member, "role"))).collect();
    if shown != room.members {
        report.find(Kind::Stale, format!("{} at {}: members are shown otherwise than the log has them", read.room, read.node));
    }
    report.count("members compared", shown.len());
}

fn messages(read: &RoomRead, room: &Room, report: &mut Report) {
    let mut shown = read.messages.iter();
    for (number, message) in &room.messages {
        let row = shown.next();
        if row != Some(&message.shown(&read.room)) {
            let what = format!(
                "{} at {}: message {number} is shown otherwise than the log has it (version {})",
                read.room, read.node, message.version
            );
            report.find(Kind::Stale, what);
        }
        report.count("rows compared with the replay", 1);
    }
    if shown.next().is_some() {
        report.find(Kind::Stale, format!("{} at {}: more messages are shown than the log has", read.room, read.node));
    }
}
