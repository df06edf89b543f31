//! The candidate's share over time as a picture: one panel for each
//! simulation, readable on a light and on a dark page, with every colour
//! repeated by a shape or a word.

use std::fmt::Write;

use baepo_core::time::Millis;
use baepo_core::verdict::Verdict;
use baepo_core::weight::BasisPoints;

use super::assess::trouble_of;
use super::scale::{TimeScale, top_of};
use super::timeline::{looks, outcome_word, shares, waits};
use super::{Setting, Simulation};
use crate::render::{grouped, verdict_word};

/// Width of the picture; it has no unit, for the picture scales.
const WIDTH: f64 = 860.0;
/// Height of one panel.
const PANEL: f64 = 276.0;
/// Height of the legend under all panels.
const LEGEND: f64 = 44.0;
/// The plot inside of a panel: left, right, top, bottom.
const AREA: (f64, f64, f64, f64) = (72.0, 836.0, 72.0, 202.0);
/// The strip of verdicts under it: top and height.
const STRIP: (f64, f64) = (208.0, 12.0);

const STYLE: &str = "\
svg{--paper:#ffffff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--share:#0969da;--good:#1a7f37;--doubt:#9a6700;--bad:#cf222e}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#f0f6fc;--soft:#9198a1;--line:#3d444d;--share:#4493f8;--good:#3fb950;--doubt:#d29922;--bad:#f85149}}\
text{font:12px ui-sans-serif,system-ui,sans-serif;fill:var(--ink)}.title{font-size:15px;font-weight:600}.soft{fill:var(--soft)}\
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.share{stroke:var(--share);stroke-width:2;fill:none}.under{fill:var(--share);opacity:.18}\
.healthy{fill:var(--good)}.inconclusive{fill:var(--doubt)}.failing{fill:var(--bad)}.back{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:5 3}\
.trouble{fill:none;stroke:var(--bad);stroke-width:1.5}.cut{fill:var(--line);opacity:.6}.sign{fill:var(--paper);font-size:10px;font-weight:700}";

/// The whole picture.
pub(super) fn picture(played: &[(Setting, Vec<Simulation>)]) -> String {
    let panels: Vec<(&Setting, &Simulation)> = played
        .iter()
        .flat_map(|(setting, all)| all.iter().map(move |one| (setting, one)))
        .collect();
    let height = PANEL * panels.len() as f64 + LEGEND;
    let named: Vec<String> = panels
        .iter()
        .map(|(setting, simulation)| title(setting, simulation))
        .collect();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Simulated rollouts: share of traffic over time</title>\n<desc>{}</desc>\n\
         <style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"var(--paper)\"/>\n",
        escape(&named.join(". "))
    );
    for (index, (setting, simulation)) in panels.iter().enumerate() {
        let _ = writeln!(
            out,
            "<g transform=\"translate(0 {})\">",
            PANEL * index as f64
        );
        Panel::new(setting, simulation).draw(&mut out);
        out.push_str("</g>\n");
    }
    legend(&mut out, PANEL * panels.len() as f64);
    out.push_str("</svg>\n");
    out
}

fn title(setting: &Setting, simulation: &Simulation) -> String {
    let (environment, name) = (&setting.environment, simulation.scenario.name());
    let outcome = outcome_word(simulation.done.outcome);
    format!(
        "{environment}, {name}: {outcome} after {}",
        simulation.toll.took
    )
}

/// Text as XML that shows just that; what XML cannot say is left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// `text` cut to so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.into(),
    }
}

struct Panel<'a> {
    setting: &'a Setting,
    simulation: &'a Simulation,
    scale: TimeScale,
    top: u32,
}

impl<'a> Panel<'a> {
    fn new(setting: &'a Setting, simulation: &'a Simulation) -> Panel<'a> {
        Panel {
            setting,
            simulation,
            scale: TimeScale::new(simulation.toll.took, &waits(&simulation.moments)),
            top: top_of(simulation.toll.largest_exposure.value()),
        }
    }

    fn x(&self, at: Millis) -> f64 {
        let (left, right, ..) = AREA;
        left + self.scale.place(at) * (right - left)
    }

    fn y(&self, share: BasisPoints) -> f64 {
        let (.., top, bottom) = AREA;
        bottom - f64::from(share.value()) / f64::from(self.top) * (bottom - top)
    }

    fn draw(&self, out: &mut String) {
        self.heading(out);
        self.axes(out);
        self.cuts(out);
        self.share(out);
        self.verdicts(out);
        self.marks(out);
    }

    fn heading(&self, out: &mut String) {
        let Simulation { toll, done, .. } = self.simulation;
        let failed = format!(
            "{} of {} requests failed because of it",
            grouped(toll.failed),
            grouped(toll.requests)
        );
        let about = cut(&format!("{failed} · {}", done.reason), 125);
        let _ = writeln!(
            out,
            "<text class=\"title\" x=\"16\" y=\"24\">{}</text>\n<text class=\"soft\" x=\"16\" y=\"43\">{}</text>",
            escape(&title(self.setting, self.simulation)),
            escape(&about)
        );
    }

    fn axes(&self, out: &mut String) {
        let (left, right, top, bottom) = AREA;
        for part in [0, 1, 2] {
            let share = BasisPoints::saturating(u64::from(self.top * part / 2));
            let y = self.y(share);
            let class = if part == 0 { "axis" } else { "grid" };
            let _ = writeln!(
                out,
                "<line class=\"{class}\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{share}</text>",
                left - 8.0,
                y + 4.0
            );
        }
        let middle = (top + bottom) / 2.0;
        let _ = writeln!(
            out,
            "<text class=\"soft\" transform=\"translate(16 {middle}) rotate(-90)\" text-anchor=\"middle\">share of traffic</text>\
             <text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">time since the rollout began</text>",
            (left + right) / 2.0,
            STRIP.0 + 48.0
        );
        for tick in self.scale.ticks(0.09) {
            let x = self.x(tick);
            let anchor = if x > right - 20.0 { "end" } else { "middle" };
            let _ = writeln!(
                out,
                "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\"/>\
                 <text class=\"soft\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{tick}</text>",
                bottom + 4.0,
                STRIP.0 + 28.0
            );
        }
    }

    fn cuts(&self, out: &mut String) {
        let (.., top, bottom) = AREA;
        for cut in self.scale.cuts() {
            let (x, right) = (self.x(cut.from), self.x(cut.to));
            let waited = Millis(cut.to.0 - cut.from.0);
            let _ = writeln!(
                out,
                "<rect class=\"cut\" x=\"{x:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{}\"/>\
                 <text class=\"soft\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">waits {waited}</text>",
                right - x,
                bottom - top,
                (x + right) / 2.0,
                top + 14.0
            );
        }
    }

    fn share(&self, out: &mut String) {
        let (left, _, _, bottom) = AREA;
        let mut path = format!("M{left} {bottom}");
        let end = self.x(self.simulation.toll.took);
        let mut last = (-1.0, -1.0);
        for (at, share) in shares(&self.simulation.moments) {
            let (x, y) = (self.x(at), self.y(share));
            // Changes that fall on the same spot cannot be seen, and there may
            // be thousands.
            if (x - last.0).abs() < 0.2 && (y - last.1).abs() < 0.2 {
                continue;
            }
            last = (x, y);
            let _ = write!(path, "H{x:.1}V{y:.1}");
        }
        let _ = write!(path, "H{end:.1}");
        let _ = writeln!(
            out,
            "<path class=\"under\" d=\"{path}V{bottom}Z\"/>\n<path class=\"share\" d=\"{path}\"/>"
        );
    }

    /// Looks that follow each other and say the same are one bar.
    fn verdicts(&self, out: &mut String) {
        let mut bars: Vec<(Millis, Millis, Verdict)> = Vec::new();
        for (at, verdict) in looks(&self.simulation.moments) {
            match bars.last_mut() {
                Some((_, to, said)) if *said == verdict => *to = at,
                Some((_, to, _)) => {
                    *to = at;
                    bars.push((at, at, verdict));
                }
                None => bars.push((at, at, verdict)),
            }
        }
        let (y, height) = STRIP;
        if !bars.is_empty() {
            let (x, y) = (AREA.0 - 8.0, y + 10.0);
            let _ = writeln!(
                out,
                "<text class=\"soft\" x=\"{x}\" y=\"{y}\" text-anchor=\"end\">verdicts</text>"
            );
        }
        for (from, to, verdict) in bars {
            let (x, right) = (self.x(from), self.x(to));
            let wide = (right - x).max(3.0);
            let class = verdict_word(verdict);
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{wide:.1}\" height=\"{height}\"/>"
            );
            if wide >= 14.0 {
                let _ = writeln!(
                    out,
                    "<text class=\"sign\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    x + wide / 2.0,
                    y + 9.5,
                    sign(verdict)
                );
            }
        }
    }

    fn marks(&self, out: &mut String) {
        let (_, right, top, bottom) = AREA;
        let toll = &self.simulation.toll;
        if let Some(first) = toll.first_trouble {
            let _ = writeln!(
                out,
                "<circle class=\"trouble\" cx=\"{:.1}\" cy=\"{bottom}\" r=\"4.5\"><title>first {}, {first}</title></circle>",
                self.x(first),
                trouble_of(self.simulation.scenario)
            );
        }
        if let Some(turned) = toll.turned_back {
            let x = self.x(turned);
            let (at, anchor) = match x > right - 150.0 {
                true => (x - 6.0, "end"),
                false => (x + 6.0, "start"),
            };
            let _ = writeln!(
                out,
                "<line class=\"back\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"{anchor}\">turns back, {turned}</text>",
                top - 16.0,
                top - 7.0
            );
        }
    }
}

fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Healthy => '✓',
        Verdict::Inconclusive => '?',
        Verdict::Failing => '✗',
    }
}

fn legend(out: &mut String, y: f64) {
    let (left, ..) = AREA;
    let line = y + 16.0;
    let _ = writeln!(
        out,
        "<g><line class=\"share\" x1=\"{left}\" x2=\"{}\" y1=\"{line}\" y2=\"{line}\"/><text x=\"{}\" y=\"{}\">the candidate's share</text>",
        left + 18.0,
        left + 24.0,
        line + 4.0
    );
    let mut x = left + 176.0;
    for (verdict, text) in [
        (Verdict::Healthy, "✓ healthy"),
        (Verdict::Inconclusive, "? nobody knows"),
        (Verdict::Failing, "✗ failing"),
    ] {
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\"/><text x=\"{}\" y=\"{}\">{text}</text>",
            verdict_word(verdict),
            line - 6.0,
            x + 18.0,
            line + 4.0
        );
        x += 40.0 + text.chars().count() as f64 * 7.0;
    }
    let _ = writeln!(
        out,
        "<circle class=\"trouble\" cx=\"{}\" cy=\"{line}\" r=\"4.5\"/><text x=\"{}\" y=\"{}\">first trouble</text>\
         <line class=\"back\" x1=\"{}\" x2=\"{}\" y1=\"{line}\" y2=\"{line}\"/><text x=\"{}\" y=\"{}\">turns back</text></g>",
        x + 6.0,
        x + 18.0,
        line + 4.0,
        x + 114.0,
        x + 132.0,
        x + 138.0,
        line + 4.0
    );
}
