//! The hostile shapes, each with what must be answered where that is the same for every route.

use serde_json::{Value, json};

/// More than any route takes.
pub const OVERSIZE_BYTES: usize = 1_200_000;

/// A body as bytes, and the only answer to it.
pub struct RawBody {
    pub what: &'static str,
    pub bytes: Vec<u8>,
    pub code: &'static str,
}

const fn raw(what: &'static str, bytes: Vec<u8>, code: &'static str) -> RawBody {
    RawBody { what, bytes, code }
}

/// Bodies that no route takes, whatever it expects.
pub fn raw_bodies() -> Vec<RawBody> {
    let nested = |open: &str, close: &str, levels: usize| [open.repeat(levels), close.repeat(levels)].concat().into_bytes();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    vec![
        raw("nothing", Vec::new(), "body-malformed"),
        raw("blanks", b" \n\t".to_vec(), "body-malformed"),
        raw("an open brace", b"{".to_vec(), "body-malformed"),
        raw("a cut-off object", br#"{"text": "x"#.to_vec(), "body-malformed"),
        raw("zeros", vec![0; 64], "body-malformed"),
        raw("bytes that are not UTF-8", b"\xff\xfe\xfd".to_vec(), "body-malformed"),
        raw("a text that is not UTF-8", b"{\"text\": \"\xc3\x28\"}".to_vec(), "body-malformed"),
        raw("an overlong encoding", b"{\"text\": \"\xc0\xaf\"}".to_vec(), "body-malformed"),
        raw("an encoded surrogate", b"{\"text\": \"\xed\xa0\x80\"}".to_vec(), "body-malformed"),
        raw("an escaped lone surrogate", br#"{"text": "\ud800"}"#.to_vec(), "body-malformed"),
        raw("a bad escape", br#"{"text": "\x41"}"#.to_vec(), "body-malformed"),
        raw("a raw control character", b"{\"text\": \"a\x01b\"}".to_vec(), "body-malformed"),
        raw("a byte order mark", b"\xef\xbb\xbf{}".to_vec(), "body-malformed"),
        raw("UTF-16", utf16(r#"{"text":"x"}"#), "body-malformed"),
        raw("something behind the end", b"{} {}".to_vec(), "body-malformed"),
        raw("a comment", b"{/* */}".to_vec(), "body-malformed"),
        raw("single quotes", b"{'text': 'x'}".to_vec(), "body-malformed"),
        raw("no number", br#"{"number": NaN}"#.to_vec(), "body-malformed"),
        raw("a number out of range", br#"{"number": 1e999}"#.to_vec(), "body-malformed"),
        raw("a number with a leading zero", br#"{"number": 01}"#.to_vec(), "body-malformed"),
        raw("arrays just too deep", nested("[", "]", 17), "body-malformed"),
        raw("arrays very deep", nested("[", "]", 20_000), "body-malformed"),
        raw("objects very deep", nested(r#"{"a":"#, "}", 8_000), "body-malformed"),
        raw("open arrays", b"[".repeat(60_000), "body-malformed"),
        raw("null", b"null".to_vec(), "value-invalid"),
        raw("a text", br#""text""#.to_vec(), "value-invalid"),
        raw("a number", b"5".to_vec(), "value-invalid"),
        raw("a huge number", [b"9".repeat(400)].concat(), "body-malformed"),
        raw("true", b"true".to_vec(), "value-invalid"),
        raw("an array of objects", b"[{}]".to_vec(), "value-invalid"),
        raw("the values without their names", br#"["x"]"#.to_vec(), "value-invalid"),
        raw("more of them", br#"["x", null, null, null, null, null, null]"#.to_vec(), "value-invalid"),
        raw(
            "too many bytes",
            [b"{\"text\": \"".to_vec(), b"x".repeat(OVERSIZE_BYTES), b"\"}".to_vec()].concat(),
            "body-too-large",
        ),
    ]
}

/// Values for any field of any body. Those of a type that the field does not allow must be pointed to.
pub fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(9_223_372_036_854_775_808_u64),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("a\u{1b}[31mb"),
        json!("\u{202e}evil"),
        json!("\u{feff}"),
        json!("'; DROP TABLE messages; --"),
        json!("<script>alert(1)</script>"),
        json!("../../etc/passwd"),
        json!("2026-13-45T99:99:99Z"),
        json!("+292278994-08-17T07:12:55.807Z"),
        json!("-9999-01-01T00:00:00Z"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("e\u{301}".repeat(9_000)),
        json!("x".repeat(60_000)),
        json!([]),
        json!(["x", null]),
        json!([[[]]]),
        json!({}),
        json!({"$ne": null}),
        json!({"__proto__": {"admin": true}}),
    ]
}

/// Values for a parameter in a path, as they stand in the request line.
pub const IN_PATH: &[&str] = &[
    "%00",
    "%ff%fe",
    "%C3%28",
    "%F0%9F%91",
    "%ED%A0%80",
    "%",
    "%zz",
    "%20",
    "a%20b",
    "a%2Fb",
    "..%2f..%2fetc%2fpasswd",
    "%0d%0aX-Injected:%201",
    "'%20OR%20'1'='1",
    "%3Cscript%3E",
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "99999999999999999999999",
    "null",
    "undefined",
    "{roomId}",
    "%E2%80%AE",
];

/// Values for a parameter after `?`.
pub const IN_QUERY: &[&str] = &[
    "",
    "%00",
    "%ff%fe",
    "%C3%28",
    "-1",
    "1.5",
    "+1",
    "1e3",
    "99999999999999999999999",
    "18446744073709551616",
    "null",
    "true",
    "[]",
    "abc",
    "'%20OR%20'1'='1",
    "eyJ2IjoxLCJjIjoiYSIsImsiOm51bGx9",
    "e30",
    "%F0%9F%91%8D",
];

/// Numbers that are numbers, but beyond what any room has.
pub const NUMBERS: &[&str] = &["0", "9223372036854775807", "9223372036854775808", "18446744073709551615"];

/// Values of `Idempotency-Key` that are none.
pub fn keys() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "1",
        "nonsense",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "01890a5dac96774bbcceb302099a8057",
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
        "00000000-0000-0000-0000-000000000000",
        "01890a5d-ac96-774b-bcce-b302099a8057, 01890a5d-ac96-774b-bcce-b302099a8057",
    ];
    let mut keys: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    keys.extend([b"\xff\xfe\xfd".to_vec(), b"x".repeat(4_000)]);
    keys
}

/// Values of `Read-After` that are none.
pub fn read_afters() -> Vec<Vec<u8>> {
    let texts =
        ["r", "x3.8", "r3", "r3.", "r.8", "r+3.8", "r3.-8", "r3.8.1", "r3.99999999999999999999999", "r99999999999.1", "null"];
    let mut tokens: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    tokens.extend([b"\xff\xfe".to_vec(), "r0.1,".repeat(40).into_bytes()]);
    tokens
}

/// Values of `Authorization` that let nobody in.
pub fn authorizations() -> Vec<Vec<u8>> {
    // {"alg":"none"} and {"alg":"HS256"}, each with {"sub":"ann"}.
    let texts = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.",
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln",
        "Basic YW5uOmFubg==",
        "Digest username=\"ann\"",
    ];
    let mut values: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    values.extend([b"Bearer \xff\xfe".to_vec(), [b"Bearer ".to_vec(), b"x".repeat(9_000)].concat()]);
    values
}
