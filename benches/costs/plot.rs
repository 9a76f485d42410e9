//! Small line charts with both axes by powers of ten, as one SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
const COLUMNS: usize = 2;
const COLOURS: [&str; 2] = ["#1f5fa8", "#c05621"];

/// One chart.
pub struct Panel {
    pub title: String,
    /// What stands along the lower axis.
    pub across: String,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// All of them, two a row.
pub fn svg(panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * rows as f64);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        let x = WIDTH * (number % COLUMNS) as f64;
        let y = HEIGHT * (number / COLUMNS) as f64;
        let _ = writeln!(out, "<g transform=\"translate({x} {y})\">");
        draw(panel, &mut out);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// From a value to a place on an axis.
struct Axis {
    from: f64,
    to: f64,
    low: f64,
    high: f64,
}

impl Axis {
    /// Whole powers of ten around all values.
    fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0) {
            low = low.min(value.log10().floor());
            high = high.max(value.log10().ceil());
        }
        if !low.is_finite() {
            (low, high) = (0.0, 1.0);
        }
        Self {
            from,
            to,
            low,
            high: high.max(low + 1.0),
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE).log10() - self.low) / (self.high - self.low);
        self.from + (self.to - self.from) * share.clamp(0.0, 1.0)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (low, high) = (self.low as i32, self.high as i32);
        (low..=high).map(|power| 10f64.powi(power))
    }
}

fn draw(panel: &Panel, out: &mut String) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let across = Axis::around(points().map(|point| point.0), LEFT, WIDTH - RIGHT);
    let up = Axis::around(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"18\" font-weight=\"bold\">{}</text>\n\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        panel.title,
        HEIGHT - 8.0,
        panel.across
    );
    for tick in across.ticks() {
        let (x, low) = (across.place(tick), HEIGHT - BOTTOM);
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {TOP}V{low}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            low + 14.0,
            number(tick)
        );
    }
    for tick in up.ticks() {
        let y = up.place(tick);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            number(tick)
        );
    }
    for (line, colour) in panel.lines.iter().zip(COLOURS) {
        draw_line(line, colour, &across, &up, out);
    }
    if panel.lines.len() > 1 {
        for (number, (line, colour)) in panel.lines.iter().zip(COLOURS).enumerate() {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" fill=\"{colour}\">{}</text>",
                LEFT + 8.0,
                TOP + 14.0 * (number as f64 + 1.0),
                line.name
            );
        }
    }
}

fn draw_line(line: &Line, colour: &str, across: &Axis, up: &Axis, out: &mut String) {
    let mut path = String::new();
    for (number, (x, y)) in line.points.iter().enumerate() {
        let step = if number == 0 { 'M' } else { 'L' };
        let (x, y) = (across.place(*x), up.place(*y));
        let _ = write!(path, "{step}{x:.1} {y:.1}");
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
        );
    }
    let _ = writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
    );
}

/// 0.01, 1, 1k, 1M.
fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value => format!("{value}"),
    }
}
