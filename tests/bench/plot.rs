//! Pictures as SVG, readable on light and on dark pages.

use std::fmt::Write;

use crate::figures::float;
use crate::report::number;

const WIDTH: f64 = 760.0;

/// Colours that differ for the colour-blind as well; the warm ones are for us.
const COLOURS: [&str; 11] = [
    "#d55e00", "#e69f00", "#8c2d04", "#d4a373", "#0072b2", "#56b4e9", "#009e73", "#cc79a7",
    "#8a63d2", "#7f7f7f", "#a0a000",
];

fn colour(index: usize) -> &'static str {
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or("gray")
}

/// The frame of a picture; text takes the colour that the page's scheme asks for.
fn svg(title: &str, height: f64, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<style>\n\
         text {{ font: 12px sans-serif; fill: #1f2328 }}\n.title {{ font-size: 15px }}\n\
         .grid {{ stroke: #d0d7de; stroke-width: 1 }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         text {{ fill: #e6edf3 }}\n.grid {{ stroke: #3d444d }}\n}}\n</style>\n\
         <text class=\"title\" x=\"12\" y=\"22\">{title}</text>\n{body}</svg>\n"
    )
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ =
        writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

/// One line for each series, on a logarithmic axis.
pub struct Lines<'a> {
    pub title: &'a str,
    pub across: &'a str,
    pub points: Vec<String>,
    pub series: Vec<(&'a str, Vec<Option<f64>>)>,
}

impl Lines<'_> {
    const LEFT: f64 = 64.0;
    const RIGHT: f64 = 520.0;
    const TOP: f64 = 44.0;
    const BOTTOM: f64 = 356.0;

    pub fn to_svg(&self) -> String {
        let values = || self.series.iter().flat_map(|(_, values)| values).flatten().copied();
        let lowest = values().fold(f64::INFINITY, f64::min).log10();
        let highest = values().fold(1.0, f64::max).log10();
        let span = Self::BOTTOM - Self::TOP;
        let y = |value: f64| {
            let share = (value.log10() - lowest) / (highest - lowest).max(0.1);
            Self::BOTTOM - 12.0 - share * (span - 24.0)
        };
        let step = (Self::RIGHT - Self::LEFT) / float(self.points.len());
        let x = |index: usize| Self::LEFT + step * (float(index) + 0.5);
        let mut body = String::new();
        for mark in [1.0_f64, 2.0, 5.0]
            .iter()
            .flat_map(|lead| [0.1_f64, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5].map(|p| lead * p))
        {
            if (lowest - 0.05..=highest + 0.05).contains(&mark.log10()) {
                let y = y(mark);
                let _ = writeln!(
                    body,
                    "<path class=\"grid\" d=\"M{} {y:.1}H{}\"/>",
                    Self::LEFT,
                    Self::RIGHT
                );
                text(&mut body, Self::LEFT - 6.0, y + 4.0, "end", &number(mark));
            }
        }
        for (index, point) in self.points.iter().enumerate() {
            text(&mut body, x(index), Self::BOTTOM + 16.0, "middle", point);
        }
        let middle = f64::midpoint(Self::LEFT, Self::RIGHT);
        text(&mut body, middle, Self::BOTTOM + 34.0, "middle", self.across);
        for (index, (name, values)) in self.series.iter().enumerate() {
            let colour = colour(index);
            let points = values.iter().enumerate();
            let points: Vec<(f64, f64)> =
                points.filter_map(|(at, value)| Some((x(at), y((*value)?)))).collect();
            let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let width = if index == 0 { 3.5 } else { 1.8 };
            let _ = writeln!(
                body,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"{}\"/>",
                line.join(" ")
            );
            for (x, y) in points {
                let _ = writeln!(
                    body,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\" fill=\"{colour}\"/>",
                    width + 1.0
                );
            }
            let at = Self::TOP + 12.0 + 22.0 * float(index);
            legend(&mut body, Self::RIGHT + 20.0, at, colour, name);
        }
        svg(self.title, Self::BOTTOM + 44.0, &body)
    }
}

fn legend(body: &mut String, x: f64, y: f64, colour: &str, name: &str) {
    let _ = writeln!(
        body,
        "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"10\" fill=\"{colour}\"/>",
        y - 9.0
    );
    text(body, x + 20.0, y, "start", name);
}

/// Rows of bars, one bar of each kind in a row.
pub struct Bars<'a> {
    pub title: &'a str,
    pub kinds: Vec<&'a str>,
    pub rows: Vec<(&'a str, Vec<f64>)>,
}

impl Bars<'_> {
    const LEFT: f64 = 210.0;
    const LENGTH: f64 = 460.0;
    const THICKNESS: f64 = 14.0;

    pub fn to_svg(&self) -> String {
        let all = self.rows.iter().flat_map(|(_, values)| values).copied();
        let longest = all.fold(f64::MIN_POSITIVE, f64::max);
        let mut body = String::new();
        for (index, kind) in self.kinds.iter().enumerate() {
            legend(&mut body, Self::LEFT + 130.0 * float(index), 44.0, colour(4 * index), kind);
        }
        let mut y = 60.0;
        for (name, values) in &self.rows {
            let middle = y + Self::THICKNESS * float(values.len()) / 2.0 + 4.0;
            text(&mut body, Self::LEFT - 8.0, middle, "end", name);
            for (index, value) in values.iter().enumerate() {
                // Not a number has no bar.
                let length = Self::LENGTH * value.max(0.0) / longest;
                let _ = writeln!(
                    body,
                    "<rect x=\"{}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{}\" fill=\"{}\"/>",
                    Self::LEFT,
                    Self::THICKNESS - 2.0,
                    colour(4 * index)
                );
                text(&mut body, Self::LEFT + length + 6.0, y + 10.0, "start", &number(*value));
                y += Self::THICKNESS;
            }
            y += 8.0;
        }
        svg(self.title, y + 8.0, &body)
    }
}
