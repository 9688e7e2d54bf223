//! What every adapter of the port [`infra::search::Search`] must do. [`contract`] makes a test of each function here for one adapter.
//!
//! Long because the contract is one: what an adapter must do is read in one place.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{Cursor, RoomId, Timestamp, UserId};
use infra::log::{Topic, TopicPartition};
use infra::read_model::Checkpoint;
use infra::search::{Document, Fault, Hit, Key, Measure, Message, Order, Person, Query, Ranking, Rooms, Search, Span, clauses};
use uuid::Uuid;

/// One index of one adapter, made for one test.
#[async_trait]
pub trait Adapter: Sized + Send + Sync + 'static {
    /// Makes a fresh one; nothing when its server is not there.
    async fn fresh() -> Option<Self>;

    /// Opens it; may be open already.
    async fn open(&self) -> Arc<dyn Search>;

    /// Takes it away.
    async fn remove(self);
}

/// Makes a module's tests of the contract for one adapter.
macro_rules! contract {
    ($adapter:ty) => {
        crate::search_contract::contract!(@each $adapter:
            the_checkpoint_moves_only_from_where_it_is_expected,
            words_are_found_in_any_form,
            korean_is_found_without_its_particles_and_inside_compounds,
            all_words_must_be_there_and_phrases_in_their_order,
            queries_look_only_where_and_when_they_may,
            a_lower_version_never_replaces_a_higher_one,
            deleted_messages_are_not_found_and_stay_deleted,
            pages_in_either_order_neither_repeat_nor_leave_out,
            the_more_fitting_comes_first,
            by_relevance_half_of_the_words_are_enough,
            marks_show_what_fits,
            hostile_texts_are_only_texts,
            everything_twice_and_opened_again_changes_nothing,
            what_is_too_old_goes_in_whole_pieces,
            a_series_counts_in_every_bucket_what_was_sent,
            rankings_count_each_message_as_it_is_now,
        );
    };
    (@each $adapter:ty: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(adapter) = <$adapter as crate::search_contract::Adapter>::fresh().await {
                    crate::search_contract::$name(&adapter).await;
                    adapter.remove().await;
                }
            }
        )*
    };
}
pub(crate) use contract;

/// No message at all.
const NONE: [u64; 0] = [];
pub const PARTITION: TopicPartition = TopicPartition { topic: Topic::Rooms, partition: 0 };

pub fn room(number: u128) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(number))
}
pub fn id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}
/// So many seconds after a moment in autumn 2023.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(seconds).unwrap() * 1_000).unwrap()
}

/// Message `number` of room 1 by Ann, whose version and second are its number.
pub fn message(number: u64, text: &str) -> Message {
    Message {
        room: room(1),
        number,
        author: id("ann"),
        sent_at: at(number),
        text: Some(text.to_owned()),
        mentions: Vec::new(),
        edited_at: None,
        version: number,
    }
}

pub async fn write(search: &dyn Search, messages: impl IntoIterator<Item = Message>) {
    let documents: Vec<Document> = messages.into_iter().map(Document::Message).collect();
    assert_eq!(search.write(&documents).await.unwrap(), []);
    search.refresh().await.unwrap();
}

/// Looks for `text` in all rooms, the latest first.
pub fn query(text: &str) -> Query {
    Query {
        clauses: if text.is_empty() { Vec::new() } else { clauses(text).unwrap() },
        rooms: Rooms::All,
        sender: None,
        from: None,
        until: None,
        order: Order::Time,
        after: None,
        limit: 100,
    }
}

/// The numbers of the messages found, rising.
async fn found(search: &dyn Search, query: Query) -> Vec<u64> {
    let mut numbers: Vec<u64> = search.find(&query).await.unwrap().items.iter().map(|hit| hit.key.number).collect();
    numbers.sort_unstable();
    numbers
}

pub async fn the_checkpoint_moves_only_from_where_it_is_expected(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let to = |next_offset, epoch, sequence| Checkpoint { next_offset, cursor: Cursor { epoch, sequence } };
    assert_eq!(search.checkpoint(PARTITION).await.unwrap(), Checkpoint::default());
    search.advance(PARTITION, Checkpoint::default(), to(5, 1, 3)).await.unwrap();
    search.advance(PARTITION, to(5, 1, 3), to(9, 2, 4)).await.unwrap();
    for wrong in [Checkpoint::default(), to(5, 1, 3), to(9, 1, 4), to(9, 2, 3)] {
        let moved = search.advance(PARTITION, wrong, to(20, 2, 9)).await;
        assert!(matches!(moved, Err(Fault::CheckpointMoved(PARTITION))), "{moved:?}");
    }
    let other = TopicPartition { topic: Topic::Users, partition: 1 };
    search.advance(other, Checkpoint::default(), to(2, 1, 1)).await.unwrap();
    let mut all = search.checkpoints().await.unwrap();
    all.sort_by_key(|(partition, _)| *partition);
    assert_eq!(all, [(other, to(2, 1, 1)), (PARTITION, to(9, 2, 4))]);
}

pub async fn words_are_found_in_any_form(adapter: &impl Adapter) {
    let search = adapter.open().await;
    write(
        &*search,
        [message(1, "Installing the PACKAGES"), message(2, "a package, ＩＮＳＴＡＬＬＥＤ"), message(3, "nothing else")],
    )
    .await;
    for text in ["install package", "installed", "PACKAGE", "how to install packages?"] {
        assert_eq!(found(&*search, query(text)).await, [1, 2], "{text}");
    }
    assert_eq!(found(&*search, query("kernel")).await, NONE);
    assert_eq!(found(&*search, query("")).await, [1, 2, 3], "a query may hold no words at all");
}

pub async fn korean_is_found_without_its_particles_and_inside_compounds(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let texts =
        ["초등학교에서 만나요", "학교는 멀어요", "책을 읽어요", "노래방 갈래?", "교학상장이란", "\u{1112}\u{1161}\u{11a8}교"];
    write(&*search, (1..).zip(texts).map(|(number, text)| message(number, text))).await;
    assert_eq!(found(&*search, query("학교")).await, [1, 2, 6]);
    assert_eq!(found(&*search, query("학교에는")).await, [1, 2, 6]);
    assert_eq!(found(&*search, query("초등학교")).await, [1]);
    assert_eq!(found(&*search, query("책")).await, [3]);
    assert_eq!(found(&*search, query("노래")).await, [4]);
}

pub async fn all_words_must_be_there_and_phrases_in_their_order(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let texts =
        ["the red apple fell", "an apple, red and round", "red is not an apple", "좋은 음악을 추천해 주세요", "추천 음악 목록"];
    write(&*search, (1..).zip(texts).map(|(number, text)| message(number, text))).await;
    assert_eq!(found(&*search, query("red apple")).await, [1, 2, 3]);
    assert_eq!(found(&*search, query("\"red apple\"")).await, [1]);
    assert_eq!(found(&*search, query("\"apple red\"")).await, [2]);
    assert_eq!(found(&*search, query("\"red apple\" fell")).await, [1]);
    assert_eq!(found(&*search, query("\"red apple\" round")).await, NONE);
    assert_eq!(found(&*search, query("\"좋은 음악\"")).await, [4]);
    assert_eq!(found(&*search, query("\"음악 목록\"")).await, [5]);
}

pub async fn queries_look_only_where_and_when_they_may(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let mut all = Vec::new();
    for number in 1..=6 {
        let author = if number % 2 == 0 { "bob" } else { "ann" };
        all.push(Message { room: room(u128::from(number % 3)), author: id(author), ..message(number, "tea time") });
    }
    write(&*search, all).await;
    let of = |rooms: &[u128]| Rooms::Of(rooms.iter().copied().map(room).collect());
    for text in ["tea", ""] {
        for order in [Order::Relevance, Order::Time] {
            let base = Query { order, ..query(text) };
            assert_eq!(found(&*search, Query { rooms: of(&[1]), ..base.clone() }).await, [1, 4]);
            assert_eq!(found(&*search, Query { rooms: of(&[0, 2]), ..base.clone() }).await, [2, 3, 5, 6]);
            assert_eq!(found(&*search, Query { rooms: of(&[]), ..base.clone() }).await, NONE, "nobody's rooms hold nothing");
            assert_eq!(found(&*search, Query { rooms: of(&[9]), ..base.clone() }).await, NONE);
            assert_eq!(found(&*search, Query { sender: Some(id("bob")), ..base.clone() }).await, [2, 4, 6]);
            assert_eq!(found(&*search, Query { from: Some(at(3)), ..base.clone() }).await, [3, 4, 5, 6]);
            assert_eq!(found(&*search, Query { until: Some(at(3)), ..base.clone() }).await, [1, 2]);
            let narrow = Query { rooms: of(&[0, 1]), sender: Some(id("bob")), from: Some(at(4)), until: Some(at(6)), ..base };
            assert_eq!(found(&*search, narrow).await, [4]);
        }
    }
    let many: BTreeSet<RoomId> = (1..=10_000).map(room).collect();
    assert_eq!(found(&*search, Query { rooms: Rooms::Of(many), ..query("tea") }).await, [1, 2, 4, 5], "ten thousand rooms");
}

pub async fn a_lower_version_never_replaces_a_higher_one(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let versioned = |version, text| Message { version, edited_at: Some(at(50)), ..message(1, text) };
    write(&*search, [versioned(10, "first thoughts")]).await;
    write(&*search, [versioned(12, "second thoughts")]).await;
    write(&*search, [versioned(11, "late news"), message(2, "late news of another")]).await;
    assert_eq!(found(&*search, query("second")).await, [1]);
    assert_eq!(found(&*search, query("first")).await, NONE);
    assert_eq!(found(&*search, query("news")).await, [2], "one that comes late does not keep back the others");
    let hit = search.find(&query("second")).await.unwrap().items.remove(0);
    assert_eq!((hit.author, hit.text.as_str(), hit.edited_at), (id("ann"), "second thoughts", Some(at(50))));
    assert_eq!((hit.key.room, hit.key.sent_at), (room(1), at(1)));
}

pub async fn deleted_messages_are_not_found_and_stay_deleted(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let deleted = |version| Message { text: None, version, ..message(1, "") };
    write(&*search, [message(1, "secret plans"), message(2, "secret too")]).await;
    write(&*search, [deleted(5)]).await;
    // A replay of the log brings the text again.
    write(&*search, [message(1, "secret plans")]).await;
    for (text, order) in [("secret", Order::Relevance), ("secret", Order::Time), ("", Order::Time)] {
        assert_eq!(found(&*search, Query { order, ..query(text) }).await, [2], "{text}");
    }
}

pub async fn pages_in_either_order_neither_repeat_nor_leave_out(adapter: &impl Adapter) {
    let search = adapter.open().await;
    // Many are alike, in score and in time, so that only room and number tell them apart.
    let texts = ["tea", "tea and cake", "tea tea", "tea"];
    let alike = (0..40_u64).map(|n| Message {
        room: room(u128::from(n % 2)),
        sent_at: at(n / 10),
        ..message(n + 1, texts[usize::try_from(n % 4).unwrap()])
    });
    write(&*search, alike).await;
    for (order, text) in [(Order::Relevance, "tea"), (Order::Time, "tea"), (Order::Time, "")] {
        let mut seen: Vec<Hit> = Vec::new();
        let mut after: Option<Key> = None;
        loop {
            let page = search.find(&Query { order, after, limit: 7, ..query(text) }).await.unwrap();
            assert!(page.items.len() <= 7 && (page.items.len() == 7 || !page.more));
            after = page.items.last().map(|hit| hit.key);
            seen.extend(page.items);
            if !page.more {
                break;
            }
        }
        let numbers: BTreeSet<u64> = seen.iter().map(|hit| hit.key.number).collect();
        assert_eq!((seen.len(), numbers.len()), (40, 40), "{order:?} {text}");
        assert!(order == Order::Relevance || seen.is_sorted_by(|a, b| a.key.sent_at >= b.key.sent_at));
        assert!(order == Order::Time || seen.is_sorted_by(|a, b| a.key.score >= b.key.score));
    }
}

pub async fn the_more_fitting_comes_first(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let long = format!("tea {}", "and many other words that have nothing to do with it ".repeat(8));
    write(
        &*search,
        [message(1, "tea tea tea"), message(2, &long), message(3, "학교"), message(4, "우리 초등학교에서 만나기로 한 날")],
    )
    .await;
    let first = |page: infra::read_model::Page<Hit>| page.items.first().map(|hit| hit.key.number);
    let by_relevance = |text| Query { order: Order::Relevance, ..query(text) };
    assert_eq!(first(search.find(&by_relevance("tea")).await.unwrap()), Some(1));
    assert_eq!(first(search.find(&by_relevance("학교")).await.unwrap()), Some(3), "the word itself before a part of another");
    assert_eq!(first(search.find(&query("tea")).await.unwrap()), Some(2), "in the order of time the latest");
}

pub async fn by_relevance_half_of_the_words_are_enough(adapter: &impl Adapter) {
    let search = adapter.open().await;
    // Others make the words rare: what nearly every message holds says little.
    let others = (100..140).map(|number| message(number, "stone and cloud"));
    let texts = ["red house", "red apple", "red apple pie", "green apple pie", "green pear"];
    write(&*search, (1..).zip(texts).map(|(number, text)| message(number, text)).chain(others)).await;
    let by_relevance = |text| Query { order: Order::Relevance, ..query(text) };
    assert_eq!(found(&*search, by_relevance("red apple pie")).await, [2, 3, 4], "two of three");
    assert_eq!(found(&*search, by_relevance("red apple")).await, [1, 2, 3, 4], "one of two");
    assert_eq!(found(&*search, by_relevance("apple")).await, [2, 3, 4]);
    let first = search.find(&by_relevance("red apple pie")).await.unwrap().items.first().map(|hit| hit.key.number);
    assert_eq!(first, Some(3), "what holds all of them comes first");
    assert_eq!(found(&*search, query("red apple pie")).await, [3], "in the order of time all of them must be there");
}

pub async fn marks_show_what_fits(adapter: &impl Adapter) {
    let search = adapter.open().await;
    write(&*search, [message(1, "Tea? \"차를\" 마시는 초등학교. <b>TEAS</b>")]).await;
    let marked = async |text: &str| -> Vec<String> {
        let hit = search.find(&query(text)).await.unwrap().items.remove(0);
        hit.marks.into_iter().map(|at| hit.text[at].to_owned()).collect()
    };
    assert_eq!(marked("tea").await, ["Tea", "TEAS"]);
    assert_eq!(marked("학교 tea").await, ["Tea", "초등학교", "TEAS"]);
    assert_eq!(marked("").await, Vec::<String>::new());
}

pub async fn hostile_texts_are_only_texts(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let texts = [
        "' OR 1=1; DROP TABLE messages; --",
        "terms:x AND NEAR(a b) * ^ \"",
        "{\"query\":{\"match_all\":{}}}\\u0000\\",
        "\u{202e}reversed\u{200b} 🏳️‍🌈 e\u{301}tude",
        "x\u{fffd}y \u{10ffff} ﷺ",
    ];
    write(&*search, (1..).zip(texts).map(|(number, text)| message(number, text))).await;
    let all = search.find(&query("")).await.unwrap().items;
    let mut came_back: Vec<&str> = all.iter().map(|hit| hit.text.as_str()).collect();
    came_back.reverse();
    assert_eq!(came_back, texts, "every text comes back as it went in");
    for text in texts {
        // Whatever is a query of it finds itself, and nothing fails.
        if let Ok(clauses) = clauses(text) {
            let hits = search.find(&Query { clauses, ..query("") }).await.unwrap().items;
            assert!(hits.iter().any(|hit| hit.text == text), "{text:?}");
        }
    }
    assert_eq!(found(&*search, query("étude")).await, [4]);
}

pub async fn everything_twice_and_opened_again_changes_nothing(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let person = Document::Person(Person { user: id("ann"), registered_at: at(0), version: 1 });
    let messages = [message(1, "tea"), message(2, "tea and cake"), Message { text: None, ..message(3, "") }];
    let mut pictures = Vec::new();
    for _ in 0..2 {
        assert_eq!(search.write(std::slice::from_ref(&person)).await.unwrap(), []);
        write(&*search, messages.clone()).await;
        pictures.push(search.find(&Query { order: Order::Relevance, ..query("tea") }).await.unwrap());
    }
    drop(search);
    pictures.push(adapter.open().await.find(&Query { order: Order::Relevance, ..query("tea") }).await.unwrap());
    assert_eq!(pictures[0].items.len(), 2);
    assert!(pictures.iter().all(|picture| *picture == pictures[0]), "{pictures:?}");
}

pub async fn what_is_too_old_goes_in_whole_pieces(adapter: &impl Adapter) {
    let search = adapter.open().await;
    const YEAR: u64 = 400 * 24 * 60 * 60;
    let dated = (1..=3).map(|number| Message { sent_at: at(number * YEAR), ..message(number, "tea") });
    write(&*search, dated).await;
    assert_eq!(search.expire(at(YEAR)).await.unwrap(), 0, "nothing is that old");
    // A piece may be as long as a year.
    assert!(search.expire(at(2 * YEAR + 350 * 24 * 60 * 60)).await.unwrap() > 0);
    search.refresh().await.unwrap();
    assert_eq!(found(&*search, query("tea")).await, [3]);
    assert_eq!(found(&*search, query("")).await, [3]);
}

pub async fn a_series_counts_in_every_bucket_what_was_sent(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let edges: Vec<Timestamp> = [0, 10, 20, 30, 40].map(at).to_vec();
    let series = async |measure: Measure, rooms: Rooms| search.series(&measure, &rooms, &edges).await.unwrap();
    assert_eq!(series(Measure::Messages, Rooms::All).await, [0, 0, 0, 0], "before anything is there");
    let sent = [(1, 0), (2, 9), (1, 10), (2, 35), (1, 39), (1, 40)];
    let messages = (1..).zip(sent).map(|(number, (of, second))| Message {
        room: room(of),
        sent_at: at(second),
        ..message(number, if number % 2 == 0 { "tea and TEA" } else { "차를 마셔요" })
    });
    write(&*search, messages).await;
    let of_one = || Rooms::Of([room(1)].into());
    assert_eq!(series(Measure::Messages, Rooms::All).await, [2, 1, 0, 2], "the end of the last bucket is not in it");
    assert_eq!(series(Measure::Messages, of_one()).await, [1, 1, 0, 1]);
    assert_eq!(series(Measure::Messages, Rooms::Of(BTreeSet::new())).await, [0, 0, 0, 0]);
    assert_eq!(series(Measure::Word("tea".to_owned()), Rooms::All).await, [1, 0, 0, 1]);
    assert_eq!(series(Measure::Word("tea".to_owned()), of_one()).await, [0, 0, 0, 0]);
    assert_eq!(series(Measure::Word("none".to_owned()), Rooms::All).await, [0, 0, 0, 0]);

    let people = [(1, 5), (2, 6), (3, 25)].map(|(number, second)| {
        Document::Person(Person { user: id(&format!("p{number}")), registered_at: at(second), version: number })
    });
    search.write(&people).await.unwrap();
    search.write(&people).await.unwrap();
    search.refresh().await.unwrap();
    assert_eq!(series(Measure::Registrations, of_one()).await, [2, 0, 1, 0]);
}

pub async fn rankings_count_each_message_as_it_is_now(adapter: &impl Adapter) {
    let search = adapter.open().await;
    let span = Span { from: at(0), until: at(100) };
    let top = async |ranking, rooms: Rooms, limit| -> Vec<(String, u64)> {
        let ranked = search.top(ranking, &rooms, span, limit).await.unwrap();
        assert!(ranked.error_max == 0 && ranked.items.iter().all(|row| row.error_max == 0), "so few are exact");
        ranked.items.into_iter().map(|row| (row.key, row.count)).collect()
    };
    let row = |key: &str, count: u64| (key.to_owned(), count);
    assert_eq!(top(Ranking::Words, Rooms::All, 10).await, []);
    let texts = ["tea tea tea", "tea and cake", "학교에서 cake", "학교는 tea", "coffee"];
    let messages = (1..).zip(texts).map(|(number, text)| Message {
        room: room(u128::from(number % 2)),
        author: id(if number == 1 { "bob" } else { "ann" }),
        ..message(number, text)
    });
    write(&*search, messages).await;
    let words = [row("tea", 3), row("cake", 2), row("학교", 2), row("coffee", 1)];
    assert_eq!(top(Ranking::Words, Rooms::All, 10).await, words, "each message once a word");
    assert_eq!(top(Ranking::Words, Rooms::All, 2).await, words[..2]);
    assert_eq!(top(Ranking::Words, Rooms::Of([room(0)].into()), 1).await, [row("tea", 2)]);
    assert_eq!(top(Ranking::People, Rooms::All, 10).await, [row("ann", 4), row("bob", 1)]);
    assert_eq!(top(Ranking::Rooms, Rooms::All, 10).await, [row(&room(1).to_string(), 3), row(&room(0).to_string(), 2)]);

    // An edit takes its old words back, and so does a deletion; a replay of what was before brings none of them again.
    let first = Message { room: room(1), author: id("bob"), version: 50, ..message(1, "coffee") };
    let second = Message { room: room(0), text: None, version: 51, ..message(2, "") };
    write(&*search, [first, second]).await;
    write(&*search, [Message { room: room(1), author: id("bob"), ..message(1, "tea tea tea") }]).await;
    let now = [row("coffee", 2), row("학교", 2), row("cake", 1), row("tea", 1)];
    assert_eq!(top(Ranking::Words, Rooms::All, 10).await, now);
    assert_eq!(top(Ranking::People, Rooms::All, 10).await, [row("ann", 4), row("bob", 1)], "what was deleted was sent");
}
