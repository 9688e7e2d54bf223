//! What is hardly HTTP, or none at all: refused by the server below all routes, on both listeners.

use anyhow::{Result, ensure};
use e2e::raw::{self, RawAnswer, RawRequest};

use super::{start, works_on};
use crate::stage;

/// How the request looks, and which statuses are an orderly answer; 0 is a closed connection.
type Case = (&'static str, Vec<u8>, &'static [u16]);

fn cases() -> Vec<Case> {
    let post = "POST /chat/rooms HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let get = "GET /chat/rooms HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let with = |head: &str, rest: &[u8]| [head.as_bytes(), rest].concat();
    let refused: &[u16] = &[0, 400];
    vec![
        ("noise", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(40), refused),
        ("zeros", vec![0; 4_096], refused),
        ("empty lines, then noise", [b"\r\n".repeat(5_000), b"x\r\n\r\n".to_vec()].concat(), refused),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), refused),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec(), refused),
        ("HTTP/2 without a word", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[0, 400, 505]),
        ("HTTP/9.9", b"GET / HTTP/9.9\r\nhost: x\r\n\r\n".to_vec(), &[0, 400, 505]),
        ("a header without a colon", with(get, b"nonsense\r\n\r\n"), refused),
        ("a header with a NUL", with(get, b"x: a\0b\r\n\r\n"), refused),
        ("a folded header", with(get, b"x: a\r\n b\r\n\r\n"), refused),
        (
            "a thousand headers",
            with(get, &b"x: y\r\n".repeat(1_000).into_iter().chain(*b"\r\n").collect::<Vec<_>>()),
            &[0, 400, 431],
        ),
        ("a huge header", with(get, &[b"x: ".to_vec(), b"y".repeat(1_000_000), b"\r\n\r\n".to_vec()].concat()), &[0, 400, 431]),
        (
            "a huge target",
            [b"GET /".to_vec(), b"x".repeat(200_000), b" HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()].concat(),
            &[0, 400, 414, 431],
        ),
        (
            "a target with bytes that are not UTF-8",
            b"GET /chat/\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            &[0, 400, 404],
        ),
        (
            "a target above the root",
            b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            &[400, 404],
        ),
        (
            "a foreign target",
            b"GET http://evil.example/chat/rooms HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            &[400, 401, 404],
        ),
        ("a tunnel", b"CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(), &[0, 400, 404, 405]),
        ("no host", b"GET /chat/rooms HTTP/1.1\r\nconnection: close\r\n\r\n".to_vec(), &[0, 400, 401, 404]),
        ("a length that is no number", with(post, b"content-length: many\r\n\r\n{}"), refused),
        ("a negative length", with(post, b"content-length: -1\r\n\r\n{}"), refused),
        ("two lengths", with(post, b"content-length: 2\r\ncontent-length: 200\r\n\r\n{}"), refused),
        // Unauthenticated: the length alone must make the server reserve nothing.
        ("a length beyond all memory", with(post, b"content-length: 18446744073709551615\r\n\r\n{}"), &[0, 400, 401, 413, 431]),
        ("a length and chunks", with(post, b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), &[0, 400, 401]),
        ("a chunk without a size", with(post, b"transfer-encoding: chunked\r\n\r\nzz\r\n\r\n"), &[0, 400, 401]),
        ("a chunk beyond all memory", with(post, b"transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"), &[0, 400, 401, 413]),
        ("an unknown encoding", with(post, b"transfer-encoding: rot13\r\n\r\n{}"), &[0, 400, 401, 501]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_refused_below_the_routes() -> Result<()> {
    let stage = stage("hostile-wire").await?;
    let mut system = start(&stage.folder).await?;
    let at = system.addresses();
    let internal = system.node.internal_url();
    for url in [at.query.clone(), internal.clone()] {
        for (what, bytes, orderly) in cases() {
            let answer = raw::ask(&url, &bytes).await?;
            let text = String::from_utf8_lossy(&answer.body).to_lowercase();
            // The internal listener has no such routes.
            let unknown = url == internal && answer.status == 404;
            ensure!(unknown || orderly.contains(&answer.status), "{what}: {answer:?}");
            ensure!(!super::INTERNALS.iter().any(|internal| text.contains(internal)), "{what}: {text}");
        }
    }
    smuggled_bodies(&at.query).await?;
    works_on(&system.node, &at).await?;
    system.node.stop().await
}

/// The body that one request announces is never read as the next request of the connection.
async fn smuggled_bodies(url: &str) -> Result<()> {
    let hidden = RawRequest::new("GET", "/user/.well-known/jwks.json").bytes();
    let outer = RawRequest::new("POST", "/chat/rooms").header("content-type", "application/json").body(hidden);
    let RawAnswer { status, body, .. } = raw::ask(url, &outer.bytes()).await?;
    ensure!(status == 401 && !String::from_utf8_lossy(&body).contains("\"keys\""), "{status} {}", String::from_utf8_lossy(&body));
    Ok(())
}
