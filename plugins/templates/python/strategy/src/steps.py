"""What is decided, without anything that only the sandbox has, so that it can be
tested natively."""

import json
from dataclasses import dataclass
from typing import Self

from baepo_plugin import config
from baepo_plugin.config import Fields
from wit_world.exports.strategy import (
    Decision,
    Directive,
    Directive_Abort,
    Directive_Finish,
    Directive_Hold,
    Directive_Observe,
    Directive_Route,
    Directive_Scale,
    Ended,
    Ending,
    Finish,
    Hold,
    Judgement,
    Observe,
    OnNoEvidence,
    Progress,
    Scale,
    View,
)
from wit_world.imports.types import Verdict

MINUTE = 60_000
EVERYBODY = 10_000


@dataclass(frozen=True)
class Share:
    """One step: so many users, watched for so long."""

    basis_points: int
    #: Absent for what the whole rollout says.
    watch_ms: int | None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(
            basis_points=fields.require("share", config.percent, 500),
            watch_ms=fields.read("watch", config.duration, None),
        )


@dataclass(frozen=True)
class Settings:
    """What users write under `with:`."""

    steps: list[Share]
    #: How long a step is watched where it says nothing else, and all traffic.
    watch_ms: int
    #: How long a step is watched at most while nobody knows.
    patience_ms: int

    @classmethod
    def read(cls, fields: Fields) -> Self:
        usual = [Share(500, None), Share(2500, None), Share(5000, None)]
        settings = cls(
            steps=fields.blocks("steps", Share.read, usual),
            watch_ms=fields.read("watch", config.duration, 5 * MINUTE),
            patience_ms=fields.read("patience", config.duration, 30 * MINUTE),
        )
        before = 0
        for n, step in enumerate(settings.steps):
            if not before < step.basis_points < EVERYBODY:
                fields.problem(f"steps.{n}.share", "must be more than the step before, and less than 100%")
            before = step.basis_points
        return settings


@dataclass(frozen=True)
class Step:
    """What is asked for, and why: a clause for people."""

    directive: Directive
    reason: str


def program(settings: Settings, instances: int) -> list[Step]:
    """The whole rollout, where all goes well."""
    steps = [Step(Directive_Scale(Scale(instances, instances)), "starting the candidate")]
    for share in [*settings.steps, Share(EVERYBODY, None)]:
        name = f"{share.basis_points / 100:g} %"
        watch_ms = settings.watch_ms if share.watch_ms is None else share.watch_ms
        steps += [
            Step(Directive_Route(share.basis_points), f"letting {name} of users in"),
            # Healthy at the earliest after half of it.
            Step(Directive_Observe(Observe(watch_ms // 2, watch_ms)), f"watching {name}"),
        ]
    return [*steps, Step(Directive_Finish(Finish(keep_warm_ms=0)), "the candidate is stable")]


@dataclass(frozen=True)
class Place:
    """Where a rollout stands: all that is remembered."""

    step: int = 0
    #: How long this step was watched without a verdict.
    watched_ms: int = 0

    @classmethod
    def read(cls, memory: bytes) -> Self:
        return cls(**json.loads(memory)) if memory else cls()

    def memory(self) -> bytes:
        return json.dumps(self.__dict__).encode()


def decide(view: View) -> Decision:
    """The next step."""
    settings = config.parse(view.config, Settings.read)
    steps = program(settings, view.instances)
    place = Place.read(view.memory)

    def ask(directive: Directive, reason: str, place: Place = place) -> Decision:
        return Decision(place.memory(), directive, Progress(place.step + 1, len(steps)), reason)

    def go(to: int) -> Decision:
        return ask(steps[to].directive, steps[to].reason, Place(to))

    if view.last is None:
        return go(0)
    everybody = len(steps) - 3
    if view.promote_full and place.step < everybody and view.fleet.candidate.ready >= view.instances:
        # A person wants all traffic there at once.
        return go(everybody)
    match view.last.ending:
        case Ending.REACHED | Ending.HEALTHY:
            return go(place.step + 1)
        case Ending.PROMOTED if isinstance(steps[place.step].directive, Directive_Observe):
            return go(place.step + 1)
        case Ending.RESUMED | Ending.PROMOTED:
            # After a pause the same once more does no harm.
            return go(place.step)
        case Ending.HOLD_EXPIRED:
            return ask(Directive_Abort("nobody came to decide"), "nobody came to decide")
        case Ending.INCONCLUSIVE:
            watched_ms = place.watched_ms + lasted_ms(view.last)
            left_ms = settings.patience_ms - watched_ms
            if left_ms > 0:
                window = Directive_Observe(Observe(0, min(left_ms, settings.watch_ms)))
                return ask(window, "nobody knows yet; watching on", Place(place.step, watched_ms))
            # Patience is over, and the environment says what is done.
            reason = f"not enough evidence: {view.judgement.reason if view.judgement else 'nothing was judged'}"
            if view.on_no_evidence is OnNoEvidence.CONTINUE_ON_HEALTH and is_well(view.judgement):
                return go(place.step + 1)
            if view.on_no_evidence is OnNoEvidence.ABORT:
                return ask(Directive_Abort(reason), reason)
            return ask(Directive_Hold(Hold(reason, timeout_ms=0)), reason)


def lasted_ms(last: Ended) -> int:
    """At least 1, so that patience ends."""
    asked = last.directive.value.max_ms if isinstance(last.directive, Directive_Observe) else 0
    return max(last.took_ms, asked, 1)


def is_well(judgement: Judgement | None) -> bool:
    """Whether all instances are, and nothing speaks against them."""
    return (
        judgement is not None
        and judgement.health is Verdict.HEALTHY
        and judgement.verdict is not Verdict.FAILING
    )
