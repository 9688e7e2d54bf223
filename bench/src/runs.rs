//! Turns: ours, limit, ours, limit … and what comes out in the middle.

use anyhow::{Context, Result};

use crate::scale::Scale;

/// What the runs of one side came to: one list of figures a run, always in the same order.
#[derive(Debug, Default)]
pub struct Runs(Vec<Vec<f64>>);

impl Runs {
    /// The median of the figure at `index` over all runs.
    ///
    /// # Errors
    /// When no run has such a figure.
    pub fn median(&self, index: usize) -> Result<f64> {
        let mut figures: Vec<f64> = self.0.iter().filter_map(|run| run.get(index).copied()).collect();
        figures.sort_unstable_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().context("nothing was measured")
    }
}

/// Both sides, and how loaded the machine was.
#[derive(Debug)]
pub struct Turns {
    /// Ours.
    pub ours: Runs,
    /// The limit's.
    pub limit: Runs,
    /// The one-minute load average after each turn.
    pub load: Vec<f64>,
}

/// Runs both sides in turns, ours first, as often as `scale` says.
///
/// # Errors
/// The first one of either side.
pub async fn in_turns(
    scale: Scale,
    mut ours: impl AsyncFnMut() -> Result<Vec<f64>>,
    mut limit: impl AsyncFnMut() -> Result<Vec<f64>>,
) -> Result<Turns> {
    let mut turns = Turns { ours: Runs::default(), limit: Runs::default(), load: Vec::new() };
    for _ in 0..scale.turns() {
        turns.ours.0.push(ours().await.context("our side")?);
        turns.limit.0.push(limit().await.context("the limit's side")?);
        turns.load.push(load_average());
    }
    Ok(turns)
}

/// The other side of what has no limit.
///
/// # Errors
/// Never.
pub async fn nothing() -> Result<Vec<f64>> {
    Ok(Vec::new())
}

/// The machine's one-minute load average; 0 where it does not say.
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        let runs = Runs(vec![vec![5.0, 1.0], vec![1.0, 2.0], vec![3.0, 9.0]]);
        assert_eq!(runs.median(0).unwrap().total_cmp(&3.0), std::cmp::Ordering::Equal);
        assert_eq!(runs.median(1).unwrap().total_cmp(&2.0), std::cmp::Ordering::Equal);
        assert!(runs.median(2).is_err());
    }
}
