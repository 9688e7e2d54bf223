//! The form of keys and values in the folder's key-value store.
//!
//! A key is `topic (1 byte) · partition (4) · offset (8)`, big-endian, so that a partition lies in offset order. A value is
//! `version (1) · appended at (8) · key · headers · value`, each length a varint. The names of the headers that every event has
//! are one byte each: they would be a third of a short message's bytes otherwise.

use std::borrow::Cow;

use domain::wire::Record;

use crate::log::names::KNOWN;
use crate::log::{Offset, StoredRecord, Topic, TopicPartition};

/// The version of the value's form. A later form gets the next number, and this one stays readable.
const VERSION: u8 = 1;

/// Stands for a name that is spelled out.
const SPELLED_OUT: u8 = 0xff;

/// The byte that stands for a topic in keys: part of the stored form, so never changed.
const fn topic_byte(topic: Topic) -> u8 {
    match topic {
        Topic::Users => 1,
        Topic::Rooms => 2,
        Topic::Owners => 3,
        Topic::Reads => 4,
        Topic::Revoked => 5,
        Topic::Sagas => 6,
        Topic::Parked => 7,
        Topic::Presence => 8,
    }
}

/// What every key of the partition begins with.
pub fn partition_prefix(of: TopicPartition) -> [u8; 5] {
    let [a, b, c, d] = of.partition.to_be_bytes();
    [topic_byte(of.topic), a, b, c, d]
}

/// The key of the record at `offset`.
pub fn record_key(of: TopicPartition, offset: Offset) -> [u8; 13] {
    let mut key = [0; 13];
    let (prefix, rest) = key.split_at_mut(5);
    prefix.copy_from_slice(&partition_prefix(of));
    rest.copy_from_slice(&offset.to_be_bytes());
    key
}

/// The key under which a compacted topic remembers where the latest record with `record_key` is.
pub fn latest_key(of: TopicPartition, record_key: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + record_key.len());
    key.extend_from_slice(&partition_prefix(of));
    key.extend_from_slice(record_key);
    key
}

/// The offset in a record's key.
pub fn offset_of(key: &[u8]) -> Option<Offset> {
    key.get(5..).and_then(|rest| rest.try_into().ok()).map(Offset::from_be_bytes)
}

/// Writes a record.
pub fn encode(record: &Record, appended_at_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(record.size_bytes() + 32);
    out.push(VERSION);
    out.extend_from_slice(&appended_at_ms.to_be_bytes());
    put_bytes(&mut out, &record.key);
    put_varint(&mut out, record.headers.len());
    for (name, value) in &record.headers {
        match KNOWN.iter().position(|known| known == name).and_then(|place| u8::try_from(place).ok()) {
            Some(place) => out.push(place),
            None => {
                out.push(SPELLED_OUT);
                put_bytes(&mut out, name.as_bytes());
            }
        }
        put_bytes(&mut out, value);
    }
    put_bytes(&mut out, &record.value);
    out
}

/// Reads what [`encode`] wrote; nothing when it is damaged or of a later version.
pub fn decode(offset: Offset, bytes: &[u8]) -> Option<StoredRecord> {
    let mut rest = bytes;
    if take(&mut rest, 1)? != [VERSION] {
        return None;
    }
    let appended_at_ms = i64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?);
    let key = take_bytes(&mut rest)?.to_vec();
    let header_count = take_varint(&mut rest)?;
    // A damaged count must not reserve memory that the bytes cannot fill: a header takes two bytes at least.
    let mut headers = Vec::with_capacity(header_count.min(rest.len() / 2));
    for _ in 0..header_count {
        let name = match take(&mut rest, 1)? {
            [SPELLED_OUT] => Cow::Owned(String::from_utf8(take_bytes(&mut rest)?.to_vec()).ok()?),
            [place] => Cow::Borrowed(*KNOWN.get(usize::from(*place))?),
            _ => return None,
        };
        headers.push((name, take_bytes(&mut rest)?.to_vec()));
    }
    let value = take_bytes(&mut rest)?.to_vec();
    Some(StoredRecord { offset, appended_at_ms: Some(appended_at_ms), record: Record { key, headers, value } })
}

/// When the record was appended, without reading the rest.
pub fn appended_at_ms(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.get(1..9)?.try_into().ok()?))
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// LEB128: seven bits a byte, the lowest first.
fn put_varint(out: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = take_varint(rest)?;
    take(rest, count)
}

fn take_varint(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let [byte] = take(rest, 1)? else { return None };
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> impl Strategy<Value = Record> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
        let name = prop_oneof![proptest::sample::select(KNOWN).prop_map(Cow::Borrowed), "[a-z]{0,12}".prop_map(Cow::Owned)];
        (bytes(), proptest::collection::vec((name, bytes()), 0..20), bytes()).prop_map(|(key, headers, value)| Record {
            key,
            headers,
            value,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(record in records(), offset: u64, at: i64) {
            let bytes = encode(&record, at);
            prop_assert_eq!(appended_at_ms(&bytes), Some(at));
            prop_assert_eq!(decode(offset, &bytes), Some(StoredRecord { offset, appended_at_ms: Some(at), record }));
        }

        #[test]
        fn damaged_bytes_are_refused_and_never_panic(record in records(), cut in 0_usize..4_000) {
            let bytes = encode(&record, 0);
            if let Some(part) = bytes.get(..cut).filter(|part| part.len() < bytes.len()) {
                prop_assert_eq!(decode(0, part), None);
            }
        }
    }

    #[test]
    fn keys_lie_in_the_order_of_topic_partition_offset() {
        let key = |topic, partition, offset| record_key(TopicPartition { topic, partition }, offset);
        let keys = [
            key(Topic::Users, 0, 255),
            key(Topic::Users, 0, 256),
            key(Topic::Users, 1, 0),
            key(Topic::Users, 256, 0),
            key(Topic::Rooms, 0, 0),
        ];
        assert!(keys.is_sorted());
        assert_eq!(keys.iter().map(|key| offset_of(key)).collect::<Vec<_>>(), [Some(255), Some(256), Some(0), Some(0), Some(0)]);
    }
}
