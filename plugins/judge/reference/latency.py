"""What baepo-judge says of latency a second time, from what its documentation says.

Writes latency.txt, with which src/tests/reference_latency.rs compares what the crate says:

    python3 plugins/judge/reference/latency.py > plugins/judge/reference/latency.txt

Where the crate goes through the buckets once, this asks each bound by itself; where it
compares rounded numbers, this has fractions.
"""

from fractions import Fraction
from math import exp, inf, log

from reference import absolute, marginal, mean_exp, noise_values, of_both, weighted

QUANTILES = [Fraction(q) for q in ("0.5", "0.9", "0.95", "0.99")]
REFUTABLE = QUANTILES[1:3]
SLOWER = (1.15, 1.5, 3.0)
MARGIN, COARSEST, SLACK = Fraction("0.05"), Fraction("0.1"), Fraction("1e-6")
ALPHA, BETA, DOUBT, LEAST = 0.01, 0.05, 5.0, 30


class Histogram:
    def __init__(self, bounds, counts):
        self.bounds, self.total = bounds, sum(counts)
        self.buckets = list(zip([0] + bounds, bounds + [None], counts))

    def above(self, bound):
        """Those who took longer for certain: their bucket begins there or later."""
        return sum(count for begin, _, count in self.buckets if begin >= bound)

    def perhaps_above(self, bound):
        """Those who may have taken longer: their bucket ends above it, or nowhere."""
        return sum(count for _, end, count in self.buckets if end is None or end > bound)

    def share_above(self, bound):
        return Fraction(self.above(bound), self.total)


def first_at(bounds, place):
    return min((b for b in bounds if b >= place * (1 - SLACK)), default=None)


def stands_for(bound, place):
    """Whether a bound is no further above a place than buckets may be wide."""
    return bound <= place * (1 + COARSEST) * (1 + SLACK)


def bar_of(bounds, edge, floor):
    """What the candidate has to pass, if there is such a bound."""
    return first_at(bounds, max(edge * (1 + MARGIN), edge + floor))


def nearest(edges, quantile):
    """Of (edge, share above it, …) the nearest to the quantile; the highest of those that
    part the requests in the same way."""

    def away(one):
        return abs(one[1] - (1 - quantile))

    best = min(edges, key=lambda one: (away(one), -one[0]), default=None)
    # Of two that are as near from both sides either will do, so no case has them.
    assert all(one[1] == best[1] for one in edges if away(one) == away(best))
    return best


def slow(stable, candidate, floor):
    """For each quantile (stable's, the candidate's) slow requests, "coarse" or "none"."""
    edges = []
    for edge in stable.bounds:
        bar = bar_of(stable.bounds, edge, floor)
        if bar is not None:
            pair = stable.above(edge), candidate.above(bar)
            share = Fraction(sum(pair), stable.total + candidate.total)
            edges.append((edge, share, bar, pair))
    found = []
    for quantile in QUANTILES:
        best = nearest(edges, quantile)
        if best is None or best[1] in (0, 1):
            found.append("none")
        else:
            edge, _, bar, pair = best
            found.append(pair if stands_for(bar, edge + floor) else "coarse")
    return found


def recorded_edge(record, quantile, floor):
    """(edge, bar) in a record, where the bar is None if buckets are too coarse; None if no
    edge parts the requests."""
    shares = [(bound, record.share_above(bound)) for bound in record.bounds]
    best = nearest([one for one in shares if 0 < one[1] < 1], quantile)
    if best is None:
        return None
    bar = bar_of(record.bounds, best[0], floor)
    return best[0], bar if bar is not None and stands_for(bar, best[0] + floor) else None


def fine_bar(stable, quantile, floor):
    """Stable's quantile, or what is at the floor above it; None if buckets are too coarse to
    know it. The first one begins at nothing, so that only a floor makes it narrow."""
    for begin, edge, _ in stable.buckets:
        if edge is None:
            return None
        share = stable.share_above(edge)
        if share <= 1 - quantile:
            bar = first_at(stable.bounds, edge + floor)
            is_narrow = stands_for(edge, begin if begin > 0 else floor)
            is_known = is_narrow and bar is not None and stands_for(bar, edge + floor)
            return bar if is_known else None


def of_slow(counted):
    """ln E of these slow requests, for one quantile."""
    if not counted:
        return 0.0

    def of(ratio):
        def likelihood(look, t, state):
            return of_both(look, ratio * exp(noise_values(0.02, inf)[state]))

        return marginal(counted, likelihood)

    return mean_exp([of(ratio) for ratio in SLOWER]) - of(1.0)


def of_looks(looks, floor):
    """ln E of what was compared in these looks, over the four quantiles.

    Noise stands still in the crate where a look compares nothing. Going on would be truer,
    and move ln E by a few thousandths.
    """
    logs = []
    for i in range(len(QUANTILES)):
        counted = []
        for look in looks:
            stable, candidate = look["stable"], look["candidate"]
            if look["phase"] == "bake" or 0 in (stable.total, candidate.total):
                continue
            found = slow(stable, candidate, floor)[i]
            if isinstance(found, tuple):
                row = look["seconds"], stable.total, found[0], candidate.total, found[1]
                counted.append(dict(zip(("seconds", "ns", "fs", "nc", "fc"), row)))
        logs.append(of_slow(counted))
    return mean_exp(logs)


def chernoff(n, bad, nats):
    """The rate above bad/n under which so few had a chance of e^-nats."""
    rate, low, high = bad / n, bad / n, 1.0
    while True:
        p = (low + high) / 2
        if p in (low, high):
            return p
        far = rate * log(rate / p) + (1 - rate) * log((1 - rate) / (1 - p))
        low, high = (p, high) if n * far < nats else (low, p)


def of_bake(looks, floor, level):
    """ln E of the candidate alone against a record; half the level is for chance in that."""
    record = looks[-1]["stable"]
    requests = sum(look["candidate"].total for look in looks)
    logs = []
    for quantile in QUANTILES:
        edge, bar = recorded_edge(record, quantile, floor) or (None, None)
        if bar is None:
            logs.append(0.0)
            continue
        bad = sum(look["candidate"].above(bar) for look in looks)
        most = chernoff(record.total, record.above(edge), log(2 / level))
        rates = [min(most * ratio, (1 + most) / 2) for ratio in SLOWER]
        ok = requests - bad
        ratios = [ok * log((1 - q) / (1 - most)) + bad * log(q / most) for q in rates]
        logs.append(mean_exp(ratios) - log(2))
    return mean_exp(logs)


def is_coarse(look, floor):
    """Whether something could not be asked."""
    stable, candidate = look["stable"], look["candidate"]
    if 0 in (stable.total, candidate.total):
        return False
    if look["phase"] == "ramp":
        asked = "coarse" in slow(stable, candidate, floor)
    else:
        found = [recorded_edge(stable, quantile, floor) for quantile in QUANTILES]
        asked = any(one is not None and one[1] is None for one in found)
    return asked or any(fine_bar(stable, quantile, floor) is None for quantile in REFUTABLE)


def as_fast(looks, floor):
    """ln E against "twice as many as should be are above stable's quantile"."""
    logs = []
    for quantile in REFUTABLE:
        counted = []
        for look in looks:
            stable, candidate = look["stable"], look["candidate"]
            if 0 not in (stable.total, candidate.total):
                bar = fine_bar(stable, quantile, floor)
                if bar is not None:
                    counted.append({"nc": candidate.total, "fc": candidate.above(bar)})
        logs.append(absolute(counted, float(2 * (1 - quantile)))[1])
    return mean_exp(logs)


def windows_of(looks):
    numbers = sorted({look["window"] for look in looks})
    return [[look for look in looks if look["window"] == number] for number in numbers]


def has_enough(looks):
    window = windows_of(looks)[-1]
    is_one_sided = looks[-1]["phase"] == "ramp" and sum(l["stable"].total for l in window) == 0
    return not is_one_sided and sum(l["candidate"].total for l in window) >= LEAST


def verdict(is_failing, is_fine):
    return "failing" if is_failing else "healthy" if is_fine else "inconclusive"


def latency(looks, floor, level):
    """What is answered after the last of these looks."""
    windows = windows_of(looks)
    # The first window's test is that of everything.
    logs = [of_looks(looks, floor)] + [of_looks(one, floor) for one in windows[1:]]
    weights = [0.9] + [0.1 / (j * (j - 1)) for j in range(2, len(windows) + 1)]
    fail, loudest = weighted(logs, weights), logs[-1]
    if looks[-1]["phase"] == "bake":
        alone = of_bake([look for look in looks if look["phase"] == "bake"], floor, level)
        fail, loudest = max(fail, alone), max(loudest, alone)
    passes, coarse = as_fast(looks, floor), any(is_coarse(look, floor) for look in looks)
    is_quiet = loudest < log(DOUBT) and not coarse
    is_fine = passes >= -log(BETA) and is_quiet and has_enough(looks)
    return [verdict(fail >= -log(level), is_fine), fail, passes, "coarse" if coarse else "fine"]


def max_latency(looks, quantile, most, level):
    """The same against a limit."""

    def of(histograms, above):
        counted = [{"nc": h.total, "fc": above(h, most)} for h in histograms]
        return absolute(counted, float(1 - quantile))

    candidates = [look["candidate"] for look in looks]
    fail, passes = of(candidates, Histogram.above)[0], of(candidates, Histogram.perhaps_above)[1]
    records = [look["stable"] for look in looks if look["phase"] == "bake"]
    compared = [look["stable"] for look in looks if look["phase"] == "ramp"]
    # A record is the same in each look, and counts once.
    stable_fails = of(compared + records[-1:], Histogram.above)[0] >= -log(level)
    is_failing = fail >= -log(level) and not stable_fails
    return [verdict(is_failing, passes >= -log(BETA) and has_enough(looks)), fail, passes]


# Bounds that grow by 5 %, by a tenth, by a tenth with a few digits, by half, by 5 % and then
# by more, by 5 % but for one, and by a fixed step.
TWENTIETH = "100 105 110.25 115.7625 121.550625 127.62815625 134.0095640625 140.710042265625"
TENTH = "0.1 0.11 0.121 0.1331 0.14641 0.161051 0.1771561 0.19487171"
ROUNDED = "66.66667 73.33333 80.66667 88.73333 97.60667 107.36733 118.10407"
HALVES = "20 30 45 67.5 101.25 151.875"
MIXED = "100 105 110.25 115.7625 121.550625 170 250"
GAP = "100 105 110.25 115.7625 170 178.5 187.425"
STEPS = "1 2 3 4 5 6 7 8 9 10 11 12"
PAIRS = "40 42 44 46 48 50 52 54 56 58 60 62 64"
# A floor, a limit or none, bounds, and looks: phase, window, seconds, stable's requests (in a
# bake those of the record), the candidate's.
CASES = {
    "equal": ("0", None, TWENTIETH, [
        ("ramp", 1, 60, "120 210 260 190 110 60 30 14 6", "118 214 255 195 107 63 27 15 6"),
    ]),
    "slower, with a share that grows": ("0", None, TWENTIETH, [
        ("ramp", 1, 60, "230 380 470 350 210 120 70 50 20", "1 2 5 11 17 23 20 14 8"),
        ("ramp", 1, 30, "122 190 235 171 108 60 33 24 9", "9 19 48 101 143 171 122 80 41"),
        ("ramp", 1, 45, "61 96 118 87 51 33 14 13 5", "17 39 88 197 251 323 229 151 70"),
    ]),
    "slower, and that is not sure yet": ("0", None, TENTH, [
        ("ramp", 1, 60, "61 96 118 87 51 33 14 11 5", "11 19 41 68 71 52 34 22 17"),
    ]),
    "a bit slower, in four windows": ("0", None, TENTH, [
        ("ramp", 1, 60, "150 210 260 180 110 50 25 10 5", "130 205 255 190 120 60 28 14 8"),
        ("ramp", 2, 60, "149 214 251 183 107 52 24 13 7", "111 203 257 199 129 59 31 15 6"),
        ("ramp", 4, 20, "51 68 87 62 33 19 9 4 1", "40 61 82 70 51 29 12 7 4"),
        ("ramp", 5, 60, "152 207 255 187 105 51 27 11 6", "120 199 245 208 127 63 30 17 8"),
    ]),
    "slower from the third window on": ("0", None, TENTH, [
        ("ramp", 1, 60, "150 210 260 180 110 50 25 10 5", "200 254 240 158 90 33 14 7 4"),
        ("ramp", 2, 60, "149 214 251 183 107 52 24 13 7", "196 260 238 153 92 36 15 7 3"),
        ("ramp", 3, 20, "151 208 257 182 103 53 29 11 6", "19 48 90 183 221 190 130 82 37"),
        ("ramp", 3, 60, "52 67 85 61 36 17 8 4 2", "4 13 28 57 78 71 44 31 16"),
    ]),
    "faster": ("0", None, TENTH, [
        ("ramp", 1, 60, "40 70 130 190 230 170 100 50 20", "90 160 230 210 150 90 40 20 10"),
        ("ramp", 2, 60, "41 73 124 195 227 169 101 49 21", "94 151 237 203 157 83 43 19 11"),
    ]),
    "one role alone in a look": ("0", None, ROUNDED, [
        ("ramp", 1, 60, "0 0 0 0 0 0 0 0", "20 30 24 15 9 4 2 1"),
        ("ramp", 1, 60, "41 66 50 27 14 7 4 2", "28 46 49 44 29 13 7 5"),
        ("ramp", 1, 90, "0 0 0 0 0 0 0 0", "20 30 24 15 9 4 2 1"),
        ("ramp", 1, 120, "83 121 103 51 31 12 6 5", "50 87 104 91 53 28 11 7"),
    ]),
    "one role alone in a window": ("0", None, TENTH, [
        ("ramp", 1, 60, "150 210 260 180 110 50 25 10 5", "148 213 262 175 108 54 23 11 6"),
        ("ramp", 2, 60, "0 0 0 0 0 0 0 0 0", "148 213 262 175 108 54 23 11 6"),
    ]),
    "too coarse everywhere": ("0", None, HALVES, [
        ("ramp", 1, 60, "100 150 250 200 100 40 10", "20 60 150 250 230 110 40"),
    ]),
    "too coarse above": ("0", None, MIXED, [
        ("ramp", 1, 60, "300 160 140 120 90 130 48 9", "130 110 100 160 190 210 79 27"),
        ("ramp", 1, 60, "310 165 132 121 87 126 50 7", "127 113 104 153 201 214 73 23"),
    ]),
    "too coarse in one look": ("0", None, MIXED, [
        ("ramp", 1, 60, "700 180 70 35 15 0 0 0", "610 201 108 47 27 7 0 0"),
        ("ramp", 1, 90, "390 160 140 120 88 61 29 12", "280 150 160 150 120 90 35 15"),
        ("ramp", 1, 30, "690 188 71 33 16 1 1 0", "598 210 106 49 25 10 2 0"),
    ]),
    "a floor that hides it": ("8", None, PAIRS, [
        ("ramp", 1, 60, "40 220 310 190 90 60 40 20 10 6 5 4 3 2", "5 30 90 240 280 170 80 40 30 15 8 6 3 3"),
        ("ramp", 1, 60, "43 217 303 199 88 57 44 18 12 7 4 5 2 1", "7 27 95 231 285 174 77 43 27 17 7 5 3 2"),
    ]),
    "the same with less of a floor": ("0.5", None, PAIRS, [
        ("ramp", 1, 60, "40 220 310 190 90 60 40 20 10 6 5 4 3 2", "5 30 90 240 280 170 80 40 30 15 8 6 3 3"),
        ("ramp", 1, 60, "43 217 303 199 88 57 44 18 12 7 4 5 2 1", "7 27 95 231 285 174 77 43 27 17 7 5 3 2"),
    ]),
    "a floor between two bounds": ("5", None, PAIRS, [
        ("ramp", 1, 60, "90 180 230 200 130 80 40 20 12 8 5 3 1 1", "60 120 190 220 170 110 60 34 16 9 6 3 1 1"),
        ("ramp", 2, 60, "88 177 233 204 128 83 37 23 11 7 5 3 0 1", "30 70 130 190 210 160 100 51 30 14 9 3 2 1"),
    ]),
    "a floor where buckets are wide": ("3", None, STEPS, [
        ("ramp", 1, 60, "40 220 310 190 90 60 40 20 10 6 5 4 3", "5 30 90 240 280 170 80 40 30 15 8 6 5"),
    ]),
    "a floor beyond the bounds": ("30", None, PAIRS, [
        ("ramp", 1, 60, "90 180 230 200 130 80 40 20 12 8 5 3 1 1", "60 120 190 220 170 110 60 34 16 9 6 3 1 1"),
    ]),
    "nearly all in the first": ("0", None, TWENTIETH, [
        ("ramp", 1, 60, "500 0 0 0 0 0 0 0 0", "500 0 0 0 0 0 0 0 0"),
        ("ramp", 1, 60, "493 1 0 0 0 0 0 0 0", "487 2 5 3 0 0 0 0 0"),
    ]),
    "all in the last": ("0", None, TWENTIETH, [
        ("ramp", 1, 60, "0 0 0 0 0 0 0 0 80", "0 0 0 0 0 0 0 0 90"),
    ]),
    "many in the last": ("0", None, TENTH, [
        ("ramp", 1, 60, "20 30 50 70 90 110 130 150 150", "10 20 30 50 70 100 140 160 320"),
        ("ramp", 1, 60, "19 33 47 74 88 113 127 152 147", "11 18 33 47 74 97 139 163 317"),
    ]),
    "nobody between two bounds": ("0", None, TWENTIETH, [
        ("ramp", 1, 60, "400 0 0 300 0 0 250 0 40", "280 0 0 240 0 0 385 0 70"),
    ]),
    "nobody between two bounds that are far apart": ("0", None, GAP, [
        ("ramp", 1, 60, "400 300 200 95 0 60 30 15", "380 310 130 100 70 0 50 30"),
    ]),
    "a floor that ends between those": ("7", None, GAP, [
        ("ramp", 1, 60, "400 250 200 98 21 16 10 5", "380 240 210 102 24 19 15 10"),
    ]),
    "one bound": ("0", ("0.9", "100"), "100", [
        ("ramp", 1, 60, "330 21", "280 84"),
    ]),
    "slower than the record": ("0", None, TENTH, [
        ("bake", 1, 60, "1500 2100 2600 1800 1100 500 250 70 21", "30 50 90 190 250 190 100 61 49"),
        ("bake", 1, 60, "1500 2100 2600 1800 1100 500 250 70 21", "26 57 94 186 247 198 104 63 45"),
    ]),
    "slower than the record, and that is not sure yet": ("0", None, TENTH, [
        ("bake", 1, 60, "1500 2100 2600 1800 1100 500 250 70 21", "19 31 57 90 96 67 38 20 7"),
    ]),
    "as fast as the record": ("0", None, TENTH, [
        ("bake", 1, 60, "1500 2100 2600 1800 1100 500 250 70 21", "148 213 262 175 108 54 23 11 6"),
    ]),
    "slower than the record by more than a floor": ("5", None, PAIRS, [
        ("bake", 1, 60, "300 900 1800 1600 1000 500 250 120 61 30 20 10 5 2", "1 3 10 31 62 90 120 109 80 60 48 30 12 7"),
    ]),
    "a record that is too coarse above": ("0", None, MIXED, [
        ("bake", 1, 60, "3000 1600 1400 1200 900 1300 480 90", "10 20 40 90 130 230 142 41"),
    ]),
    "a record with nobody between two bounds": ("0", None, TENTH, [
        ("bake", 1, 60, "1500 2100 1500 0 3500 0 500 170 21", "60 90 110 140 180 160 100 61 19"),
    ]),
    "a record of the fast": ("0", None, TWENTIETH, [
        ("bake", 1, 60, "900 0 0 0 0 0 0 0 0", "880 7 3 0 0 0 0 0 0"),
    ]),
    "a ramp, and slower in the bake": ("0", ("0.95", "0.161051"), TENTH, [
        ("ramp", 1, 60, "150 210 260 180 110 50 25 10 5", "12 20 24 19 13 7 3 1 1"),
        ("bake", 2, 60, "1500 2100 2600 1800 1100 500 250 70 21", "22 53 101 201 258 171 111 64 29"),
        ("bake", 2, 60, "1500 2100 2600 1800 1100 500 250 70 21", "27 57 97 208 249 169 113 65 25"),
    ]),
    "a limit that is a bound": ("0", ("0.95", "127.62815625"), TWENTIETH, [
        ("ramp", 1, 60, "180 270 250 170 90 22 9 4 1", "130 220 240 190 110 60 41 25 19"),
        ("ramp", 1, 60, "184 261 254 167 93 19 10 5 0", "127 214 246 188 113 57 45 27 18"),
    ]),
    "a limit between two bounds": ("0", ("0.99", "130"), TWENTIETH, [
        ("ramp", 1, 60, "1800 2700 2500 1700 900 220 17 4 1", "1790 2710 2490 1705 905 215 39 5 0"),
    ]),
    "a limit beyond all bounds": ("0", ("0.9", "200"), TWENTIETH, [
        ("ramp", 1, 60, "18 27 25 17 9 2 1 1 20", "13 22 24 19 11 6 3 1 30"),
    ]),
    "a limit that stable does not keep": ("0", ("0.9", "120"), TWENTIETH, [
        ("ramp", 1, 60, "120 160 170 150 140 90 60 30 20", "110 150 160 150 150 100 70 40 30"),
    ]),
    "a limit that a record does not keep": ("0", ("0.9", "0.15"), TENTH, [
        ("bake", 1, 60, "1100 2000 2600 1800 1300 900 450 200 81", "90 150 230 210 150 90 40 21 19"),
    ]),
    "a limit within a wide bucket": ("0", ("0.9", "101"), "100 1000 1100", [
        ("ramp", 1, 60, "990 9 1 0", "500 490 8 2"),
    ]),
    "a record above the limit by chance, seen three times": ("0", ("0.95", "127.62815625"), TWENTIETH, [
        ("bake", 1, 60, "42 19 13 10 4 1 4 5 2", "40 60 50 30 20 6 30 16 8"),
        ("bake", 1, 60, "42 19 13 10 4 1 4 5 2", "41 57 52 29 18 7 33 17 5"),
        ("bake", 1, 60, "42 19 13 10 4 1 4 5 2", "39 61 50 27 21 5 31 18 7"),
    ]),
    "exactly a tenth above": ("0", None, TWENTIETH, [
        ("ramp", 1, 60, "500 400 60 30 10 0 0 0 0", "510 390 60 30 10 0 0 0 0"),
    ]),
    "a floor within which the first bucket is": ("100", None, "100 105 110 200 210 220", [
        ("ramp", 1, 60, "960 20 10 10 0 0 0", "950 25 15 8 2 0 0"),
    ]),
    "too few": ("0", ("0.5", "120"), TWENTIETH, [
        ("ramp", 1, 60, "120 160 170 50 4 9 6 3 2", "9 8 7 3 1 1 0 0 0"),
    ]),
}


def shown(values):
    return " ".join(v if isinstance(v, str) else f"{v:.12g}" for v in values)


def print_case(name, floor, limit, bounds, looks):
    """Lines of: what, floor, limit, bounds, looks = answers."""
    rows = [";".join(str(part).replace(" ", "/") for part in look) for look in looks]
    head = " ".join([floor, "/".join(limit or ["none"]), bounds.replace(" ", "/")])
    bounds, floor = [Fraction(bound) for bound in bounds.split()], Fraction(floor)
    level = ALPHA / (3 if limit else 2)
    seen = []
    print(f"# {name}")
    for (*known, stable, candidate), row in zip(looks, rows):
        both = [Histogram(bounds, list(map(int, role.split()))) for role in (stable, candidate)]
        seen.append(dict(zip(("phase", "window", "seconds", "stable", "candidate"), known + both)))
        if known[0] == "ramp" and both[0].total > 0:
            found = [f if isinstance(f, str) else f"{f[0]}/{f[1]}" for f in slow(*both, floor)]
            print(f"slow {head} {row} = {shown(found)}")
    case = " ".join([head] + rows)
    print(f"latency {case} = {shown(latency(seen, floor, level))}")
    if limit:
        found = max_latency(seen, Fraction(limit[0]), Fraction(limit[1]), level)
        print(f"max-latency {case} = {shown(found)}")


if __name__ == "__main__":
    print("# Written by latency.py; see there.")
    for name, case in CASES.items():
        print_case(name, *case)
