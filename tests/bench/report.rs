//! What the benchmark says: tables as text and Markdown, targets, JSON, pictures.

use std::fmt::{self, Write};

use serde_json::{Value, json};

/// One part of the benchmark.
pub struct Section {
    pub title: &'static str,
    pub tables: Vec<Table>,
    pub targets: Vec<Target>,
    /// File names with their SVG.
    pub pictures: Vec<(&'static str, String)>,
    pub figures: Value,
}

impl Section {
    pub fn to_json(&self) -> Value {
        let targets: Vec<_> = self.targets.iter().map(Target::to_json).collect();
        json!({ "title": self.title, "figures": self.figures, "targets": targets })
    }

    pub fn to_markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        for (file, _) in &self.pictures {
            text += &format!("![{}]({file})\n\n", file.trim_end_matches(".svg"));
        }
        for table in &self.tables {
            text += &table.to_markdown();
        }
        if !self.targets.is_empty() {
            text += &targets(&self.targets).to_markdown();
        }
        text
    }
}

/// On a terminal.
impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\n{}\n{}", self.title, "=".repeat(self.title.len()))?;
        for table in &self.tables {
            writeln!(formatter, "{table}")?;
        }
        if !self.targets.is_empty() {
            writeln!(formatter, "{}", targets(&self.targets))?;
        }
        Ok(())
    }
}

/// A table; the first column is text, the others numbers unless they are wide.
pub struct Table {
    pub title: String,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn widths(&self) -> Vec<usize> {
        let of = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let cells = cells.map(|cell| cell.chars().count());
            cells.chain(self.head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
        };
        (0..self.head.len()).map(of).collect()
    }

    fn to_markdown(&self) -> String {
        let mut text = format!("{}\n\n| {} |\n|---|", self.title, self.head.join(" | "));
        for _ in self.head.iter().skip(1) {
            text.push_str("---:|");
        }
        for row in &self.rows {
            let _ = write!(text, "\n| {} |", row.join(" | "));
        }
        text + "\n\n"
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        writeln!(formatter, "{}", self.title)?;
        let head: Vec<String> = self.head.iter().map(ToString::to_string).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if index == 0 {
                    write!(formatter, "  {cell:<width$}")?;
                } else {
                    write!(formatter, "  {cell:>width$}")?;
                }
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(formatter, "≤ {}", number(*bound)),
            Self::AtLeast(bound) => write!(formatter, "≥ {}", number(*bound)),
        }
    }
}

/// A figure that should be within a bound. One that is not is reported, and is no failure.
pub struct Target {
    pub what: String,
    pub value: f64,
    pub bound: Bound,
    /// What the figure is made of.
    pub reason: String,
}

impl Target {
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(bound) => self.value <= bound,
            Bound::AtLeast(bound) => self.value >= bound,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "what": self.what,
            "value": self.value,
            "bound": self.bound.to_string(),
            "met": self.is_met(),
            "reason": self.reason,
        })
    }
}

fn targets(targets: &[Target]) -> Table {
    let row = |target: &Target| {
        vec![
            target.what.clone(),
            number(target.value),
            target.bound.to_string(),
            if target.is_met() { "met" } else { "**missed**" }.to_owned(),
            target.reason.clone(),
        ]
    };
    Table {
        title: "Targets".to_owned(),
        head: vec!["", "is", "target", "", "because"],
        rows: targets.iter().map(row).collect(),
    }
}

/// Three significant digits, or all digits before the point.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value == 0.0 || value.abs() >= 99.95 {
        format!("{value:.0}")
    } else if value.abs() >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
