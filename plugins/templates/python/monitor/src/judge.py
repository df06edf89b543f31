"""What is judged, without anything that only the sandbox has, so that it can be
tested natively."""

import json
from dataclasses import asdict, dataclass, field
from typing import Self

from baepo_plugin import config
from baepo_plugin.config import Fields
from wit_world.exports.monitor import Finding, Measurement, Observation, ObserveRequest, Phase, Sample
from wit_world.imports.types import Level, Role, Verdict

from ask import NoNumber, Send, number

#: A call may make 50 requests and take 10 seconds.
MOST_ASKED = 20
MOST_TIMEOUT_MS = 2000
MOST_WAIT_MS = 6000
#: A plot has no more.
MOST_SAMPLES = 60


@dataclass(frozen=True)
class Settings:
    """What users write under `with:`."""

    #: A whole address; or a path that is asked of each instance of the candidate.
    url: str
    #: Where the number stands in the answer: keys and indexes joined by dots.
    path: str
    max: float | None
    min: float | None
    #: Fewer numbers in a window prove nothing.
    min_answers: int
    timeout_ms: int

    @classmethod
    def read(cls, fields: Fields) -> Self:
        settings = cls(
            url=fields.read("url", config.text, "/health"),
            path=fields.require("path", config.text, "queue.oldest-seconds"),
            max=fields.read("max", config.number, None),
            min=fields.read("min", config.number, None),
            min_answers=fields.read("min-answers", config.count, 3),
            timeout_ms=fields.read("timeout", config.duration, 1000),
        )
        if not settings.url.startswith(("/", "http://", "https://")):
            fields.problem("url", "must be a path such as `/health`, or begin with `https://` or `http://`")
        if not fields.has("max") and not fields.has("min"):
            fields.problem("max", "is missing, and so is `min`: one of them is the limit")
        if settings.max is not None and settings.min is not None and settings.min > settings.max:
            fields.problem("min", "must not be above `max`")
        if not 0 < settings.timeout_ms <= MOST_TIMEOUT_MS:
            fields.problem("timeout", "must be more than nothing and at most `2s`")
        return settings

    def allows(self, value: float) -> bool:
        return (self.max is None or value <= self.max) and (self.min is None or value >= self.min)


    def phases(self) -> list[Phase]:
        """Without traffic only its own instances can say something of a candidate."""
        first = [Phase.PREVIEW] if self.url.startswith("/") else []
        return [*first, Phase.RAMP, Phase.BAKE]


def settings(text: str) -> Settings:
    return config.parse(text, Settings.read)


@dataclass
class Look:
    """What the instances said at one look."""

    #: Since the window began.
    at_ms: int
    least: float
    most: float


@dataclass
class Seen:
    """What is kept between two looks: of one window, so that each proves itself."""

    window: int
    #: Numbers within the limits, and beyond.
    good: int = 0
    bad: int = 0
    #: The newest.
    looks: list[Look] = field(default_factory=list)

    @classmethod
    def read(cls, memory: bytes, window: int) -> Self:
        kept = json.loads(memory or b"{}")
        if kept.get("window") != window:
            return cls(window)
        kept["looks"] = [Look(**look) for look in kept["looks"]]
        return cls(**kept)

    def memory(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def observe(request: ObserveRequest, send: Send) -> Observation:
    """One look: each address is asked once."""
    rule = settings(request.config)
    seen = Seen.read(request.memory, request.window)
    numbers: list[float] = []
    silent: list[str] = []
    left_ms = MOST_WAIT_MS
    for url in addresses(rule.url, request.candidate.endpoints):
        if left_ms <= 0:
            silent.append(f"{url}: there was no time left to ask")
            continue
        try:
            value, took_ms = number(send, url, rule.path, rule.timeout_ms)
            numbers.append(value)
        except NoNumber as why:
            silent.append(f"{url}: {why}")
            # As long as it was given, at most.
            took_ms = rule.timeout_ms
        left_ms -= took_ms
    good = sum(map(rule.allows, numbers))
    seen.good += good
    seen.bad += len(numbers) - good
    if numbers:
        look = Look(request.window_elapsed_ms, min(numbers), max(numbers))
        seen.looks = [*seen.looks, look][-MOST_SAMPLES:]
    told = measurements(rule, seen)
    verdict, reason = judge(rule, seen, told, bool(numbers), silent)
    return Observation(
        memory=seen.memory(),
        verdict=verdict,
        reason=reason,
        measurements=told,
        findings=[
            Finding(Level.WARNING, Role.CANDIDATE, f"no `{rule.path}` to judge", why) for why in silent[:1]
        ],
    )


def addresses(url: str, endpoints: list[str]) -> list[str]:
    if url.startswith("/"):
        return [endpoint.rstrip("/") + url for endpoint in endpoints[:MOST_ASKED]]
    return [url]


def judge(
    rule: Settings, seen: Seen, told: list[Measurement], is_answered: bool, silent: list[str]
) -> tuple[Verdict, str]:
    """Without evidence nothing is healthy: who was asked at this look must have
    answered, and often enough in this window."""
    answers = seen.good + seen.bad
    if seen.bad > 0:
        worst = [f": {m.candidate:g}, limit {m.limit:g}" for m in told if m.verdict is Verdict.FAILING]
        passed = f"`{rule.path}` was beyond its limit in {seen.bad} of {answers} answers"
        return Verdict.FAILING, passed + "".join(worst[:1])
    if silent:
        return Verdict.INCONCLUSIVE, silent[0]
    if not is_answered:
        return Verdict.INCONCLUSIVE, "the candidate has no instance to ask"
    if answers < rule.min_answers:
        return Verdict.INCONCLUSIVE, f"{answers} of {rule.min_answers} answers that it takes"
    return Verdict.HEALTHY, f"`{rule.path}` kept its limit in {answers} answers"


def measurements(rule: Settings, seen: Seen) -> list[Measurement]:
    """One for each limit, with the value of the window that is nearest to it or beyond."""
    most = [(look.at_ms, look.most) for look in seen.looks]
    least = [(look.at_ms, look.least) for look in seen.looks]
    answers = seen.good + seen.bad
    told = []
    for limit, worse, values in ((rule.max, max, most), (rule.min, min, least)):
        if limit is None or not values:
            continue
        worst = worse(value for _, value in values)
        if worse(worst, limit) != limit:
            verdict = Verdict.FAILING
        else:
            verdict = Verdict.HEALTHY if answers >= rule.min_answers else Verdict.INCONCLUSIVE
        told.append(
            Measurement(
                name=rule.path,
                unit="",
                stable=None,
                candidate=worst,
                limit=limit,
                verdict=verdict,
                evidence=f"{worse.__name__}imum, answers: {answers}",
                samples=[Sample(at_ms, None, value) for at_ms, value in values],
            )
        )
    return told
