//! What every adapter of the port [`infra::read_model::Timeline`] must do. [`contract`] makes a test of each function here for
//! one adapter. Long because it is one list of promises.

use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use domain::room::{Kind, Role, Status};
use domain::{Cursor, RoomId, Timestamp, UserId};
use infra::log::{Topic, TopicPartition};
use infra::read_model::generations::Generations;
use infra::read_model::{
    Changes, Checkpoint, CircleView, DeactivationRow, Direction, Fault, Friendship, MemberRow, MentionRow, MessageRow, MuteRow,
    Page, ReactionRow, ReactionView, ReadRow, RelationRow, RoomHeadRow, RoomRow, Timeline, UserRow, VisibilityRow,
};
use uuid::Uuid;

/// One database of one adapter, made for one test.
#[async_trait]
pub trait Adapter: Sized + Send + Sync + 'static {
    /// Makes a fresh one; nothing when its server is not there.
    async fn fresh() -> Option<Self>;

    /// Opens it; may be open already.
    async fn open(&self) -> Arc<dyn Timeline>;

    /// Its generations; may be open already.
    async fn generations(&self) -> Arc<dyn Generations>;

    /// All rows of all tables but the checkpoints, as text in a fixed order.
    async fn dump(&self) -> String;

    /// Takes it away.
    async fn remove(self);
}

/// Makes a module's tests of the contract for one adapter.
macro_rules! contract {
    ($adapter:ty) => {
        crate::read_model_contract::contract!(@each $adapter:
            the_checkpoint_moves_only_from_where_it_is_expected,
            of_two_writers_one_wins_and_the_other_leaves_nothing,
            refused_rows_leave_nothing,
            a_lower_version_never_replaces_a_higher_one,
            everything_twice_changes_nothing,
            a_room_is_seen_as_its_viewer_stands_to_it,
            my_rooms_come_latest_first_with_what_is_unread,
            a_direct_room_names_the_other_person,
            the_directory_is_sorted_folded_and_filtered,
            members_page_by_id_and_those_gone_are_not_there,
            history_pages_both_ways_and_shows_reactions,
            mentions_page_over_ties_and_leave_out_what_may_not_be_seen,
            changes_after_a_version_are_complete_or_refused,
            hostile_texts_come_back_as_they_went_in,
            ten_thousand_rooms_and_a_big_batch,
            what_is_said_to_be_new_may_be_there_already,
            a_write_that_is_given_up_anywhere_harms_no_later_one,
            rooms_and_members_said_to_be_new_may_be_there_already,
            people_are_found_and_read_positions_rise,
            friends_and_blocks_are_as_each_of_the_two_sees_them,
            who_left_for_good_is_an_id_and_nobodys_friend,
            of_read_positions_from_two_topics_the_highest_counts,
            it_survives_being_opened_again_by_two_at_once,
        );
        crate::read_model_contract::contract!(@each_of read_model_generations, $adapter:
            generations_stand_side_by_side_until_one_is_taken_away,
            of_two_decisions_on_one_revision_one_counts,
            a_snapshot_stands_still_and_every_table_counts_in_it,
            amending_lowers_nothing_and_moves_no_checkpoint,
            read_positions_of_a_snapshot_come_page_by_page,
        );
    };
    (@each $adapter:ty: $($name:ident),* $(,)?) => {
        crate::read_model_contract::contract!(@each_of read_model_contract, $adapter: $($name),*);
    };
    (@each_of $suite:ident, $adapter:ty: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(adapter) = <$adapter as crate::read_model_contract::Adapter>::fresh().await {
                    crate::$suite::$name(&adapter).await;
                    adapter.remove().await;
                }
            }
        )*
    };
}
pub(crate) use contract;

pub const PARTITION: TopicPartition = TopicPartition { topic: Topic::Rooms, partition: 1 };

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}
pub fn room(number: u128) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(number))
}
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms).unwrap()
}
fn position(next_offset: u64) -> Checkpoint {
    Checkpoint { next_offset, cursor: Cursor { epoch: 3, sequence: next_offset } }
}

/// Rows, said shortly.
#[derive(Clone, Default)]
pub struct Rows(pub Changes);

impl Rows {
    fn user(mut self, name: &str, version: u64) -> Self {
        let row =
            UserRow { user_name: format!("{name} v{version}"), status_text: "here".to_owned(), registered_at: at(5), version };
        self.0.users.insert(user(name), row);
        self
    }
    fn room(self, id: u128, kind: Kind, name: Option<&str>, version: u64) -> Self {
        self.room_with(id, kind, Status::Open, name, version).head(id, version, 0, 0)
    }
    fn room_with(mut self, id: u128, kind: Kind, status: Status, name: Option<&str>, version: u64) -> Self {
        let name = name.map(str::to_owned);
        let (topic, created_by) = ("t".to_owned(), user("maker"));
        let row = RoomRow { kind, status, name, topic, created_by, created_at: at(7), version, is_new: false };
        self.0.rooms.insert(room(id), row);
        self
    }
    fn head(mut self, id: u128, version: u64, last_number: u64, active_ms: i64) -> Self {
        self.0.room_heads.insert(room(id), RoomHeadRow { version, last_number, last_activity_at: at(active_ms) });
        self
    }
    fn member(mut self, id: u128, name: &str, role: Option<Role>, version: u64) -> Self {
        let row = MemberRow { role, joined_at: role.map(|_| at(9)), version };
        self.0.members.insert((room(id), user(name)), row);
        self
    }
    pub fn message(self, id: u128, number: u64, text: &str, version: u64) -> Self {
        self.message_at(id, number, text, version, i64::try_from(number).unwrap())
    }
    fn message_at(mut self, id: u128, number: u64, text: &str, version: u64, sent_ms: i64) -> Self {
        let row = MessageRow {
            author: user("author"),
            sent_at: at(sent_ms),
            reply_to: None,
            text: Some(text.to_owned()),
            mentions: Vec::new(),
            edited_at: None,
            deleted_at: None,
            version,
            is_new: false,
        };
        self.0.messages.insert((room(id), number), row);
        self
    }
    /// As a projector says it of rooms whose creation, and messages whose sending, is in the batch.
    fn said_to_be_new(mut self) -> Self {
        self.0.rooms.values_mut().for_each(|row| row.is_new = true);
        self.0.messages.values_mut().for_each(|row| row.is_new = true);
        self
    }
    fn deleted(self, id: u128, number: u64, version: u64) -> Self {
        let mut rows = self.message(id, number, "", version);
        let row = rows.0.messages.get_mut(&(room(id), number)).unwrap();
        row.text = None;
        row.deleted_at = Some(at(99));
        rows
    }
    fn mention(mut self, name: &str, id: u128, number: u64, sent_ms: i64, present: bool, version: u64) -> Self {
        self.0.mentions.insert((user(name), room(id), number), MentionRow { sent_at: at(sent_ms), present, version });
        self
    }
    fn reaction(mut self, id: u128, number: u64, emoji: &str, name: &str, present: bool, version: u64) -> Self {
        self.0.reactions.insert((room(id), number, emoji.to_owned(), user(name)), ReactionRow { present, version });
        self
    }
    fn mute(mut self, name: &str, id: u128, muted: bool, version: u64) -> Self {
        self.0.mutes.insert((user(name), room(id)), MuteRow { muted, version });
        self
    }
    pub fn read(mut self, id: u128, name: &str, number: u64) -> Self {
        self.0.reads.insert((room(id), user(name)), ReadRow { number });
        self
    }
    fn relation(mut self, name: &str, other: &str, friendship: Friendship, blocks: [bool; 2], version: u64) -> Self {
        let [blocks, blocked] = blocks;
        let row = RelationRow { friendship, blocks, blocked, changed_at: at(60), version };
        self.0.relations.insert((user(name), user(other)), row);
        self
    }
    fn hidden(mut self, name: &str, presence_hidden: bool, version: u64) -> Self {
        self.0.visibilities.insert(user(name), VisibilityRow { presence_hidden, version });
        self
    }
    fn deactivated(mut self, name: &str, version: u64) -> Self {
        self.0.deactivations.insert(user(name), DeactivationRow { deactivated_at: at(50), version });
        self
    }

    /// Writes the rows, one offset further than the checkpoint is.
    pub async fn write(self, timeline: &dyn Timeline) {
        let expected = timeline.checkpoint(PARTITION).await.unwrap();
        timeline.apply(&self.0, PARTITION, expected, position(expected.next_offset + 1)).await.unwrap();
    }
}

pub async fn the_checkpoint_moves_only_from_where_it_is_expected(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let beginning = Checkpoint::default();
    assert_eq!(timeline.checkpoint(PARTITION).await.unwrap(), beginning);
    timeline.apply(&Changes::default(), PARTITION, beginning, position(4)).await.unwrap();
    timeline.apply(&Changes::default(), PARTITION, position(4), position(9)).await.unwrap();
    let other = TopicPartition { topic: Topic::Users, partition: 0 };
    timeline.apply(&Changes::default(), other, beginning, position(2)).await.unwrap();

    let wrong_epoch = Checkpoint { next_offset: 9, cursor: Cursor { epoch: 2, sequence: 9 } };
    let wrong_sequence = Checkpoint { next_offset: 9, cursor: Cursor { epoch: 3, sequence: 8 } };
    for stale in [beginning, position(4), position(10), wrong_epoch, wrong_sequence] {
        let moved = timeline.apply(&Rows::default().user("ghost", 1).0, PARTITION, stale, position(20)).await;
        assert!(matches!(moved, Err(Fault::CheckpointMoved(PARTITION))), "{stale:?}: {moved:?}");
    }
    assert_eq!(timeline.checkpoint(PARTITION).await.unwrap(), position(9));
    assert_eq!(timeline.user(&user("ghost")).await.unwrap(), None);
    let mut all = timeline.checkpoints().await.unwrap();
    all.sort_by_key(|(partition, _)| *partition);
    assert_eq!(all, [(other, position(2)), (PARTITION, position(9))]);
}

pub async fn of_two_writers_one_wins_and_the_other_leaves_nothing(adapter: &impl Adapter) {
    let (one, other) = (adapter.open().await, adapter.open().await);
    for round in 0..20 {
        let expected = one.checkpoint(PARTITION).await.unwrap();
        let next = position(round + 1);
        let names = [format!("one{round}"), format!("other{round}")];
        let rows = names.each_ref().map(|name| Rows::default().user(name, 1).0);
        let results =
            tokio::join!(one.apply(&rows[0], PARTITION, expected, next), other.apply(&rows[1], PARTITION, expected, next));
        let won = match results {
            (Ok(()), Err(Fault::CheckpointMoved(_))) => [true, false],
            (Err(Fault::CheckpointMoved(_)), Ok(())) => [false, true],
            both => panic!("round {round}: {both:?}"),
        };
        for (name, won) in names.iter().zip(won) {
            assert_eq!(one.user(&user(name)).await.unwrap().is_some(), won, "{name}");
        }
    }
}

pub async fn refused_rows_leave_nothing(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let before = adapter.dump().await;
    let rows = Rows::default().user("a", 1).message(1, 1, "hello", u64::MAX);
    let refused = timeline.apply(&rows.0, PARTITION, Checkpoint::default(), position(1)).await;
    assert!(matches!(refused, Err(Fault::Rejected(_))), "{refused:?}");
    assert_eq!(adapter.dump().await, before);
    assert_eq!(timeline.checkpoint(PARTITION).await.unwrap(), Checkpoint::default());
}

/// One row in each table, made by the event `version`.
pub fn everything(version: u64) -> Rows {
    let odd = version % 2 == 1;
    Rows::default()
        .user("a", version)
        .deactivated("a", version)
        .room(1, Kind::Public, Some(&format!("name {version}")), version)
        .head(1, version, version, i64::try_from(version).unwrap())
        .member(1, "a", odd.then_some(Role::Member), version)
        .message(1, 1, &format!("text {version}"), version)
        .mention("a", 1, 1, 1, odd, version)
        .reaction(1, 1, "👍", "a", odd, version)
        .mute("a", 1, odd, version)
        .relation("a", "b", if odd { Friendship::Friends } else { Friendship::None }, [!odd, false], version)
        .hidden("a", odd, version)
        .read(1, "a", version)
}

pub async fn a_lower_version_never_replaces_a_higher_one(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    everything(5).write(&*timeline).await;
    let five = adapter.dump().await;
    for version in [1, 2, 4, 5] {
        everything(version).write(&*timeline).await;
        assert_eq!(adapter.dump().await, five, "{version}");
    }
    everything(6).write(&*timeline).await;
    let six = adapter.dump().await;
    for (line, (five, six)) in five.lines().zip(six.lines()).enumerate() {
        assert_ne!(five, six, "line {line}: the row of version 6 was not written");
    }
}

pub async fn everything_twice_changes_nothing(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    for version in 1..=6 {
        everything(version).write(&*timeline).await;
    }
    let once = adapter.dump().await;
    for version in 1..=6 {
        everything(version).write(&*timeline).await;
        assert_eq!(adapter.dump().await, once, "{version}");
    }
}

pub async fn a_room_is_seen_as_its_viewer_stands_to_it(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let rows = Rows::default().room(1, Kind::Private, Some("One"), 1).head(1, 12, 8, 800);
    let rows = rows.member(1, "a", Some(Role::Owner), 1).member(1, "b", Some(Role::Member), 2).member(1, "c", None, 3);
    rows.read(1, "a", 5).read(1, "c", 2).mute("a", 1, true, 4).mute("b", 1, false, 4).write(&*timeline).await;

    let seen = timeline.room_for(room(1), &user("a")).await.unwrap().unwrap();
    assert_eq!(
        (seen.kind, seen.status, seen.name.as_deref(), seen.topic.as_str()),
        (Kind::Private, Status::Open, Some("One"), "t")
    );
    assert_eq!((seen.created_by, seen.created_at, seen.last_activity_at), (user("maker"), at(7), at(800)));
    assert_eq!((seen.version, seen.last_number, seen.member_count), (12, 8, 2));
    assert_eq!((seen.viewer.role, seen.viewer.read_number, seen.viewer.muted), (Some(Role::Owner), 5, true));
    let seen = timeline.room_for(room(1), &user("b")).await.unwrap().unwrap().viewer;
    assert_eq!((seen.role, seen.read_number, seen.muted), (Some(Role::Member), 0, false));
    for (who, read) in [("c", 2), ("stranger", 0)] {
        let seen = timeline.room_for(room(1), &user(who)).await.unwrap().unwrap().viewer;
        assert_eq!((seen.role, seen.read_number, seen.muted), (None, read, false), "{who}");
    }
    assert_eq!(timeline.room_for(room(2), &user("a")).await.unwrap(), None);
}

pub async fn my_rooms_come_latest_first_with_what_is_unread(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let mut rows = Rows::default();
    // Seven rooms, of which three were last active at the same moment, one that was left, and one that is somebody else's.
    for (id, active) in [(1, 10), (2, 30), (3, 30), (4, 30), (5, 20), (6, 0), (7, 40)] {
        rows = rows.room(id, Kind::Private, Some("r"), 1).head(id, 9, u64::from(id != 6) * 4, active);
        rows = rows.member(id, "a", Some(Role::Member), 1).member(id, "b", Some(Role::Member), 1);
        if id != 6 {
            rows = rows.message(id, 3, "before last", 8).message(id, 4, &format!("last of {id}"), 9);
        }
    }
    rows = rows.room(8, Kind::Private, Some("left"), 1).member(8, "a", None, 2).room(9, Kind::Public, Some("not mine"), 1);
    // In room 1: mentioned in 1 (read), 2 (no longer), 3 (unread), 4 (deleted).
    rows = rows.message(1, 1, "m", 2).message(1, 2, "m", 3).deleted(1, 4, 9).read(1, "a", 1);
    for (number, present) in [(1, true), (2, false), (3, true), (4, true)] {
        rows = rows.mention("a", 1, number, 1, present, 4);
    }
    rows.write(&*timeline).await;

    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = timeline.rooms_of(&user("a"), before, 2).await.unwrap();
        assert!(page.items.len() <= 2);
        assert!(page.items.len() == 2 || !page.more);
        seen.extend(page.items);
        before = seen.last().map(|mine| (mine.room.last_activity_at.as_millis(), mine.room.room));
        if !page.more {
            break;
        }
    }
    let ids: Vec<u128> = seen.iter().map(|mine| mine.room.room.as_uuid().as_u128()).collect();
    assert_eq!(ids, [7, 4, 3, 2, 5, 1, 6]);
    let one = &seen[5];
    assert_eq!((one.unread_mentions, one.room.viewer.read_number, one.room.last_number, one.room.member_count), (1, 1, 4, 2));
    let last = one.last_message.as_ref().unwrap();
    assert_eq!((last.number, last.text.as_deref(), last.deleted_at), (4, None, Some(at(99))));
    assert_eq!(seen[0].last_message.as_ref().unwrap().text.as_deref(), Some("last of 7"));
    assert_eq!((seen[6].last_message.as_ref(), seen[6].direct_with.as_ref()), (None, None));
    assert_eq!(timeline.rooms_of(&user("nobody"), None, 5).await.unwrap(), Page { items: Vec::new(), more: false });
}

pub async fn a_direct_room_names_the_other_person(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let rows = Rows::default().room(1, Kind::Direct, None, 1).member(1, "a", Some(Role::Owner), 1);
    rows.member(1, "b", Some(Role::Owner), 1).write(&*timeline).await;
    for (me, other) in [("a", "b"), ("b", "a")] {
        let mine = timeline.rooms_of(&user(me), None, 5).await.unwrap().items;
        assert_eq!(mine.iter().map(|mine| mine.direct_with.clone()).collect::<Vec<_>>(), [Some(user(other))]);
        assert_eq!(mine[0].room.name, None);
    }
}

pub async fn the_directory_is_sorted_folded_and_filtered(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let mut rows = Rows::default();
    let names = ["zeta", "Alpha", "alpha", "ALPHA 2", "Überraum", "사랑방", "사랑", "100%_a"];
    for (id, name) in (1..).zip(names) {
        rows = rows.room(id, Kind::Public, Some(name), 1);
    }
    rows = rows.room(20, Kind::Private, Some("alpha private"), 1).room(21, Kind::Direct, None, 1);
    rows = rows.head(22, 1, 0, 0).room_with(22, Kind::Public, Status::Archived, Some("alpha archived"), 1);
    rows.member(2, "a", Some(Role::Member), 1).write(&*timeline).await;

    let directory = async |prefix: Option<&str>, limit: u32| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = timeline.public_rooms(&user("a"), prefix, after, limit).await.unwrap();
            found.extend(page.items);
            after = found.last().map(|room| (room.name.clone().unwrap(), room.room));
            if !page.more {
                return found.into_iter().map(|room| room.name.unwrap()).collect::<Vec<_>>();
            }
        }
    };
    let sorted = ["100%_a", "Alpha", "alpha", "ALPHA 2", "zeta", "Überraum", "사랑", "사랑방"];
    for limit in [1, 2, 3, 8, 100] {
        assert_eq!(directory(None, limit).await, sorted, "{limit}");
    }
    assert_eq!(directory(Some("aLp"), 2).await, ["Alpha", "alpha", "ALPHA 2"]);
    assert_eq!(directory(Some("사랑"), 1).await, ["사랑", "사랑방"]);
    assert_eq!(directory(Some("100%"), 1).await, ["100%_a"]);
    assert!(directory(Some("%"), 1).await.is_empty());
    let mine = timeline.public_rooms(&user("a"), Some("alpha"), None, 1).await.unwrap();
    assert_eq!((mine.items[0].viewer.role, mine.items[0].member_count), (Some(Role::Member), 1));
}

pub async fn members_page_by_id_and_those_gone_are_not_there(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let mut rows = Rows::default().user("bo", 1);
    for name in ["가", "zoe", "bo", "an", "b"] {
        rows = rows.member(1, name, Some(Role::Member), 2);
    }
    rows.member(1, "c", Some(Role::Moderator), 3).member(2, "elsewhere", Some(Role::Owner), 1).write(&*timeline).await;
    Rows::default().member(1, "c", None, 4).write(&*timeline).await;

    let (mut found, mut after): (Vec<_>, Option<UserId>) = (Vec::new(), None);
    loop {
        let page = timeline.members(room(1), after.as_ref(), 2).await.unwrap();
        found.extend(page.items);
        after = found.last().map(|member| member.user.clone());
        if !page.more {
            break;
        }
    }
    let names: Vec<_> = found.iter().map(|member| member.user_name.as_str()).collect();
    assert_eq!(names, ["an", "b", "bo v1", "zoe", "가"]);
    let bo = timeline.member(room(1), &user("bo")).await.unwrap().unwrap();
    assert_eq!((bo.role, bo.joined_at, bo.version), (Some(Role::Member), at(9), 2));
    assert_eq!(timeline.member(room(1), &user("c")).await.unwrap(), None);
}

pub async fn history_pages_both_ways_and_shows_reactions(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let mut rows = Rows::default();
    for number in 1..=10 {
        rows = rows.message(1, number, &format!("message {number}"), number).message(2, number, "other", number);
    }
    rows = rows.deleted(1, 4, 11);
    for (emoji, name, present) in [("👍", "a", true), ("👍", "b", true), ("🎉", "b", true), ("😀", "c", false), ("🙏", "a", true)]
    {
        rows = rows.reaction(1, 3, emoji, name, present, 12).reaction(1, 4, emoji, name, present, 12);
    }
    rows.write(&*timeline).await;

    let page = async |direction, limit| {
        let page = timeline.messages(room(1), direction, limit, &user("a")).await.unwrap();
        (page.items.iter().map(|message| message.number).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(page(Direction::Before(u64::MAX), 4).await, (vec![10, 9, 8, 7], true));
    assert_eq!(page(Direction::Before(7), 4).await, (vec![6, 5, 4, 3], true));
    assert_eq!(page(Direction::Before(3), 2).await, (vec![2, 1], false));
    assert_eq!(page(Direction::Before(1), 2).await, (vec![], false));
    assert_eq!(page(Direction::After(0), 3).await, (vec![1, 2, 3], true));
    assert_eq!(page(Direction::After(8), 2).await, (vec![9, 10], false));
    assert_eq!(page(Direction::After(u64::MAX), 2).await, (vec![], false));

    let three = timeline.message(room(1), 3, &user("a")).await.unwrap().unwrap();
    let view = |emoji: &str, count, mine| ReactionView { emoji: emoji.to_owned(), count, mine };
    assert_eq!(three.reactions, [view("👍", 2, true), view("🎉", 1, false), view("🙏", 1, true)]);
    assert_eq!((three.text.as_deref(), three.version, three.sent_at), (Some("message 3"), 3, at(3)));
    let listed = timeline.messages(room(1), Direction::After(2), 2, &user("a")).await.unwrap().items;
    assert_eq!(listed[0], three);
    let four = &listed[1];
    assert_eq!((four.text.as_deref(), four.deleted_at, four.reactions.len()), (None, Some(at(99)), 0));
    let who = timeline.reactions(room(1), 3).await.unwrap();
    let mut expected = vec![("👍", "a"), ("👍", "b"), ("🎉", "b"), ("🙏", "a")];
    expected.sort_unstable();
    assert_eq!(who.iter().map(|(emoji, user)| (emoji.as_str(), user.as_str())).collect::<Vec<_>>(), expected);
    assert_eq!(timeline.reactions(room(1), 4).await.unwrap(), []);
    assert_eq!(timeline.message(room(1), 11, &user("a")).await.unwrap(), None);
}

pub async fn mentions_page_over_ties_and_leave_out_what_may_not_be_seen(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let mut rows = Rows::default();
    for id in [1, 2, 3] {
        rows = rows.room(id, Kind::Private, Some(&format!("room {id}")), 1).member(id, "a", (id != 3).then_some(Role::Member), 2);
        for number in 1..=4 {
            // All at one moment: an imported log is exact to the minute.
            rows = rows.message_at(id, number, "@a", number, 60).mention("a", id, number, 60, true, number);
        }
    }
    rows = rows.deleted(1, 2, 9).mention("a", 2, 3, 60, false, 9).mention("b", 1, 1, 60, true, 1);
    rows = rows.message_at(2, 5, "@a", 5, 70).mention("a", 2, 5, 70, true, 5);
    rows.write(&*timeline).await;

    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = timeline.mentions_of(&user("a"), before, 2).await.unwrap();
        for mention in page.items {
            let message = &mention.message;
            before = Some((message.sent_at.as_millis(), message.room, message.number));
            found.push((mention.room_name.clone().unwrap(), message.number));
        }
        if !page.more {
            break;
        }
    }
    let expected = [("room 2", 5), ("room 2", 4), ("room 2", 2), ("room 2", 1), ("room 1", 4), ("room 1", 3), ("room 1", 1)];
    assert_eq!(found.iter().map(|(name, number)| (name.as_str(), *number)).collect::<Vec<_>>(), expected);
}

pub async fn changes_after_a_version_are_complete_or_refused(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let rows = Rows::default().room(1, Kind::Public, Some("One"), 2).head(1, 9, 3, 3).user("a", 1);
    let rows = rows.member(1, "a", Some(Role::Member), 4).member(1, "b", Some(Role::Owner), 1);
    rows.message(1, 1, "one", 8).message(1, 2, "two", 5).message(1, 3, "three", 7).write(&*timeline).await;
    Rows::default().member(1, "a", None, 6).write(&*timeline).await;

    let after = async |version, limit| timeline.changes_after(room(1), version, limit, &user("b")).await.unwrap();
    let all = after(0, 6).await.unwrap();
    assert_eq!((all.details_version, all.room.version, all.room.viewer.role), (Some(2), 9, Some(Role::Owner)));
    assert_eq!(all.members.iter().map(|m| (m.user.as_str(), m.version)).collect::<Vec<_>>(), [("b", 1), ("a", 6)]);
    assert_eq!((all.members[1].role, all.members[1].joined_at, all.members[1].user_name.as_str()), (None, at(9), "a v1"));
    assert_eq!(all.messages.iter().map(|m| (m.number, m.version)).collect::<Vec<_>>(), [(2, 5), (3, 7), (1, 8)]);
    assert_eq!(after(0, 5).await, None, "six rows are more than five");
    let some = after(5, 3).await.unwrap();
    assert_eq!((some.details_version, some.members.len(), some.messages.len()), (None, 1, 2));
    let none = after(9, 0).await.unwrap();
    assert_eq!((none.room.version, none.members.len(), none.messages.len()), (9, 0, 0));
    assert_eq!(timeline.changes_after(room(2), 0, 9, &user("b")).await.unwrap(), None);
}

pub async fn hostile_texts_come_back_as_they_went_in(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let long = "한".repeat(10_000);
    let texts = [
        "'; DROP TABLE messages; --",
        "\"double\" 'single' `back` \\ \\u0041 \\n",
        "{\"a\": [1, null]} $1 ?1 :x @y %s {}",
        "👩‍👩‍👧‍👦🏳️‍🌈 zero\u{200d}width \u{feff}",
        "\u{202e}right to left\u{202c} עברית العربية",
        "line\r\nbreak\ttab \u{2028} \u{7f} \u{1}",
        "e\u{301} \u{10ffff} \u{fffd}",
        &long,
    ];
    let mut rows = Rows::default();
    for (number, text) in (1..).zip(texts) {
        rows = rows.message(1, number, text, number).reaction(1, number, "'\"👍", "길동", true, number);
    }
    let message = rows.0.messages.get_mut(&(room(1), 1)).unwrap();
    message.mentions = vec![user("길동"), user("o'neil")];
    message.author = user("o'neil");
    rows.write(&*timeline).await;
    for (number, text) in (1..).zip(texts) {
        let message = timeline.message(room(1), number, &user("길동")).await.unwrap().unwrap();
        assert_eq!(message.text.as_deref(), Some(text));
        assert_eq!(message.reactions, [ReactionView { emoji: "'\"👍".to_owned(), count: 1, mine: true }]);
    }
    let first = timeline.message(room(1), 1, &user("o'neil")).await.unwrap().unwrap();
    assert_eq!((first.author, first.mentions), (user("o'neil"), vec![user("길동"), user("o'neil")]));
}

pub async fn ten_thousand_rooms_and_a_big_batch(adapter: &impl Adapter) {
    const ROOMS: u64 = 10_000;
    let timeline = adapter.open().await;
    let mut rows = Rows::default();
    for id in 1..=ROOMS {
        let room = u128::from(id);
        rows =
            rows.room(room, Kind::Public, Some(&format!("room {id:05}")), 1).head(room, 2, 1, i64::try_from(id % 100).unwrap());
        rows = rows.member(room, "a", Some(Role::Member), 1).message(room, 1, "first", 2);
    }
    rows.write(&*timeline).await;
    let (mut seen, mut before) = (std::collections::BTreeSet::new(), None);
    loop {
        let page = timeline.rooms_of(&user("a"), before, 1_000).await.unwrap();
        for mine in &page.items {
            let key = (mine.room.last_activity_at.as_millis(), mine.room.room);
            assert!(before.is_none_or(|before| key < before), "the order falls");
            before = Some(key);
            assert!(mine.last_message.is_some() && seen.insert(mine.room.room));
        }
        if !page.more {
            break;
        }
    }
    assert_eq!(seen.len() as u64, ROOMS);
    let capped = timeline.messages(room(1), Direction::After(0), u32::MAX, &user("a")).await.unwrap();
    assert_eq!((capped.items.len(), capped.more), (1, false));
}

pub async fn what_is_said_to_be_new_may_be_there_already(adapter: &impl Adapter) {
    const MESSAGES: u64 = 500;
    let timeline = adapter.open().await;
    let batch = |text: &str, version| {
        let one = |rows: Rows, number| rows.message(1, number, &format!("{text} {number}"), version);
        (1..=MESSAGES).fold(Rows::default().room(1, Kind::Public, Some("One"), version), one).said_to_be_new()
    };
    let text = async |number| timeline.message(room(1), number, &user("a")).await.unwrap().unwrap().text.unwrap();
    batch("first", 5).write(&*timeline).await;
    let first = adapter.dump().await;
    batch("first", 5).write(&*timeline).await;
    batch("older", 4).write(&*timeline).await;
    assert_eq!(adapter.dump().await, first);
    // One is there at a higher version, one at a lower, all others are new.
    Rows::default().message(2, 7, "higher", 9).message(2, 8, "lower", 1).write(&*timeline).await;
    let mixed = (1..=MESSAGES).fold(Rows::default(), |rows, number| rows.message(2, number, "mixed", 5)).said_to_be_new();
    mixed.message(1, 3, "edited", 6).write(&*timeline).await;
    let page = timeline.messages(room(2), Direction::After(0), 1_000, &user("a")).await.unwrap();
    assert_eq!(page.items.len() as u64, MESSAGES);
    for message in page.items {
        let expected = if message.number == 7 { ("higher", 9) } else { ("mixed", 5) };
        assert_eq!((message.text.as_deref().unwrap(), message.version), expected, "{}", message.number);
    }
    assert_eq!((text(3).await, text(4).await), ("edited".to_owned(), "first 4".to_owned()));
}

/// Whoever stops a projector may drop its write anywhere.
pub async fn a_write_that_is_given_up_anywhere_harms_no_later_one(adapter: &impl Adapter) {
    const ROWS: u64 = 150;
    let timeline = adapter.open().await;
    let mut stands = Checkpoint::default();
    for polls in 0.. {
        // Enough, and of such a size, that Postgres takes them by COPY and in several pieces.
        let id = 1_000 + polls;
        let long = "x".repeat(4_000);
        let Rows(changes) =
            (1..=ROWS).fold(Rows::default(), |rows, number| rows.message(id, number, &long, number)).said_to_be_new();
        let next = position(stands.next_offset + ROWS);
        let in_time = given_up_after(polls, timeline.apply(&changes, PARTITION, stands, next)).await;
        match timeline.apply(&changes, PARTITION, stands, next).await {
            Ok(()) => assert!(in_time.is_none(), "it was written a second time"),
            Err(Fault::CheckpointMoved(_)) => {}
            Err(fault) => panic!("after {polls} polls: {fault}"),
        }
        // Whatever became of it, it is there as a whole.
        assert_eq!(timeline.checkpoint(PARTITION).await.unwrap(), next, "after {polls} polls");
        let page = timeline.messages(room(id), Direction::After(0), 200, &user("nobody")).await.unwrap();
        assert_eq!(page.items.len() as u64, ROWS, "after {polls} polls");
        if let Some(written) = in_time {
            return written.unwrap();
        }
        stands = next;
    }
}

/// Polls `future` so many times and then drops it.
async fn given_up_after<F: Future>(mut polls: u128, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if polls == 0 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            Poll::Pending
        }
    })
    .await
}

/// As [`what_is_said_to_be_new_may_be_there_already`] says it of messages.
pub async fn rooms_and_members_said_to_be_new_may_be_there_already(adapter: &impl Adapter) {
    const ROOMS: u128 = 150;
    let timeline = adapter.open().await;
    let batch = |rooms: std::ops::Range<u128>, name: &str, version| {
        let one = |rows: Rows, id| {
            let rows = rows.room(id, Kind::Public, Some(name), version).head(id, version, 0, 7);
            rows.member(id, "a", Some(Role::Owner), version).member(id, "gone", None, version)
        };
        rooms.fold(Rows::default(), one).said_to_be_new()
    };
    batch(1..ROOMS, "First", 5).write(&*timeline).await;
    let first = adapter.dump().await;
    assert_eq!(timeline.members(room(3), None, 10).await.unwrap().items.len(), 1);
    batch(1..ROOMS, "First", 5).write(&*timeline).await;
    batch(1..ROOMS, "Older", 4).write(&*timeline).await;
    assert_eq!(adapter.dump().await, first);

    // All rooms and heads are new, and of one member each a later and an earlier row are there.
    let (later, earlier) = (ROOMS + 1, ROOMS + 2);
    let there = Rows::default().member(later, "a", None, 9).member(earlier, "a", Some(Role::Member), 1);
    there.write(&*timeline).await;
    batch(ROOMS..2 * ROOMS, "Second", 5).write(&*timeline).await;
    let role = async |id| timeline.members(room(id), None, 10).await.unwrap().items.first().map(|member| member.role);
    assert_eq!((role(later).await, role(earlier).await), (None, Some(Some(Role::Owner))));
    for id in ROOMS..2 * ROOMS {
        assert_eq!(timeline.members(room(id), None, 10).await.unwrap().items.len(), usize::from(id != later), "{id}");
    }

    // The head alone is there: it keeps what is higher.
    let heads = Rows::default().head(3 * ROOMS, 8, 4, 90);
    heads.write(&*timeline).await;
    batch(2 * ROOMS..3 * ROOMS + 1, "Third", 5).write(&*timeline).await;
    let second = adapter.dump().await;
    Rows::default().head(3 * ROOMS, 8, 4, 90).write(&*timeline).await;
    assert_eq!(adapter.dump().await, second);
}

pub async fn people_are_found_and_read_positions_rise(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let rows = Rows::default().user("a", 1).user("b", 1).deactivated("b", 2).read(1, "a", 4).read(1, "b", 9).read(1, "gone", 3);
    let rows = rows.member(1, "a", Some(Role::Member), 1).member(1, "b", Some(Role::Member), 1).member(1, "gone", None, 2);
    rows.write(&*timeline).await;
    Rows::default().user("b", 3).read(1, "a", 3).read(1, "b", 10).write(&*timeline).await;

    let found = timeline.users(&[user("b"), user("nobody"), user("a")]).await.unwrap();
    let found: Vec<_> = found.iter().map(|found| (found.user.as_str(), found.user_name.as_str(), found.deactivated)).collect();
    assert_eq!(found, [("a", "a v1", false), ("b", "b", true)]);
    assert_eq!(timeline.users(&[]).await.unwrap(), []);
    let a = timeline.user(&user("a")).await.unwrap().unwrap();
    assert_eq!((a.status_text.as_str(), a.registered_at), ("here", at(5)));
    let reads = timeline.reads_of(room(1), 10).await.unwrap();
    assert_eq!(reads.iter().map(|read| (read.user.as_str(), read.number)).collect::<Vec<_>>(), [("a", 4), ("b", 10)]);
    assert_eq!(timeline.reads_of(room(1), 1).await.unwrap().len(), 1);
}

pub async fn friends_and_blocks_are_as_each_of_the_two_sees_them(adapter: &impl Adapter) {
    use Friendship::{Friends, Incoming, None as Nothing, Outgoing};
    const NO: [bool; 2] = [false, false];
    let timeline = adapter.open().await;
    let rows = Rows::default().user("b", 1).user("c", 1).user("d", 1).hidden("b", true, 2).hidden("a", true, 1);
    let rows = rows.relation("a", "b", Friends, NO, 2).relation("a", "c", Incoming, NO, 1).relation("a", "d", Outgoing, NO, 1);
    let rows = rows.relation("a", "e", Friends, NO, 2).relation("a", "x", Nothing, [true, true], 3);
    rows.relation("a", "y", Nothing, [false, true], 3).relation("b", "a", Friends, NO, 2).write(&*timeline).await;

    let friends = async |friendship, after: Option<&str>, limit| {
        let after = after.map(user);
        let page = timeline.friends(&user("a"), friendship, after.as_ref(), limit).await.unwrap();
        let seen = |view: &infra::read_model::RelationView| {
            (view.other.user.to_string(), view.other.user_name.clone(), view.friendship, view.presence_hidden)
        };
        (page.items.iter().map(seen).collect::<Vec<_>>(), page.more)
    };
    let of = |id: &str, name: &str, friendship, hidden| (id.to_owned(), name.to_owned(), friendship, hidden);
    let (b, c) = (of("b", "b v1", Friends, true), of("c", "c v1", Incoming, false));
    let (d, e) = (of("d", "d v1", Outgoing, false), of("e", "e", Friends, false));
    assert_eq!(friends(None, None, 10).await, (vec![b.clone(), c.clone(), d.clone(), e.clone()], false));
    assert_eq!(friends(None, None, 2).await, (vec![b.clone(), c.clone()], true));
    assert_eq!(friends(None, Some("c"), 2).await, (vec![d.clone(), e.clone()], false));
    assert_eq!(friends(Some(Friends), None, 10).await, (vec![b, e], false));
    assert_eq!(friends(Some(Incoming), None, 10).await, (vec![c], false));
    assert_eq!(friends(Some(Outgoing), None, 10).await, (vec![d], false));

    let blocks = timeline.blocks(&user("a"), None, 10).await.unwrap();
    assert_eq!(blocks.items.iter().map(|view| view.other.user.as_str()).collect::<Vec<_>>(), ["x"]);
    assert_eq!(timeline.blocks(&user("a"), Some(&user("x")), 10).await.unwrap().items, []);
    let circle =
        |presence_hidden, friends: &[&str]| CircleView { presence_hidden, friends: friends.iter().map(|id| user(id)).collect() };
    assert_eq!(timeline.circle(&user("a"), 10).await.unwrap(), circle(true, &["b", "e"]));
    assert_eq!(timeline.circle(&user("a"), 1).await.unwrap(), circle(true, &["b"]));
    assert_eq!(timeline.circle(&user("nobody"), 10).await.unwrap(), CircleView::default());

    Rows::default().relation("a", "b", Nothing, [true, false], 4).write(&*timeline).await;
    assert_eq!(timeline.circle(&user("a"), 10).await.unwrap(), circle(true, &["e"]));
    assert_eq!(timeline.blocks(&user("a"), None, 10).await.unwrap().items.len(), 2);
}

pub async fn who_left_for_good_is_an_id_and_nobodys_friend(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let rows = Rows::default().user("b", 1).room(1, Kind::Public, Some("room"), 1).member(1, "b", Some(Role::Member), 1);
    rows.relation("a", "b", Friendship::Friends, [false, false], 2).write(&*timeline).await;
    assert_eq!(timeline.members(room(1), None, 10).await.unwrap().items[0].user_name, "b v1");
    Rows::default().deactivated("b", 2).write(&*timeline).await;

    let b = timeline.user(&user("b")).await.unwrap().unwrap();
    assert_eq!((b.user_name.as_str(), b.status_text.as_str(), b.deactivated), ("b", "", true));
    assert_eq!(timeline.members(room(1), None, 10).await.unwrap().items[0].user_name, "b");
    assert_eq!(timeline.friends(&user("a"), None, None, 10).await.unwrap().items, []);
}

/// Two topics raise them, each followed by a task of its own: what people say they have read, and what they send.
pub async fn of_read_positions_from_two_topics_the_highest_counts(adapter: &impl Adapter) {
    const PEOPLE: u64 = 200;
    const READS: TopicPartition = TopicPartition { topic: Topic::Reads, partition: 1 };
    let (one, other) = (adapter.open().await, adapter.open().await);
    let name = |number: u64| format!("p{number:03}");
    let members = (0..PEOPLE).fold(Rows::default(), |rows, number| rows.member(1, &name(number), Some(Role::Member), 1));
    members.write(&*one).await;
    for round in 1..=10 {
        // Of each person now the one topic is ahead, now the other.
        let rows = |turn: u64| {
            (0..PEOPLE).fold(Rows::default(), |rows, number| rows.read(1, &name(number), 2 * round + (number + round + turn) % 2))
        };
        let (sent, said) = (rows(0).0, rows(1).0);
        let [from_rooms, from_reads] = [PARTITION, READS].map(|partition| one.checkpoint(partition));
        let (from_rooms, from_reads) = (from_rooms.await.unwrap(), from_reads.await.unwrap());
        let (next_rooms, next_reads) = (position(from_rooms.next_offset + 1), position(from_reads.next_offset + 1));
        let (rooms, reads) =
            tokio::join!(one.apply(&sent, PARTITION, from_rooms, next_rooms), other.apply(&said, READS, from_reads, next_reads));
        rooms.unwrap();
        reads.unwrap();
        let found = one.reads_of(room(1), 1_000).await.unwrap();
        assert_eq!(found.len() as u64, PEOPLE);
        assert!(found.iter().all(|read| read.number == 2 * round + 1), "{round}: {found:?}");
    }
}

pub async fn it_survives_being_opened_again_by_two_at_once(adapter: &impl Adapter) {
    let (one, other) = tokio::join!(adapter.open(), adapter.open());
    Rows::default().user("a", 1).write(&*one).await;
    assert!(other.user(&user("a")).await.unwrap().is_some());
    drop((one, other));
    let again = adapter.open().await;
    assert!(again.user(&user("a")).await.unwrap().is_some());
    assert_eq!(again.checkpoint(PARTITION).await.unwrap(), position(1));
}
