//! Who says what where: made of the real archives, or of one of our own making where they are not to be had.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::chatdata::{self, Line, by_room};

/// The longest room name that is taken from an archive.
const ROOM_NAME_CHARACTERS_MAX: usize = 60;
/// How often every room has its turn, before a writer begins anew.
const ROUNDS: usize = 1_500;

/// What all writers say, again from the beginning when it is all said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The rooms' names.
    pub rooms: Vec<String>,
    /// What each writer says, in order.
    pub writers: Vec<Vec<Said>>,
    /// Whether these are the real logs.
    pub is_real: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The room, by its place in [`Script::rooms`].
    pub room: usize,
    /// The text.
    pub text: String,
}

impl Script {
    /// A script of the real archives; without them of made-up ones, which are written below `folder`.
    ///
    /// # Errors
    /// When an archive cannot be read.
    pub fn load(folder: &Path, rooms: usize, writers: usize) -> Result<Self> {
        let mut archives = chatdata::real()?;
        let is_real = !archives.is_empty();
        if !is_real {
            archives.push(chatdata::made_up(folder)?);
        }
        let archives: Vec<Vec<Line>> = archives.iter().map(|archive| chatdata::read(&archive.messages)).collect::<Result<_>>()?;
        let script = Self { is_real, ..Self::of(archives, rooms, writers, ROUNDS) };
        ensure!(script.writers.iter().all(|said| !said.is_empty()), "too few messages for {writers} writers");
        Ok(script)
    }

    /// Takes the busiest rooms of each archive, and turns about among them, so that every room and every kind of text has its turn
    /// at any time; what a small room has is said again. A person there is always the same writer here.
    fn of(archives: Vec<Vec<Line>>, rooms: usize, writers: usize, rounds: usize) -> Self {
        let of_each = rooms.div_ceil(archives.len().max(1));
        let mut script = Self { rooms: Vec::new(), writers: vec![Vec::new(); writers], is_real: false };
        let mut queues = Vec::new();
        for lines in archives {
            let mut busiest: Vec<(String, Vec<Line>)> = by_room(lines).into_iter().collect();
            busiest.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.len()));
            for (name, lines) in busiest.into_iter().take(of_each) {
                queues.push(lines.into_iter().cycle().take(rounds));
                script.rooms.push(name.chars().take(ROOM_NAME_CHARACTERS_MAX).collect());
            }
        }
        let mut people: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..rounds {
            for (room, lines) in queues.iter_mut().enumerate() {
                let Some(line) = lines.next() else { continue };
                let next = people.len() % writers.max(1);
                let writer = *people.entry(line.user).or_insert(next);
                if let Some(said) = script.writers.get_mut(writer) {
                    said.push(Said { room, text: line.text });
                }
            }
        }
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_rooms_have_their_turns_and_small_ones_begin_anew() {
        let line = |room: &str, user: &str, text: &str| Line {
            room: room.into(),
            user: user.into(),
            at: String::new(),
            text: text.into(),
        };
        let first = vec![line("hall", "ann", "1"), line("hall", "bob", "2"), line("nook", "ann", "3"), line("hall", "ann", "4")];
        let second = vec![line("사랑방", "cid", "5")];
        let script = Script::of(vec![first, second], 2, 2, 3);
        assert_eq!(script.rooms, ["hall", "사랑방"]);
        let texts: Vec<Vec<&str>> =
            script.writers.iter().map(|said| said.iter().map(|said| said.text.as_str()).collect()).collect();
        // Ann is the first writer, Cid the second, and Bob, who came third, is the first again.
        assert_eq!(texts, [vec!["1", "2", "4"], vec!["5", "5", "5"]]);
    }
}
