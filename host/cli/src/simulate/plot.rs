//! The candidate's share over time with characters: at most 80 columns, and
//! readable without colours.

use baepo_core::time::Millis;
use baepo_core::verdict::Verdict;
use baepo_core::weight::BasisPoints;

use super::Simulation;
use super::scale::{TimeScale, top_of};
use super::timeline::{looks, shares, waits};
use crate::render::terminal::Paint;

/// Columns of the plot without its axis.
const WIDTH: usize = 64;
/// Lines of the plot without its axis.
const HEIGHT: usize = 6;
/// Columns of the axis.
const MARGIN: usize = 8;
/// Eighths of a character, from the bottom.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is in one column.
#[derive(Debug, Clone, Copy, Default)]
struct Column {
    /// The largest share.
    share: u32,
    /// The worst verdict.
    verdict: Option<Verdict>,
    is_cut: bool,
    turns_back: bool,
}

/// The plot, its axes and what its signs mean.
pub(super) fn lines(simulation: &Simulation, paint: Paint) -> Vec<String> {
    let scale = TimeScale::new(simulation.toll.took, &waits(&simulation.moments));
    let columns = columns(simulation, &scale);
    let top = top_of(simulation.toll.largest_exposure.value());
    let mut lines = Vec::new();
    for line in (0..HEIGHT).rev() {
        let label = match line {
            l if l + 1 == HEIGHT => BasisPoints::saturating(top.into()).to_string(),
            0 => "0 %".into(),
            _ => String::new(),
        };
        let bars: String = columns
            .iter()
            .map(|column| eighth(column.share, top, line))
            .collect();
        lines.push(format!(
            "{label:>width$} │{}",
            bars.trim_end(),
            width = MARGIN - 2
        ));
    }
    let axis: String = columns
        .iter()
        .map(|column| if column.is_cut { '≈' } else { '─' })
        .collect();
    lines.push(format!("{:>width$} └{axis}", "", width = MARGIN - 2));
    let verdicts: String = columns.iter().map(|column| sign(column.verdict)).collect();
    if !verdicts.trim().is_empty() {
        lines.push(indented(&verdicts));
    }
    if let Some(at) = columns.iter().position(|column| column.turns_back) {
        lines.push(indented(&format!("{}▲", " ".repeat(at))));
    }
    lines.push(indented(&times(&scale)));
    lines.push(paint.dim(&indented(&legend(&columns))));
    lines
}

fn indented(text: &str) -> String {
    format!("{:MARGIN$}{}", "", text.trim_end())
}

fn columns(simulation: &Simulation, scale: &TimeScale) -> Vec<Column> {
    let shares = shares(&simulation.moments);
    let edge = |column: usize| scale.time(column as f64 / WIDTH as f64);
    let mut columns: Vec<Column> = (0..WIDTH)
        .map(|column| {
            let (from, to) = (edge(column), edge(column + 1));
            let before = shares.iter().rfind(|(at, _)| *at <= from);
            let during = shares.iter().filter(|(at, _)| *at > from && *at < to);
            let share = before.into_iter().chain(during).map(|(_, share)| *share);
            Column {
                share: share.max().unwrap_or_default().value(),
                is_cut: scale.cuts().any(|cut| cut.from <= from && from < cut.to),
                ..Column::default()
            }
        })
        .collect();
    let column_of = |at: Millis| ((scale.place(at) * WIDTH as f64) as usize).min(WIDTH - 1);
    for (at, verdict) in looks(&simulation.moments) {
        let column = &mut columns[column_of(at)];
        column.verdict = column.verdict.max(Some(verdict));
    }
    fill(&mut columns);
    if let Some(at) = simulation.toll.turned_back {
        columns[column_of(at)].turns_back = true;
    }
    columns
}

/// Between two looks the earlier one holds.
fn fill(columns: &mut [Column]) {
    let Some(last) = columns.iter().rposition(|column| column.verdict.is_some()) else {
        return;
    };
    let mut before = None;
    for column in &mut columns[..last] {
        column.verdict = column.verdict.or(before);
        before = column.verdict;
    }
}

/// What a share fills of one line, counted from the bottom. A share that is
/// not zero is never invisible.
fn eighth(share: u32, top: u32, line: usize) -> char {
    let levels = (share as usize * HEIGHT * 8).div_ceil(top.max(1) as usize);
    EIGHTHS[levels.saturating_sub(line * 8).min(8)]
}

fn sign(verdict: Option<Verdict>) -> char {
    match verdict {
        None => ' ',
        Some(Verdict::Healthy) => '+',
        Some(Verdict::Inconclusive) => '?',
        Some(Verdict::Failing) => '!',
    }
}

/// Round times under the axis.
fn times(scale: &TimeScale) -> String {
    let mut line = String::new();
    for tick in scale.ticks(0.17) {
        let text = tick.to_string();
        let wanted = (scale.place(tick) * WIDTH as f64) as usize;
        let wide = text.chars().count();
        let at = wanted.saturating_sub(wide / 2).min(WIDTH - wide.min(WIDTH));
        if at < line.chars().count() + usize::from(!line.is_empty()) {
            continue;
        }
        line.push_str(&" ".repeat(at - line.chars().count()));
        line.push_str(&text);
    }
    line
}

/// Only the signs that are there.
fn legend(columns: &[Column]) -> String {
    let any = |is_it: &dyn Fn(&Column) -> bool| columns.iter().any(is_it);
    let said = |verdict| move |column: &Column| column.verdict == Some(verdict);
    [
        (any(&said(Verdict::Healthy)), "+ healthy"),
        (any(&said(Verdict::Inconclusive)), "? nobody knows"),
        (any(&said(Verdict::Failing)), "! failing"),
        (any(&|column| column.turns_back), "▲ turns back"),
        (any(&|column| column.is_cut), "≈ a long wait, cut short"),
    ]
    .into_iter()
    .filter(|(is_there, _)| *is_there)
    .map(|(_, text)| text)
    .collect::<Vec<_>>()
    .join("   ")
}
