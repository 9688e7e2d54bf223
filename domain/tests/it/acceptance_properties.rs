//! What the acceptance rule promises, whoever writes whatever.

use domain::acceptance::{Ignored, Mark};
use domain::{Cursor, Verdict};
use proptest::prelude::*;

/// Small numbers, so that they often meet.
fn any_mark() -> impl Strategy<Value = Mark> {
    prop_oneof![
        (0_u64..6).prop_map(|epoch| Mark::Claim { epoch }),
        (0_u64..6, 0_u64..12).prop_map(|(epoch, sequence)| Mark::Numbered { epoch, sequence }),
        Just(Mark::Foreign),
    ]
}

/// What the rightful owners write: for each term its number of events. The sequence continues across terms.
fn rightful(terms: &[usize]) -> Vec<Mark> {
    let mut sequence = 0;
    let mut marks = Vec::new();
    for (events, epoch) in terms.iter().zip(1..) {
        marks.push(Mark::Claim { epoch });
        for _ in 0..*events {
            sequence += 1;
            marks.push(Mark::Numbered { epoch, sequence });
        }
    }
    marks
}

/// What others put between: a former owner that goes on, one that claims too late, a producer that repeats itself, a stranger.
#[derive(Debug, Clone, Copy)]
enum Stray {
    Former { terms_ago: u64, sequence: u64 },
    LateClaim { terms_ago: u64 },
    EarlyClaim { terms_ahead: u64 },
    Repeated { back: u64 },
    Foreign,
}

fn any_stray() -> impl Strategy<Value = Stray> {
    prop_oneof![
        (1_u64..4, 0_u64..30).prop_map(|(terms_ago, sequence)| Stray::Former { terms_ago, sequence }),
        (0_u64..4).prop_map(|terms_ago| Stray::LateClaim { terms_ago }),
        prop_oneof![2_u64..9, Just(u64::MAX)].prop_map(|terms_ahead| Stray::EarlyClaim { terms_ahead }),
        (0_u64..5).prop_map(|back| Stray::Repeated { back }),
        Just(Stray::Foreign),
    ]
}

impl Stray {
    /// The record that it puts behind a log that has come to `cursor`.
    const fn mark(self, cursor: Cursor) -> Mark {
        match self {
            Self::Former { terms_ago, sequence } => Mark::Numbered { epoch: cursor.epoch.saturating_sub(terms_ago), sequence },
            Self::LateClaim { terms_ago } => Mark::Claim { epoch: cursor.epoch.saturating_sub(terms_ago) },
            Self::EarlyClaim { terms_ahead } => Mark::Claim { epoch: cursor.epoch.saturating_add(terms_ahead) },
            Self::Repeated { back } => Mark::Numbered { epoch: cursor.epoch, sequence: cursor.sequence.saturating_sub(back) },
            Self::Foreign => Mark::Foreign,
        }
    }
}

/// The records that count.
fn effective(marks: &[Mark]) -> (Cursor, Vec<Mark>) {
    let mut cursor = Cursor::default();
    let counts = |mark: &&Mark| !matches!(cursor.accept(**mark), Verdict::Ignored(_));
    let history = marks.iter().filter(counts).copied().collect();
    (cursor, history)
}

proptest! {
    #[test]
    fn the_epoch_never_falls_and_the_sequence_rises_one_by_one(marks in prop::collection::vec(any_mark(), 0..80)) {
        let mut cursor = Cursor::default();
        for mark in marks {
            let before = cursor;
            match cursor.accept(mark) {
                Verdict::Claimed => prop_assert!(cursor.epoch == before.epoch + 1 && cursor.sequence == before.sequence),
                Verdict::Effective => {
                    prop_assert!(cursor.epoch == before.epoch && cursor.epoch > 0);
                    prop_assert_eq!(cursor.sequence, before.sequence + 1);
                }
                Verdict::Ignored(_) => prop_assert_eq!(cursor, before),
            }
        }
    }

    #[test]
    fn whatever_others_put_between_the_history_stays_the_same(
        terms in prop::collection::vec(0_usize..6, 0..5),
        strays in prop::collection::vec((any::<prop::sample::Index>(), any_stray()), 0..60),
    ) {
        let rightful = rightful(&terms);
        let mut log = Vec::new();
        let mut cursor = Cursor::default();
        let put_at = |(place, stray): &(prop::sample::Index, Stray)| (place.index(rightful.len() + 1), *stray);
        let strays: Vec<(usize, Stray)> = strays.iter().map(put_at).collect();
        for place in 0..=rightful.len() {
            log.extend(strays.iter().filter(|(at, _)| *at == place).map(|(_, stray)| stray.mark(cursor)));
            if let Some(mark) = rightful.get(place) {
                cursor.accept(*mark);
                log.push(*mark);
            }
        }
        prop_assert_eq!(effective(&log), (cursor, rightful), "in {:?}", log);
    }

    /// Where a reader stops and goes on with its checkpoint makes no difference.
    #[test]
    fn a_fold_can_be_resumed_anywhere(marks in prop::collection::vec(any_mark(), 0..60), cut in any::<prop::sample::Index>()) {
        let (first, second) = marks.split_at(cut.index(marks.len() + 1));
        let mut cursor = effective(first).0;
        for mark in second {
            cursor.accept(*mark);
        }
        prop_assert_eq!(cursor, effective(&marks).0);
    }
}

/// A former owner whose whole pipeline arrives late, one record at a time, at every place: none of it counts, because its epoch
/// is over; and had it arrived in time, all of it would have counted.
#[test]
fn a_late_pipeline_counts_as_a_whole_up_to_the_claim_and_not_beyond() {
    let pipeline: Vec<Mark> = (1..=4).map(|sequence| Mark::Numbered { epoch: 1, sequence }).collect();
    for arrived in 0..=pipeline.len() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.accept(Mark::Claim { epoch: 1 }), Verdict::Claimed);
        for mark in &pipeline[..arrived] {
            assert_eq!(cursor.accept(*mark), Verdict::Effective);
        }
        assert_eq!(cursor.accept(Mark::Claim { epoch: 2 }), Verdict::Claimed);
        for mark in &pipeline[arrived..] {
            assert_eq!(cursor.accept(*mark), Verdict::Ignored(Ignored::WrongEpoch));
        }
        assert_eq!(cursor, Cursor { epoch: 2, sequence: arrived as u64 });
    }
}
