//! What size costs, through the public interface of the embedded default: a room of many members, a person of many rooms, a room of
//! many messages, a node of many sockets. `cargo xtask prove scale` makes the sizes of `docs/scale.md`; the short form shows that
//! the way of measuring is right, and that what should not grow does not.

mod crowd;
mod loader;
mod times;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::person::Person;
use e2e::process::Node;
use e2e::proof;
use e2e::system::{Addresses, Embedded};
use serde_json::{Value, json};

use self::crowd::Crowd;
use self::loader::Loader;
use self::times::Times;
use crate::stage;

/// How much there is of everything.
#[derive(Clone, Copy)]
struct Size {
    /// Members of the large room.
    members: usize,
    /// Rooms of one person.
    rooms: usize,
    /// Messages of the long room.
    messages: usize,
    /// Sockets that follow the large room.
    sockets: usize,
    /// How often each thing is measured.
    samples: usize,
}

const FULL: Size = Size { members: 20_000, rooms: 10_000, messages: 1_000_000, sockets: 5_000, samples: 200 };
const SHORT: Size = Size { members: 300, rooms: 250, messages: 2_000, sockets: 100, samples: 20 };

/// The long room stops growing after this; the page then says how far it came.
const MESSAGES_DURATION_MAX: Duration = Duration::from_secs(600);
/// The messages are sent in this many parts, so that the first and the last rate can be held against each other.
const PARTS: usize = 10;
/// What may lie between two medians of which neither should grow with the size: the machine is busy.
const FACTOR_MAX: u32 = 10;
/// Below this a median is noise.
const NOISE: Duration = Duration::from_millis(20);
/// The memory that a node may take with everything of the full size in it.
const RESIDENT_MIB_MAX: u64 = 1_500;

/// The system and what was recorded of it.
struct Scene {
    system: Embedded,
    at: Addresses,
    loader: Loader,
    /// The person who has the rooms.
    ann: Person,
    size: Size,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_size_costs() -> Result<()> {
    let stage = stage("scale").await?;
    let size = if proof::is_wanted() { FULL } else { SHORT };
    let settings = [
        ("rate.commands_per_second", "1000000".to_owned()),
        ("rate.commands_burst", "1000000".to_owned()),
        ("ws.sockets_per_user_max", "10000".to_owned()),
    ];
    let mut node = Node::new("all", "all", &stage.folder, &settings)?;
    node.start().await?;
    let system = Embedded { node };
    let at = system.addresses();
    let ann = Person::sign_in(&at, "ann").await?;
    let loader = Loader::new(&at, &system.node, &stage.folder.join("all")).await?;
    let mut scene = Scene { system, at, loader, ann, size };
    scene.memory("just started")?;

    let large = scene.large_room().await?;
    scene.many_rooms().await?;
    scene.long_room().await?;
    let began = Instant::now();
    scene.system.node.stop().await?;
    scene.system.node.start().await?;
    said("stop and start again with all of it", &format!("{:.1} s", began.elapsed().as_secs_f64()))?;
    let sent = scene.ann.send(&large, "after the start").await?;
    ensure!(sent.status == 201, "{sent:?}");
    scene.memory("after the start")?;
    // After the start, because a process that has grown before has room for them already.
    scene.many_sockets(&large).await?;
    scene.system.node.stop().await
}

impl Scene {
    /// A room of many members: sending into it costs as much as into one of two.
    async fn large_room(&mut self) -> Result<String> {
        let (small, large) = (self.ann.create_room("public", "small").await?, self.ann.create_room("public", "large").await?);
        let people: Vec<String> = (1..self.size.members).map(|number| format!("member-{number}")).collect();
        let began = Instant::now();
        self.loader.register(&people).await?;
        said(&format!("register {} people", people.len()), &rate(people.len(), began.elapsed()))?;
        let began = Instant::now();
        let joins = people
            .iter()
            .map(|user| (reqwest::Method::PUT, format!("/chat/rooms/{large}/members/me"), json!({ "onBehalfOf": user })));
        self.loader.commands(joins).await?;
        said(&format!("let {} of them join one room", people.len()), &rate(people.len(), began.elapsed()))?;

        let (in_small, in_large) = (self.sending(&small).await?, self.sending(&large).await?);
        said("send into a room of one", &in_small.to_string())?;
        said(&format!("send into the room of {}", self.size.members), &in_large.to_string())?;
        ensure!(not_grown(&in_small, &in_large), "sending grows with the members: {in_small}, {in_large}");

        let last = self.ann.send(&large, "the last").await?;
        let room = self.ann.query(&format!("/chat/rooms/{large}"), last.read_token.as_deref()).await?.success()?;
        ensure!(room.number("/memberCount")? == self.size.members as u64, "{room:?}");
        said(
            "read that room (its members are counted)",
            &asking(&self.ann, self.size.samples, &format!("/chat/rooms/{large}")).await?.to_string(),
        )?;
        let page = asking(&self.ann, self.size.samples, &format!("/chat/rooms/{large}/members?limit=200")).await?;
        said("read a page of 200 of its members", &page.to_string())?;
        let walked = walk(&self.ann, &format!("/chat/rooms/{large}/members")).await?;
        ensure!(walked.0.len() == self.size.members, "{} members are listed", walked.0.len());
        said("read all of its members, page by page", &walked.1.to_string())?;
        self.memory("with the large room")?;
        Ok(large)
    }

    async fn sending(&self, room: &str) -> Result<Times> {
        let mut times = Times::default();
        for number in 0..self.size.samples {
            let began = Instant::now();
            let sent = self.ann.send(room, &format!("message {number}")).await?;
            times.add(began.elapsed());
            ensure!(sent.status == 201, "{sent:?}");
        }
        Ok(times)
    }

    /// One person's many rooms: each with one message that they have not read, but for a tenth of them, where they have.
    async fn many_rooms(&mut self) -> Result<()> {
        let rooms = self.size.rooms;
        self.loader.register(&["bob".to_owned()]).await?;
        let omar = Person::sign_in(&self.at, "omar").await?;
        let began = Instant::now();
        let wishes = (0..rooms).map(|number| {
            let body =
                json!({ "kind": "private", "name": format!("room {number:05}"), "members": ["omar"], "onBehalfOf": "bob" });
            (reqwest::Method::POST, "/chat/rooms".to_owned(), body)
        });
        let made = self.loader.commands(wishes).await?;
        said(&format!("make {rooms} rooms"), &rate(rooms, began.elapsed()))?;
        let ids: Vec<&str> = made.iter().filter_map(|answer| answer.body.get("roomId")?.as_str()).collect();
        ensure!(ids.len() == rooms, "{} rooms were made", ids.len());
        let messages = ids.iter().map(|room| {
            (reqwest::Method::POST, format!("/chat/rooms/{room}/messages"), json!({ "text": "hello @omar", "onBehalfOf": "bob" }))
        });
        let sent = self.loader.commands(messages).await?;
        let read = ids
            .iter()
            .step_by(10)
            .map(|room| (reqwest::Method::PUT, format!("/chat/rooms/{room}/read"), json!({ "number": 1, "onBehalfOf": "omar" })));
        let read = self.loader.commands(read).await?.len();
        self.loader.caught_up(&omar, &sent).await?;

        // Read positions come by a topic of their own, that no read token waits for.
        let unread = || async {
            let (items, times) = walk(&omar, "/chat/rooms").await?;
            let unread: u64 = items.iter().filter_map(|item| item.get("unread")?.as_u64()).sum();
            let mentions: u64 = items.iter().filter_map(|item| item.get("unreadMentions")?.as_u64()).sum();
            let expected = (rooms - read) as u64;
            let right = items.len() == rooms && unread == expected && mentions == expected;
            ensure!(right, "{} rooms, {unread} unread, {mentions} mentions; {expected} are expected", items.len());
            Ok(Some(times))
        };
        let walked = e2e::patience::until("every room with its unread messages", e2e::patience::LATE, unread).await?;
        said(&format!("read all {rooms} rooms, 200 a page"), &walked.to_string())?;
        said("read the first page of 50 rooms", &asking(&omar, self.size.samples, "/chat/rooms?limit=50").await?.to_string())?;
        said(
            "read the first page of 50 mentions",
            &asking(&omar, self.size.samples, "/chat/mentions?limit=50").await?.to_string(),
        )?;
        self.memory(&format!("with {rooms} rooms more"))
    }

    /// A room of many messages: the last costs what the first does, and a page costs the same wherever it lies.
    async fn long_room(&mut self) -> Result<()> {
        let room = self.ann.create_room("public", "long").await?;
        let began = Instant::now();
        let (part, mut rates, mut memory, mut last) = (self.size.messages / PARTS, Vec::new(), Vec::new(), None);
        for number in 0..PARTS {
            let begin = Instant::now();
            let messages = (0..part).map(|index| {
                let text = format!("message {} of part {number}: as long as people write, more or less", index + 1);
                (reqwest::Method::POST, format!("/chat/rooms/{room}/messages"), json!({ "text": text, "onBehalfOf": "ann" }))
            });
            last = self.loader.stream(messages).await?;
            rates.push(part as f64 / begin.elapsed().as_secs_f64());
            memory.push((self.resident()? >> 20).to_string());
            if began.elapsed() > MESSAGES_DURATION_MAX {
                break;
            }
        }
        let sent = part * rates.len();
        let (first, end) = (rates.first().copied().unwrap_or_default(), rates.last().copied().unwrap_or_default());
        said(&format!("send {sent} messages into one room"), &rate(sent, began.elapsed()))?;
        said("the same, first and last tenth", &format!("{first:.0}/s and {end:.0}/s"))?;
        ensure!(end * f64::from(FACTOR_MAX) > first, "sending slows down: {rates:?}");
        said("memory of the process after each tenth, in MiB", &memory.join(", "))?;

        let began = Instant::now();
        self.loader.caught_up(&self.ann, &last.into_iter().collect::<Vec<_>>()).await?;
        said("until the read model had them too", &format!("{:.1} s more", began.elapsed().as_secs_f64()))?;
        let shown = self.ann.query(&format!("/chat/rooms/{room}"), None).await?.success()?;
        ensure!(shown.number("/lastNumber")? == sent as u64, "{shown:?}");
        let page = |place: String| format!("/chat/rooms/{room}/messages?limit=50&{place}");
        let begin = asking(&self.ann, self.size.samples, &page("after=0".to_owned())).await?;
        let middle = asking(&self.ann, self.size.samples, &page(format!("around={}", sent / 2))).await?;
        let end = asking(&self.ann, self.size.samples, &format!("/chat/rooms/{room}/messages?limit=50")).await?;
        for (what, times) in [("first", &begin), ("middle", &middle), ("last", &end)] {
            said(&format!("read the {what} 50 of {sent} messages"), &times.to_string())?;
        }
        ensure!(not_grown(&begin, &end) && not_grown(&begin, &middle), "pages differ: {begin}, {middle}, {end}");
        self.memory("with the read model caught up")
    }

    /// Many sockets on one node, all in the large room.
    async fn many_sockets(&mut self, large: &str) -> Result<()> {
        let before = self.resident()?;
        let began = Instant::now();
        let mut crowd = Crowd::open(&self.at.query, &self.ann.token, large, self.size.sockets).await?;
        let sockets = self.size.sockets;
        said(&format!("open {sockets} sockets that follow the room"), &rate(sockets, began.elapsed()))?;
        let idle = self.resident()?;
        let each = idle.saturating_sub(before) / sockets as u64;
        said("memory of one of them", &format!("{:.1} KiB", each as f64 / 1024.0))?;
        let (mut first, mut last) = (Times::default(), Times::default());
        for number in 0..self.size.samples.min(20) {
            let began = Instant::now();
            let text = format!("to everybody {number}");
            self.ann.send(large, &text).await?;
            let heard = crowd.hear(&text, began).await?;
            first.add(heard.first);
            last.add(heard.last);
        }
        said("from the POST to the first of them", &first.to_string())?;
        said("from the POST to the last of them", &last.to_string())?;
        self.memory(&format!("with {sockets} sockets"))
    }

    fn resident(&self) -> Result<u64> {
        self.system.node.resident_bytes().context("the node ended")
    }

    fn memory(&self, when: &str) -> Result<()> {
        let mebibytes = self.resident()? / (1024 * 1024);
        said(&format!("memory of the process, {when}"), &format!("{mebibytes} MiB"))?;
        ensure!(mebibytes <= RESIDENT_MIB_MAX, "{mebibytes} MiB {when}");
        Ok(())
    }
}

async fn asking(person: &Person, samples: usize, path: &str) -> Result<Times> {
    let mut times = Times::default();
    for _ in 0..samples {
        let began = Instant::now();
        person.query(path, None).await?.success()?;
        times.add(began.elapsed());
    }
    Ok(times)
}

/// All items of a list, and the time of each page.
async fn walk(person: &Person, path: &str) -> Result<(Vec<Value>, Times)> {
    let (mut items, mut times, mut cursor) = (Vec::new(), Times::default(), String::new());
    loop {
        let began = Instant::now();
        let page = person.query(&format!("{path}?limit=200{cursor}"), None).await?.success()?;
        times.add(began.elapsed());
        items.extend_from_slice(page.array("/items")?);
        let Ok(next) = page.text("/next") else { return Ok((items, times)) };
        cursor = format!("&cursor={next}");
    }
}

/// Whether the second is about what the first is.
fn not_grown(small: &Times, large: &Times) -> bool {
    large.median() <= small.median().max(NOISE) * FACTOR_MAX
}

fn rate(count: usize, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    format!("{seconds:.1} s ({:.0}/s)", count as f64 / seconds)
}

#[expect(clippy::print_stderr, reason = "the output of a test is where its numbers are looked for")]
fn said(what: &str, value: &str) -> Result<()> {
    eprintln!("{what}: {value}");
    proof::record(what, value)
}
