"""The formulas of baepo-judge a second time, from their papers and not from its code.

Writes values.txt, with which src/tests/reference.rs compares what the crate computes:

    python3 plugins/judge/reference/reference.py > plugins/judge/reference/values.txt

What is said of latency is in latency.py.

Where the crate uses a recursion, this sums over all paths of the noise, or
integrates numerically. Only the constants are the same.
"""

from functools import cache
from itertools import product
from math import comb, exp, inf, lgamma, log, pi, sqrt

STATES = 7
MEMORY = 270.0
HALF = 30.0


def mean_exp(logs):
    top = max(logs)
    return top + log(sum(exp(x - top) for x in logs) / len(logs))


def weighted(logs, weights):
    top = max(logs)
    return top + log(sum(w * exp(x - top) for x, w in zip(logs, weights)))


def noise_values(deviation, events):
    """Rouwenhorst's grid: equidistant, with this standard deviation in the long run."""
    reckoned = 0.0 if events == 0 else deviation / (1 + (HALF / events) ** 2)
    step = 2 * reckoned * sqrt(STATES - 1) / (STATES - 1)
    return [step * (i - (STATES - 1) / 2) for i in range(STATES)]


def start():
    return [comb(STATES - 1, i) / 2 ** (STATES - 1) for i in range(STATES)]


@cache
def rouwenhorst(p):
    """His recursion, instead of the sum over coins."""
    matrix = [[p, 1 - p], [1 - p, p]]
    for n in range(3, STATES + 1):
        grown = [[0.0] * n for _ in range(n)]
        for i in range(n - 1):
            for j in range(n - 1):
                grown[i][j] += p * matrix[i][j]
                grown[i][j + 1] += (1 - p) * matrix[i][j]
                grown[i + 1][j] += (1 - p) * matrix[i][j]
                grown[i + 1][j + 1] += p * matrix[i][j]
        for i in range(1, n - 1):
            grown[i] = [x / 2 for x in grown[i]]
        matrix = grown
    return matrix


def marginal(looks, likelihood):
    """ln of the sum over all paths of the noise; likelihood(look, state) is a logarithm."""
    logs = []
    for path in product(range(STATES), repeat=len(looks)):
        total = log(start()[path[0]])
        for t, (look, state) in enumerate(zip(looks, path)):
            if t > 0:
                move = rouwenhorst((1 + exp(-look["seconds"] / MEMORY)) / 2)[path[t - 1]][state]
                total += log(move) if move > 0 else -inf
            total += likelihood(look, t, state)
        logs.append(total)
    top = max(logs)
    return top + log(sum(exp(x - top) for x in logs))


def of_both(look, rho):
    """ln of how likely it is that the events are of whom they are, at this ratio."""
    theta = look["nc"] * rho / (look["ns"] + look["nc"] * rho)
    return look["fc"] * log(theta) + look["fs"] * log(1 - theta)


def comparative(looks):
    def of(ratio, deviation=0.46):
        def likelihood(look, t, state):
            events = sum(l["fs"] + l["fc"] for l in looks[: t + 1])
            return of_both(look, ratio * exp(noise_values(deviation, events)[state]))

        return marginal(looks, likelihood)

    worse, weights = [1.5, 3.0, 6.0, 15.0], [0.05, 0.70, 0.20, 0.05]
    fail = weighted([of(r) for r in worse], weights) - of(1.0)
    low = weighted([of(1 / r) for r in worse], weights) - of(1.0)
    passes = mean_exp([of(r, 0.2) for r in (1.0, 1 / 1.5, 1 / 3.0)]) - of(2.0, 0.2)
    return fail, low, passes


def absolute(looks, limit):
    """Without noise, as Wald has it."""
    ok = sum(l["nc"] - l["fc"] for l in looks)
    bad = sum(l["fc"] for l in looks)

    def ratio(q):
        return ok * log((1 - q) / (1 - limit)) + bad * log(q / limit)

    above = [min(limit / part, (1 + limit) / 2) for part in (0.05, 0.2, 0.5)]
    return mean_exp([ratio(q) for q in above]), mean_exp([ratio(limit * p) for p in (0.05, 0.2, 0.5)])


def absolute_with_noise(looks, limit):
    def of(rate):
        def likelihood(look, t, state):
            expected = sum(l["nc"] for l in looks[: t + 1]) * limit
            q = min(rate * exp(noise_values(0.50, expected)[state]), (1 + rate) / 2)
            return (look["nc"] - look["fc"]) * log(1 - q) + look["fc"] * log(q)

        return marginal(looks, likelihood)

    above = [min(limit / part, (1 + limit) / 2) for part in (0.5, 0.2, 0.05)]
    return mean_exp([of(q) for q in above]) - of(limit)


def t_test(values, variance=4.0):
    """The Bayes factor by integrating over effect and spread, with the prior 1/spread."""
    k = len(values)
    mean = sum(values) / k
    if mean <= 0:
        return 0.0

    def evidence(effect):
        # The integral over the spread of prod N(x; effect·s, s²)/s ds, in closed form up to
        # a constant, by substituting u = 1/s: a moment of a normal in u.
        a = sum(x * x for x in values) / 2
        b = effect * sum(values)
        c = k * effect * effect / 2
        steps, top = 4000, None
        upper = (abs(b) + sqrt(b * b + 8 * a * k)) / (2 * a) * 3
        logs = []
        for i in range(steps):
            u = upper * (i + 0.5) / steps
            logs.append((k - 1) * log(u) - a * u * u + b * u - c)
        top = max(logs)
        return top + log(sum(exp(x - top) for x in logs) * upper / steps)

    sd = sqrt(variance)
    grid = [-8 * sd + 16 * sd * (i + 0.5) / 800 for i in range(800)]
    density = [-(d * d) / (2 * variance) - log(sd * sqrt(2 * pi)) for d in grid]
    logs = [evidence(d) + p for d, p in zip(grid, density)]
    top = max(logs)
    return top + log(sum(exp(x - top) for x in logs) * 16 * sd / 800) - evidence(0.0)


LOOKS = {
    "few": [(60, 900, 1, 100, 2)],
    "none": [(60, 1000, 0, 1000, 0)],
    "many": [(60, 1000, 50, 1000, 75), (60, 1000, 47, 1000, 60), (60, 1000, 55, 1000, 81)],
    "ramp": [(5, 950, 2, 50, 1), (60, 900, 1, 100, 3), (30, 500, 4, 500, 9)],
    "better": [(60, 1000, 12, 1000, 2), (60, 1000, 9, 1000, 3)],
}
SERIES = {
    "rises": [4.0, 5.5, 3.0, 6.0, 4.2],
    "wanders": [1.0, -0.5, 2.0, -1.2],
    "small": [4e-7, 5.5e-7, 3e-7, 6e-7, 4.2e-7],
}

if __name__ == "__main__":
    print("# Written by reference.py; see there.")
    for name, rows in LOOKS.items():
        looks = [dict(zip(("seconds", "ns", "fs", "nc", "fc"), row)) for row in rows]
        shown = " ".join("/".join(map(str, row)) for row in rows)
        for what, value in zip(("fail", "low", "pass"), comparative(looks)):
            print(f"comparative-{what} {shown} = {value:.12g}")
        for what, value in zip(("fail", "pass"), absolute(looks, 0.01)):
            print(f"absolute-{what} {shown} = {value:.12g}")
        print(f"above {shown} = {absolute_with_noise(looks, 0.01):.12g}")
    for name, values in SERIES.items():
        print(f"t-test {' '.join(map(str, values))} = {t_test(values):.8g}")
