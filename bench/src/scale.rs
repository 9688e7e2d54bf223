//! How much is measured.

/// A full run, whose numbers count, or a quick one, which shows that everything works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Some hundredths of a full one.
    Quick,
    /// What the page is written from.
    Full,
}

impl Scale {
    /// `full`, or `quick` in a quick run.
    pub const fn pick(self, full: usize, quick: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }

    /// How often ours and the limit take turns.
    pub const fn turns(self) -> usize {
        self.pick(5, 1)
    }
}
