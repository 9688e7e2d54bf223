//! Korean particles (조사) and the plural, taken off by rule.
//!
//! A particle is a suffix of a Hangul word. Most come in two forms, one behind a final consonant (받침) and one behind a vowel, which
//! tells many of them from the end of a noun: 가을 is not 가 and 을, since 을 needs a consonant before it. What remains must have a
//! stated number of syllables. A few nouns that the rule would still cut are listed.

/// What must stand before a particle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Any,
    Consonant,
    Vowel,
    /// 로 stands behind a vowel or ㄹ.
    VowelOrRieul,
}

use Before::{Any, Consonant, Vowel, VowelOrRieul};

/// Suffix, what stands before it, and the least syllables that must remain. Longer ones come first where one ends in another.
const PARTICLES: &[(&str, Before, usize)] = &[
    ("으로부터", Consonant, 1),
    ("로부터", VowelOrRieul, 1),
    ("에서부터", Any, 1),
    ("이었어요", Consonant, 2),
    ("이에요", Consonant, 2),
    ("입니다", Any, 2),
    ("입니까", Any, 2),
    ("인가요", Any, 2),
    ("인데요", Any, 2),
    ("이라는", Consonant, 2),
    ("라는", Vowel, 2),
    ("이라고", Consonant, 2),
    ("라고", Vowel, 2),
    ("이라도", Consonant, 2),
    ("라도", Vowel, 2),
    ("예요", Vowel, 2),
    ("인데", Any, 2),
    ("에서", Any, 1),
    ("에게", Any, 1),
    ("한테", Any, 1),
    ("께서", Any, 1),
    ("으로", Consonant, 1),
    ("까지", Any, 1),
    ("부터", Any, 1),
    ("처럼", Any, 1),
    ("보다", Any, 2),
    ("마다", Any, 1),
    ("조차", Any, 2),
    ("마저", Any, 2),
    ("밖에", Any, 1),
    ("이랑", Consonant, 1),
    ("하고", Any, 2),
    ("이나", Consonant, 2),
    ("랑", Vowel, 2),
    ("들", Any, 2),
    ("을", Consonant, 1),
    ("를", Vowel, 1),
    ("은", Consonant, 2),
    ("는", Vowel, 2),
    ("이", Consonant, 2),
    ("가", Vowel, 2),
    ("의", Any, 2),
    ("에", Any, 1),
    ("도", Any, 2),
    ("만", Any, 2),
    ("로", VowelOrRieul, 2),
    ("와", Vowel, 2),
    ("과", Consonant, 2),
];

/// Nouns and adverbs that end like a word with a particle.
const WHOLE: &[&str] = &[
    "고양이",
    "어린이",
    "호랑이",
    "원숭이",
    "젊은이",
    "늙은이",
    "지렁이",
    "멍멍이",
    "쌍둥이",
    "떡볶이",
    "달팽이",
    "개구쟁이",
    "손잡이",
    "목걸이",
    "귀걸이",
    "제주도",
    "강원도",
    "경기도",
    "만화가",
    "스스로",
    "아무도",
    "아마도",
];

/// Suffixes that are taken off one after the other, at most: 들 + 에게 + 는.
const SUFFIXES_MAX: usize = 3;

/// `word` without its particles; itself where it is not all Hangul syllables.
pub(super) fn without(word: &str) -> &str {
    if !word.chars().all(is_syllable) {
        return word;
    }
    let mut rest = word;
    for _ in 0..SUFFIXES_MAX {
        if WHOLE.contains(&rest) {
            break;
        }
        match PARTICLES.iter().find_map(|particle| cut(rest, *particle)) {
            Some(shorter) => rest = shorter,
            None => break,
        }
    }
    rest
}

fn cut<'a>(word: &'a str, (suffix, before, syllables_min): (&str, Before, usize)) -> Option<&'a str> {
    let rest = word.strip_suffix(suffix)?;
    let last = rest.chars().next_back()?;
    let fits = match (before, final_consonant(last)) {
        (Any, _) | (Consonant, 1..) | (Vowel | VowelOrRieul, 0) | (VowelOrRieul, RIEUL) => true,
        (Consonant, 0) | (Vowel | VowelOrRieul, _) => false,
    };
    (fits && rest.chars().count() >= syllables_min).then_some(rest)
}

/// ㄹ among the final consonants.
const RIEUL: u32 = 8;

/// The number of a syllable's final consonant, 0 for none (Unicode, chapter 3.12: syllables are numbered by their 28 endings).
fn final_consonant(syllable: char) -> u32 {
    (u32::from(syllable) - u32::from('가')) % 28
}

/// Whether `c` is a whole syllable.
pub(super) fn is_syllable(c: char) -> bool {
    matches!(c, '가'..='힣')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_are_taken_off() {
        for (word, expected) in [
            ("학교에서", "학교"),
            ("학교에서는", "학교"),
            ("사람들에게는", "사람"),
            ("친구가", "친구"),
            ("친구와", "친구"),
            ("음악을", "음악"),
            ("노래를", "노래"),
            ("책을", "책"),
            ("집에", "집"),
            ("서울로", "서울"),
            ("집으로", "집"),
            ("영화보다", "영화"),
            ("선생님께서", "선생님"),
            ("학생입니다", "학생"),
        ] {
            assert_eq!(without(word), expected, "{word}");
        }
    }

    #[test]
    fn ends_of_nouns_are_left() {
        for word in
            ["가을", "마을", "사이", "나이", "고양이", "제주도", "효과", "별로", "회의", "온도", "먹는", "abc가", "은", "이"]
        {
            assert_eq!(without(word), word);
        }
    }
}
