//! Counters in the Prometheus text format. Source:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;

use baepo_core::digest::Digest;
use baepo_core::telemetry::Telemetry;

use super::table::Table;

/// The page that a scraper gets.
pub(super) fn render<'a>(
    table: &Table,
    releases: impl Iterator<Item = (Digest, &'a Telemetry)> + Clone,
) -> String {
    let mut page = String::new();
    let head = |page: &mut String, name: &str, kind: &str, text: &str| {
        let _ = writeln!(page, "# HELP {name} {text}\n# TYPE {name} {kind}");
    };
    head(
        &mut page,
        "baepo_requests_total",
        "counter",
        "Requests that ended, by release.",
    );
    for (digest, telemetry) in releases.clone() {
        let _ = writeln!(
            page,
            "baepo_requests_total{{release=\"{digest}\"}} {}",
            telemetry.requests
        );
    }
    head(
        &mut page,
        "baepo_failures_total",
        "counter",
        "Of them: 5xx, connect error, timeout, reset.",
    );
    for (digest, telemetry) in releases.clone() {
        let _ = writeln!(
            page,
            "baepo_failures_total{{release=\"{digest}\"}} {}",
            telemetry.failures
        );
    }
    head(
        &mut page,
        "baepo_cut_requests_total",
        "counter",
        "Requests cut at the drain deadline of their instance; in no other count.",
    );
    for (digest, telemetry) in releases.clone() {
        let _ = writeln!(
            page,
            "baepo_cut_requests_total{{release=\"{digest}\"}} {}",
            telemetry.cut
        );
    }
    let name = "baepo_request_duration_seconds";
    head(
        &mut page,
        name,
        "histogram",
        "Time to the last byte, by release.",
    );
    for (digest, telemetry) in releases {
        histogram(&mut page, name, digest, telemetry);
    }
    head(
        &mut page,
        "baepo_route_basis_points",
        "gauge",
        "Share of traffic, 0 to 10000.",
    );
    for lane in table.lanes() {
        let weight = lane.weight.value();
        let _ = writeln!(
            page,
            "baepo_route_basis_points{{release=\"{}\"}} {weight}",
            lane.digest
        );
    }
    head(
        &mut page,
        "baepo_in_flight",
        "gauge",
        "Requests and tunnels not finished, by instance.",
    );
    for (lane, backend) in table
        .lanes()
        .flat_map(|l| l.backends.iter().map(move |b| (l, b)))
    {
        let _ = writeln!(
            page,
            "baepo_in_flight{{release=\"{}\",instance=\"{}\"}} {}",
            lane.digest,
            backend.name(),
            backend.in_flight()
        );
    }
    page
}

fn histogram(page: &mut String, name: &str, digest: Digest, telemetry: &Telemetry) {
    let (mut below, mut sum_us) = (0, 0);
    let mut last = 0;
    for (bound, count) in telemetry
        .latency
        .bounds_us
        .iter()
        .zip(&telemetry.latency.counts)
    {
        below += count;
        // Buckets are a tenth wide, so their middle is within a twentieth.
        sum_us += count * (last + bound) / 2;
        last = *bound;
        let seconds = *bound as f64 / 1e6;
        let _ = writeln!(
            page,
            "{name}_bucket{{release=\"{digest}\",le=\"{seconds}\"}} {below}"
        );
    }
    let all: u64 = telemetry.latency.counts.iter().sum();
    sum_us += (all - below) * last;
    let _ = writeln!(
        page,
        "{name}_bucket{{release=\"{digest}\",le=\"+Inf\"}} {all}"
    );
    let _ = writeln!(
        page,
        "{name}_sum{{release=\"{digest}\"}} {}",
        sum_us as f64 / 1e6
    );
    let _ = writeln!(page, "{name}_count{{release=\"{digest}\"}} {all}");
}
