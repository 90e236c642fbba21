//! The ratios as a bar chart.

use std::fmt::Write;

use super::Plan;
use super::results::CaseResult;
use super::table::short;
use crate::runtimes::RuntimeName;
use crate::stats::Median;

const LEFT: f64 = 250.0;
const PLOT_WIDTH: f64 = 640.0;
const RIGHT: f64 = 80.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 64.0;
const BAR: f64 = 13.0;
const GAP: f64 = 11.0;

/// Where a ratio lies on the horizontal axis, which is logarithmic: half as fast is as far as twice as fast.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(ratios: &[Median]) -> Self {
        let low = ratios.iter().map(|ratio| ratio.interval.0).fold(0.5, f64::min);
        let high = ratios.iter().map(|ratio| ratio.interval.1).fold(2.0, f64::max);
        // Whole powers of two, which are also the ticks.
        Self { low: low.log2().floor(), high: (high * 1.1).log2().ceil() }
    }

    fn x(&self, ratio: f64) -> f64 {
        LEFT + (ratio.log2() - self.low) / (self.high - self.low) * PLOT_WIDTH
    }

    /// Every power of two, or every second or third where they would touch.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = ((self.high - self.low) / 14.0).ceil() as i32;
        (self.low as i32..=self.high as i32)
            .filter(move |power| power % step == 0)
            .map(|power| 2f64.powi(power))
    }
}

/// A peer and its ratio, if it has one.
type Bar = (RuntimeName, Option<Median>);

fn bars_of(plan: &Plan, result: &CaseResult) -> Vec<Bar> {
    let ratio = |peer| result.figures(peer).and_then(|figures| figures.wall_ratio);
    let peers = result.rows.iter().map(|row| row.runtime).filter(|peer| *peer != plan.base);
    peers.map(|peer| (peer, ratio(peer))).collect()
}

/// Draws a bar per case and peer: how many times the base's wall time (of latencies, the p50) it took.
pub fn chart(plan: &Plan, results: &[CaseResult]) -> String {
    let peers: Vec<RuntimeName> = plan.peers.iter().copied().filter(|peer| *peer != plan.base).collect();
    let bars: Vec<Vec<Bar>> = results.iter().map(|result| bars_of(plan, result)).collect();
    let all: Vec<Median> = bars.iter().flatten().filter_map(|bar| bar.1).collect();
    let axis = Axis::of(&all);
    let height_of = |bars: &Vec<Bar>| BAR * bars.len() as f64 + GAP;
    let plot_bottom = TOP + bars.iter().map(height_of).sum::<f64>();
    let (width, height) = (LEFT + PLOT_WIDTH + RIGHT, plot_bottom + BOTTOM);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    let title = format!(
        "Wall time per operation (latency: p50) compared with {}, median of {} rounds",
        plan.base, plan.rounds
    );
    text(&mut svg, (width / 2.0, 24.0), "middle", "font-size=\"17\" font-weight=\"bold\"", &title);
    draw_legend(&mut svg, &peers);
    draw_axis(&mut svg, &axis, plan.base, plot_bottom);
    let mut top = TOP + GAP / 2.0;
    for (result, bars) in results.iter().zip(&bars) {
        let middle = top + BAR * bars.len() as f64 / 2.0 + 4.0;
        text(&mut svg, (LEFT - 10.0, middle), "end", "", &result.case);
        for (line, (peer, ratio)) in bars.iter().enumerate() {
            draw_bar(&mut svg, &axis, *peer, *ratio, top + BAR * line as f64);
        }
        top += height_of(bars);
    }
    // Over the bars, so that it shows where they begin.
    let one = axis.x(1.0);
    line(&mut svg, (one, TOP), (one, plot_bottom), "stroke=\"#222\" stroke-width=\"1.5\"");
    svg += "</svg>\n";
    svg
}

fn draw_legend(svg: &mut String, peers: &[RuntimeName]) {
    let mut x = LEFT;
    for peer in peers {
        let label = peer.describe();
        writeln!(svg, "<rect x=\"{x}\" y=\"44\" width=\"12\" height=\"12\" fill=\"{}\"/>", color(*peer))
            .expect("writing to a string");
        text(svg, (x + 17.0, 54.0), "start", "", &label);
        x += 17.0 + 6.6 * label.len() as f64 + 22.0;
    }
}

fn draw_axis(svg: &mut String, axis: &Axis, base: RuntimeName, bottom: f64) {
    for tick in axis.ticks() {
        let x = axis.x(tick);
        line(svg, (x, TOP), (x, bottom), "stroke=\"#ddd\"");
        let label = if tick < 1.0 { format!("1/{:.0}", 1.0 / tick) } else { format!("{tick:.0}") };
        text(svg, (x, bottom + 18.0), "middle", "", &label);
    }
    let label = format!(
        "times {base}'s wall time, logarithmic; right of 1 {base} is faster; whiskers: interval of the median"
    );
    text(svg, (LEFT + PLOT_WIDTH / 2.0, bottom + 44.0), "middle", "font-size=\"13\"", &label);
    text(svg, (LEFT - 10.0, TOP - 8.0), "end", "font-size=\"13\"", "case");
}

fn draw_bar(svg: &mut String, axis: &Axis, peer: RuntimeName, ratio: Option<Median>, top: f64) {
    let baseline = top + BAR - 3.0;
    let Some(ratio) = ratio else {
        return text(
            svg,
            (axis.x(1.0) + 5.0, baseline),
            "start",
            "fill=\"#888\" font-size=\"10\"",
            "cannot run",
        );
    };
    let (from, to) = (axis.x(ratio.median.min(1.0)), axis.x(ratio.median.max(1.0)));
    let (x, y, width, height) = (from, top + 1.0, to - from, BAR - 2.0);
    writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
        color(peer)
    )
    .expect("writing to a string");
    let (low, high) = (axis.x(ratio.interval.0), axis.x(ratio.interval.1));
    let middle = top + BAR / 2.0;
    line(svg, (low, middle), (high, middle), "stroke=\"#222\"");
    for end in [low, high] {
        line(svg, (end, middle - 3.0), (end, middle + 3.0), "stroke=\"#222\"");
    }
    text(svg, (to.max(high) + 4.0, baseline), "start", "font-size=\"10\"", &short(ratio.median));
}

fn color(runtime: RuntimeName) -> &'static str {
    match runtime {
        RuntimeName::Windlass => "#333333",
        RuntimeName::Tokio => "#3274a1",
        RuntimeName::Smol => "#e1812c",
        RuntimeName::WindlassBlocking => "#777777",
        RuntimeName::Rayon => "#3a923a",
        RuntimeName::Channel => "#c03d3e",
        RuntimeName::Asyncio => "#8172b3",
        RuntimeName::Uvloop => "#937860",
        RuntimeName::Go => "#00add8",
        RuntimeName::Limit => "#9aa5ae",
    }
}

fn line(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), style: &str) {
    writeln!(svg, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {style}/>")
        .expect("writing to a string");
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, style: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{content}</text>")
        .expect("writing to a string");
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn the_axis_is_logarithmic_and_holds_one() {
        let axis = Axis { low: -1.0, high: 3.0 };
        assert_eq!(axis.x(0.5), LEFT);
        assert_eq!(axis.x(1.0), LEFT + PLOT_WIDTH / 4.0);
        assert_eq!(axis.x(8.0), LEFT + PLOT_WIDTH);
        assert_eq!(axis.ticks().collect::<Vec<_>>(), [0.5, 1.0, 2.0, 4.0, 8.0]);
        let wide = Axis { low: -8.0, high: 9.0 };
        assert!(wide.ticks().count() <= 15 && wide.ticks().any(|tick| tick == 1.0));
    }

    #[test]
    fn the_chart_names_cases_runtimes_and_what_is_missing() {
        let (plan, results) = example();
        let svg = chart(&plan, &results);
        for expected in
            ["<svg ", "Wall time per operation", "ping_pong", ">tokio 1.", ">3.00<", "cannot run", "</svg>"]
        {
            assert!(svg.contains(expected), "no {expected} in {svg}");
        }
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
