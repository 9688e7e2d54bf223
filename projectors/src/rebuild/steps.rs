//! The steps of a rebuild, as pure functions from one control document to the next.

use domain::Timestamp;
use infra::read_model::generations::{Control, Generation, Rebuild, Stage, Verification};

/// Why an operator's request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no read model of this name.
    #[error("there is no read model {0:?}; there is \"timeline\"")]
    UnknownProjection(String),
    /// One rebuild at a time.
    #[error("generation {0} is being built already")]
    UnderWay(Generation),
    /// The generation that was live before takes the place of a new one.
    #[error("generation {0} is still kept; drop it first")]
    OldKept(Generation),
    /// There is nothing to pause, resume, switch to or abandon.
    #[error("nothing is being built")]
    NoRebuild,
    /// There is nothing to switch back to or to drop.
    #[error("no old generation is kept")]
    NoOld,
    /// Somebody has to look first.
    #[error("generation {0} differs from the live one; look at the comparison, then accept the differences or abandon it")]
    Differs(Generation),
    /// While two generations are compared nothing may be changed in one of them.
    #[error("the rebuild is being verified; try again when that is done")]
    Verifying,
    /// There is no such event, or it is dealt with.
    #[error("no parked event {0} waits for anybody")]
    NotParked(String),
    /// Trying again did not help.
    #[error("the event still cannot be applied: {0}")]
    StillRefused(String),
    /// The event is for the search index, which another process feeds.
    #[error("this process feeds no search index; ask one that does")]
    NoSearch,
}

/// A new generation is to be built.
pub(crate) fn begin(control: &Control, now: Timestamp, switch: bool) -> Result<Control, Refusal> {
    if let Some(rebuild) = &control.rebuild {
        return Err(Refusal::UnderWay(rebuild.generation));
    }
    if let Some(old) = control.old {
        return Err(Refusal::OldKept(old));
    }
    let generation = control.last.next();
    let rebuild = Rebuild { generation, stage: Stage::Building, paused: false, switch, began_at: now, verification: None };
    Ok(Control { rebuild: Some(rebuild), last: generation, ..control.clone() })
}

/// It rests. What was being compared is compared anew later.
pub(crate) fn pause(control: &Control) -> Result<Control, Refusal> {
    change(control, |rebuild| {
        rebuild.paused = true;
        if rebuild.stage == Stage::Verifying {
            rebuild.stage = Stage::Building;
        }
        Ok(())
    })
}

/// It goes on.
pub(crate) fn resume(control: &Control) -> Result<Control, Refusal> {
    change(control, |rebuild| {
        rebuild.paused = false;
        Ok(())
    })
}

/// It is given up.
pub(crate) fn abandon(control: &Control) -> Result<Control, Refusal> {
    let rebuild = control.rebuild.as_ref().ok_or(Refusal::NoRebuild)?;
    let mut next = Control { rebuild: None, ..control.clone() };
    next.dropping.insert(rebuild.generation);
    Ok(next)
}

/// Readers are to change over as soon as it is verified; or without that, if somebody accepts what may differ.
pub(crate) fn switch(control: &Control, despite_differences: bool) -> Result<Control, Refusal> {
    change(control, |rebuild| {
        if despite_differences {
            rebuild.stage = Stage::Verified;
        } else if rebuild.stage == Stage::Differs {
            return Err(Refusal::Differs(rebuild.generation));
        }
        rebuild.switch = true;
        rebuild.paused = false;
        Ok(())
    })
}

/// The generation that was live before is to be live again.
pub(crate) fn switch_back(control: &Control) -> Result<Control, Refusal> {
    control.old.ok_or(Refusal::NoOld)?;
    Ok(Control { switching_back: true, ..control.clone() })
}

/// The generation that was live before is given up.
pub(crate) fn drop_old(control: &Control) -> Result<Control, Refusal> {
    let old = control.old.ok_or(Refusal::NoOld)?;
    let mut next = Control { old: None, switching_back: false, ..control.clone() };
    next.dropping.insert(old);
    Ok(next)
}

/// It has come near the end of the log.
pub(super) fn verifying(control: &Control) -> Result<Control, Refusal> {
    change(control, |rebuild| {
        rebuild.stage = Stage::Verifying;
        Ok(())
    })
}

/// It was compared.
pub(super) fn verified(control: &Control, verification: Verification) -> Result<Control, Refusal> {
    change(control, |rebuild| {
        rebuild.stage = if verification.same() { Stage::Verified } else { Stage::Differs };
        rebuild.verification = Some(verification);
        Ok(())
    })
}

/// The generation that readers are to change over to now, if there is one.
pub(super) fn due(control: &Control) -> Option<Generation> {
    let rebuild = control.rebuild.as_ref();
    let built = rebuild.filter(|rebuild| rebuild.stage == Stage::Verified && rebuild.switch && !rebuild.paused);
    built.map(|rebuild| rebuild.generation).or_else(|| control.old.filter(|_| control.switching_back))
}

/// Readers change over to `target`; what was live is kept.
pub(super) fn switched(control: &Control, target: Generation) -> Control {
    let mut next = Control { live: target, old: Some(control.live), switching_back: false, ..control.clone() };
    if let Some(rebuild) = next.rebuild.take_if(|rebuild| rebuild.generation == target) {
        next.verified = rebuild.verification;
    }
    next
}

/// A generation that was given up is gone.
pub(super) fn removed(control: &Control, generation: Generation) -> Control {
    let mut next = control.clone();
    next.dropping.remove(&generation);
    next
}

fn change(control: &Control, change: impl FnOnce(&mut Rebuild) -> Result<(), Refusal>) -> Result<Control, Refusal> {
    let mut next = control.clone();
    change(next.rebuild.as_mut().ok_or(Refusal::NoRebuild)?)?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use infra::read_model::generations::Comparison;

    use super::*;

    const ONE: Generation = Generation::FIRST;

    fn verification(same: bool) -> Verification {
        let tables = vec![Comparison { table: "messages".to_owned(), rows_live: 1, rows_new: 1, same }];
        Verification { at: Timestamp::default(), tables, reads_taken_over: 0 }
    }
    fn building(switch: bool) -> Control {
        begin(&Control::default(), Timestamp::default(), switch).unwrap()
    }
    fn stage(control: &Control) -> Stage {
        control.rebuild.as_ref().unwrap().stage
    }

    #[test]
    fn a_rebuild_leads_to_a_switch_and_back_and_numbers_are_never_given_twice() {
        let two = ONE.next();
        let control = building(true);
        assert_eq!((control.live, control.fed().len(), due(&control)), (ONE, 2, None));
        assert_eq!(begin(&control, Timestamp::default(), true), Err(Refusal::UnderWay(two)));
        let control = verified(&verifying(&control).unwrap(), verification(true)).unwrap();
        assert_eq!(due(&control), Some(two));
        let control = switched(&control, two);
        assert_eq!((control.live, control.old, control.rebuild.is_none(), due(&control)), (two, Some(ONE), true, None));
        assert!(control.verified.is_some());
        assert_eq!(begin(&control, Timestamp::default(), true), Err(Refusal::OldKept(ONE)));

        let back = switch_back(&control).unwrap();
        assert_eq!(due(&back), Some(ONE));
        let back = switched(&back, ONE);
        assert_eq!((back.live, back.old, due(&back)), (ONE, Some(two), None));
        let dropped = drop_old(&back).unwrap();
        assert_eq!((dropped.old, dropped.dropping.contains(&two), dropped.fed().contains(&two)), (None, true, false));
        let clean = removed(&dropped, two);
        let again = begin(&clean, Timestamp::default(), true).unwrap();
        assert_eq!(again.rebuild.unwrap().generation, two.next());
        assert_eq!((switch_back(&clean), drop_old(&clean)), (Err(Refusal::NoOld), Err(Refusal::NoOld)));
    }

    #[test]
    fn differences_wait_for_somebody_to_accept_them() {
        let control = verified(&verifying(&building(true)).unwrap(), verification(false)).unwrap();
        assert_eq!((stage(&control), due(&control)), (Stage::Differs, None));
        assert_eq!(switch(&control, false), Err(Refusal::Differs(ONE.next())));
        assert_eq!(due(&switch(&control, true).unwrap()), Some(ONE.next()));
        let given_up = abandon(&control).unwrap();
        assert_eq!((given_up.live, given_up.rebuild.is_none(), given_up.dropping.len()), (ONE, true, 1));
        assert_eq!(abandon(&given_up), Err(Refusal::NoRebuild));
    }

    #[test]
    fn without_a_word_a_verified_one_waits_and_a_paused_one_rests() {
        let control = verified(&verifying(&building(false)).unwrap(), verification(true)).unwrap();
        assert_eq!(due(&control), None);
        assert_eq!(due(&switch(&control, false).unwrap()), Some(ONE.next()));
        let paused = pause(&verifying(&building(true)).unwrap()).unwrap();
        assert_eq!((stage(&paused), paused.fed().len()), (Stage::Building, 1));
        assert_eq!(resume(&paused).unwrap().fed().len(), 2);
        assert_eq!(pause(&Control::default()), Err(Refusal::NoRebuild));
    }
}
