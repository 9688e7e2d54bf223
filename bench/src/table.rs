//! The table, for the terminal and for the page.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::row::{Line, On, Target, Unit};

const HEAD: [&str; 8] = ["figure", "log", "ours", "limit", "ratio", "to reach", "reached", "load"];

/// Prints what the columns are.
pub fn print_head() {
    println!("{}", aligned(&HEAD.map(str::to_owned)));
}

/// Prints a line.
pub fn print(line: &Line, on: On) {
    println!("{}", aligned(&cells(line, on)));
}

/// Appends a line to a page, with the head if the page is new.
///
/// # Errors
/// When the file cannot be written.
pub fn append(page: &Path, line: &Line, on: On) -> Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(page)?;
    if file.metadata()?.len() == 0 {
        writeln!(file, "| {} |\n|{}", HEAD.join(" | "), "---|".repeat(HEAD.len()))?;
    }
    writeln!(file, "| {} |", cells(line, on).join(" | "))?;
    Ok(())
}

fn aligned(cells: &[String; 8]) -> String {
    let [what, on, figure, limit, ratio, target, reached, load] = cells;
    format!("{what:<52} {on:<9} {figure:>12} {limit:>12} {ratio:>6}  {target:<18} {reached:<8} {load}")
}

fn cells(line: &Line, on: On) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let reached = line.reached().map(|reached| if reached { "yes" } else { "no" }.to_owned());
    [
        line.what.clone(),
        on.to_string(),
        written(line.figure, line.unit),
        or_dash(line.limit.map(|limit| written(limit, line.unit))),
        or_dash(line.ratio().map(|ratio| format!("{ratio:.2}"))),
        target(line),
        or_dash(reached),
        line.load.iter().map(|load| format!("{load:.1}")).collect::<Vec<_>>().join(" "),
    ]
}

fn target(line: &Line) -> String {
    match line.target {
        Target::LimitTimesAtLeast(least) => format!("≥ {least} × limit"),
        Target::LimitTimesAtMost(most) => format!("≤ {most} × limit"),
        Target::AtLeast(least) => format!("≥ {}", written(least, line.unit)),
        Target::AtMost(most) => format!("≤ {}", written(most, line.unit)),
        Target::Reported => "reported".to_owned(),
    }
}

fn written(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", grouped(value)),
        Unit::Seconds if value < 0.001 => format!("{:.1} µs", value * 1e6),
        Unit::Seconds if value < 1.0 => format!("{:.2} ms", value * 1e3),
        Unit::Seconds if value < 10.0 => format!("{value:.2} s"),
        Unit::Seconds => format!("{value:.1} s"),
        Unit::Bytes => format!("{:.1} KiB", value / 1024.0),
    }
}

/// Digits in groups of three.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_whether_it_is_reached() {
        let line = Line {
            what: "a".to_owned(),
            unit: Unit::PerSecond,
            figure: 61_234.4,
            limit: Some(100_000.0),
            target: Target::LimitTimesAtLeast(0.5),
            load: vec![1.0, 2.25],
        };
        let cells = cells(&line, On::Kafka1);
        assert_eq!(cells, ["a", "kafka1", "61,234/s", "100,000/s", "0.61", "≥ 0.5 × limit", "yes", "1.0 2.2"]);
        assert_eq!(Line { target: Target::LimitTimesAtLeast(0.7), ..line.clone() }.reached(), Some(false));
        assert_eq!(Line { target: Target::Reported, ..line }.reached(), None);
    }

    #[test]
    fn units_are_written_in_a_size_that_reads_well() {
        assert_eq!(written(0.000_012_34, Unit::Seconds), "12.3 µs");
        assert_eq!(written(0.0026, Unit::Seconds), "2.60 ms");
        assert_eq!(written(6.543, Unit::Seconds), "6.54 s");
        assert_eq!(written(12.04, Unit::Seconds), "12.0 s");
        assert_eq!(written(12_288.0, Unit::Bytes), "12.0 KiB");
    }
}
