//! The live feed against clients that keep to no protocol: they are told so or cut off, and nobody else notices.

use anyhow::{Result, ensure};
use e2e::live::Live;
use e2e::person::Person;
use e2e::raw::{self, RawAnswer, RawFrame, RawRequest, RawSocket, frame};
use serde_json::{Value, json};

use super::{check, start, works_on};
use crate::stage;

const FIN_TEXT: u8 = 0x81;
const TEXT: u8 = 0x01;
const CONTINUATION: u8 = 0x00;
const FIN_CONTINUATION: u8 = 0x80;
const FIN_BINARY: u8 = 0x82;
const FIN_CLOSE: u8 = 0x88;
const FIN_PING: u8 = 0x89;

/// Text frames that are none of the protocol's.
fn malformed() -> Vec<String> {
    let room = "0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b";
    let mut texts: Vec<String> = [
        "",
        " ",
        "null",
        "5",
        "\"ping\"",
        "[]",
        "{}",
        "{",
        "{\"type\":\"ping\"",
        "{\"type\":\"ping\"} {\"type\":\"ping\"}",
        "{\"type\":\"ping\",\"type\":\"ping\"}",
        "{\"type\":\"ping\",\"more\":1}",
        "{\"type\":null}",
        "{\"type\":[\"ping\"]}",
        "{\"type\":\"PING\"}",
        "{\"type\":\"shutdown\"}",
        "{\"type\":\"subscribed\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"subscribe\",\"room\":null}",
        "{\"type\":\"subscribe\",\"room\":\"../../etc/passwd\"}",
        "{\"type\":\"authenticate\",\"token\":5}",
        "\u{feff}{\"type\":\"ping\"}",
        "{\"type\":\"ping\\ud800\"}",
        "\u{0}\u{1}\u{2}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push(format!("{{\"type\":\"subscribe\",\"room\":\"{room}\",\"afterVersion\":-1}}"));
    texts.push(format!("{{\"type\":\"subscribe\",\"room\":\"{room}\",\"afterVersion\":1.5}}"));
    texts.push(format!("{{\"type\":\"subscribe\",\"room\":\"{room}\",\"afterVersion\":99999999999999999999}}"));
    texts.push(format!("{{\"type\":\"typing\",\"room\":\"{room}\",\"userId\":\"bob\"}}"));
    texts.push(["[".repeat(4_000), "]".repeat(4_000)].concat());
    texts.push(["{\"type\":".repeat(900), "1".to_owned(), "}".repeat(900)].concat());
    texts
}

fn code(text: &str) -> Result<String> {
    let told: Value = serde_json::from_str(text)?;
    ensure!(told.get("type") == Some(&json!("error")), "{text}");
    Ok(told.get("code").and_then(Value::as_str).unwrap_or_default().to_owned())
}

async fn pong(socket: &mut RawSocket) -> Result<()> {
    socket.send_text(r#"{"type":"ping"}"#).await;
    let answer = socket.next().await?;
    ensure!(answer == RawFrame::Text(r#"{"type":"pong"}"#.to_owned()), "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_feed_survives_every_frame() -> Result<()> {
    let stage = stage("hostile-socket").await?;
    let mut system = start(&stage.folder).await?;
    let at = system.addresses();
    let (ann, eve) = (Person::sign_in(&at, "ann").await?, Person::sign_in(&at, "eve").await?);
    let room = ann.create_room("private", "watched").await?;
    let mut live = Live::open(&ann).await?;
    e2e::patience::until("the room", e2e::patience::SOON, || async {
        Ok(ann.query(&format!("/chat/rooms/{room}"), None).await?.status.is_success().then_some(()))
    })
    .await?;
    live.subscribe(&room, None).await?;

    texts_are_answered(&at.query, &eve).await?;
    rooms_of_others_are_not_there(&at.query, &eve, &room).await?;
    fragments_are_put_together(&at.query, &eve).await?;
    broken_frames_end_the_socket(&at.query, &eve).await?;
    floods_are_cut_off(&at.query, &eve).await?;
    no_handshake_no_socket(&at.query, &eve).await?;

    // Somebody who watched all the while missed nothing.
    ann.send(&room, "calm").await?;
    ensure!(live.next_message(&room).await?.get("text") == Some(&json!("calm")), "another text");
    works_on(&system.node, &at).await?;
    system.node.stop().await
}

async fn texts_are_answered(url: &str, eve: &Person) -> Result<()> {
    let mut socket = RawSocket::open(url, &eve.token).await?;
    for text in malformed() {
        socket.send_text(&text).await;
        let answer = socket.next().await?;
        let RawFrame::Text(answer) = answer else { anyhow::bail!("{text:.60}: {answer:?}") };
        ensure!(code(&answer)? == "malformed", "{text:.60}: {answer}");
        ensure!(answer.len() < 200, "what was sent is not repeated: {answer}");
    }
    socket.send_bytes(&frame(FIN_BINARY, br#"{"type":"ping"}"#)).await;
    let RawFrame::Text(answer) = socket.next().await? else { anyhow::bail!("no answer to a binary frame") };
    ensure!(code(&answer)? == "malformed", "{answer}");
    // All the same it is a socket.
    pong(&mut socket).await
}

/// A private room, a room that does not exist, and rooms without end: refused one by one, and nothing is told of them.
async fn rooms_of_others_are_not_there(url: &str, eve: &Person, room: &str) -> Result<()> {
    let mut socket = RawSocket::open(url, &eve.token).await?;
    for room in [room, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"] {
        for after in
            ["", r#","afterVersion":0"#, r#","afterVersion":9223372036854775808"#, r#","afterVersion":18446744073709551615"#]
        {
            socket.send_text(&format!(r#"{{"type":"subscribe","room":"{room}"{after}}}"#)).await;
            let RawFrame::Text(answer) = socket.next().await? else { anyhow::bail!("no answer") };
            ensure!(code(&answer)? == "room-not-found", "{answer}");
        }
        socket.send_text(&format!(r#"{{"type":"typing","room":"{room}"}}"#)).await;
        let RawFrame::Text(answer) = socket.next().await? else { anyhow::bail!("no answer") };
        ensure!(code(&answer)? == "not-subscribed", "{answer}");
        socket.send_text(&format!(r#"{{"type":"unsubscribe","room":"{room}"}}"#)).await;
    }
    for token in ["", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", &"x".repeat(7_000)] {
        socket.send_text(&json!({"type": "authenticate", "token": token}).to_string()).await;
        let RawFrame::Text(answer) = socket.next().await? else { anyhow::bail!("no answer") };
        ensure!(code(&answer)? == "token-refused", "{answer}");
    }
    pong(&mut socket).await
}

async fn fragments_are_put_together(url: &str, eve: &Person) -> Result<()> {
    let mut socket = RawSocket::open(url, &eve.token).await?;
    let (first, rest) = br#"{"type":"ping"}"#.split_at(5);
    let parts: Vec<u8> = rest.iter().flat_map(|byte| frame(CONTINUATION, &[*byte])).collect();
    // A ping between the fragments is answered, and belongs to none of them.
    let ping = frame(FIN_PING, b"are you there");
    socket.send_bytes(&[frame(TEXT, first), ping, parts, frame(FIN_CONTINUATION, b"")].concat()).await;
    let (one, other) = (socket.next().await?, socket.next().await?);
    let pongs = [&one, &other].into_iter().filter(|frame| **frame == RawFrame::Other(10)).count();
    let texts = [&one, &other].into_iter().filter(|frame| **frame == RawFrame::Text(r#"{"type":"pong"}"#.to_owned())).count();
    ensure!((pongs, texts) == (1, 1), "{one:?} {other:?}");
    pong(&mut socket).await
}

/// What breaks the WebSocket protocol itself, or a limit, closes the socket.
async fn broken_frames_end_the_socket(url: &str, eve: &Person) -> Result<()> {
    let mut unmasked = frame(FIN_TEXT, b"{}");
    unmasked.splice(1..6, [2]);
    let endless: Vec<u8> = (0..2_000).flat_map(|_| frame(CONTINUATION, &[b'x'; 16])).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a text that is not UTF-8", frame(FIN_TEXT, b"\xff\xfe\xfd")),
        ("half a character", frame(FIN_TEXT, b"\xf0\x9f\x91")),
        ("a frame without a mask", unmasked),
        ("a reserved bit", frame(0xc1, b"{}")),
        ("a reserved opcode", frame(0x83, b"{}")),
        ("a continuation of nothing", frame(FIN_CONTINUATION, b"{}")),
        ("a text within a text", [frame(TEXT, b"{"), frame(FIN_TEXT, b"}")].concat()),
        ("a long ping", frame(FIN_PING, &[b'x'; 126])),
        ("a ping in pieces", frame(0x09, b"x")),
        ("a length beyond all memory", [&[FIN_TEXT, 0xff], u64::MAX.to_be_bytes().as_slice(), &[0; 4]].concat()),
        (
            "a length that is said at too great length",
            [&[FIN_TEXT, 0xff], (1_u64 << 40).to_be_bytes().as_slice(), &[0; 4]].concat(),
        ),
        ("a frame too large", frame(FIN_TEXT, &vec![b'x'; 9 * 1024])),
        ("a much too large frame", frame(FIN_TEXT, &vec![b'x'; 4 * 1024 * 1024])),
        ("a message too large in pieces", [frame(TEXT, b"{"), endless].concat()),
        ("a close frame of one byte", frame(FIN_CLOSE, b"x")),
        ("a close frame with a code that is none", frame(FIN_CLOSE, &0_u16.to_be_bytes())),
        ("a close frame with a reason that is not UTF-8", frame(FIN_CLOSE, b"\x03\xe8\xff\xff")),
        ("noise", b"GET / HTTP/1.1\r\n\r\n".repeat(100)),
    ];
    for (what, bytes) in cases {
        let mut socket = RawSocket::open(url, &eve.token).await?;
        socket.send_bytes(&bytes).await;
        loop {
            match socket.next().await? {
                RawFrame::Close(_) | RawFrame::End => break,
                RawFrame::Text(text) => ensure!(matches!(code(&text)?.as_str(), "closing" | "malformed"), "{what}: {text}"),
                RawFrame::Other(_) => {}
            }
        }
    }
    Ok(())
}

/// A client that sends without end is cut off with the code that says so.
async fn floods_are_cut_off(url: &str, eve: &Person) -> Result<()> {
    for text in [r#"{"type":"ping"}"#, "{", r#"{"type":"unsubscribe","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b"}"#] {
        let mut socket = RawSocket::open(url, &eve.token).await?;
        // More than the burst of 1,000, with room for what the rate adds on a slow machine.
        for _ in 0..100 {
            socket.send_bytes(&frame(FIN_TEXT, text.as_bytes()).repeat(100)).await;
        }
        let close = loop {
            match socket.next().await? {
                RawFrame::Close(code) => break code,
                RawFrame::End => anyhow::bail!("{text}: no close code"),
                RawFrame::Text(_) | RawFrame::Other(_) => {}
            }
        };
        ensure!(close == 4429, "{text}: {close}");
    }
    Ok(())
}

async fn no_handshake_no_socket(url: &str, eve: &Person) -> Result<()> {
    let upgrade = |key: &str, version: &str| {
        let request = RawRequest::new("GET", "/chat/ws").header("authorization", format!("Bearer {}", eve.token));
        request.header("upgrade", "websocket").header("sec-websocket-key", key).header("sec-websocket-version", version)
    };
    let good = "dGhlIHNhbXBsZSBub25jZQ==";
    let mut foreign = upgrade(good, "13");
    foreign.headers.retain(|(name, _)| name != "authorization");
    for (what, request) in [
        ("no upgrade", RawRequest::new("GET", "/chat/ws").header("authorization", format!("Bearer {}", eve.token))),
        ("no key", upgrade("", "13")),
        ("an old version", upgrade(good, "8")),
        ("no version", upgrade(good, "")),
        ("nobody", foreign),
        ("another method", RawRequest { method: "POST".to_owned(), ..upgrade(good, "13") }),
    ] {
        let answer: RawAnswer = raw::ask(url, &request.bytes()).await?;
        check(what, &answer, "")?;
        ensure!(answer.status >= 400, "{what}: {answer:?}");
    }
    Ok(())
}
