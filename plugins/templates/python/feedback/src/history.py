"""What is told, without anything that only the sandbox has, so that it can be tested
natively."""

from collections import Counter
from dataclasses import dataclass
from typing import Self

from baepo_plugin import config
from baepo_plugin.config import Fields
from wit_world.exports.feedback import FeedbackRequest, PastRollout, Section


@dataclass(frozen=True)
class Settings:
    """What users write under `with:`."""

    #: How many rollouts of this environment are looked back at.
    last: int

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(last=fields.read("last", config.count, 10))


def sections(request: FeedbackRequest) -> list[Section]:
    """Nothing is said where there is nothing to say."""
    settings = config.parse(request.config, Settings.read)
    here = [past for past in request.history if past.environment == request.rollout.environment]
    before = here[: settings.last]
    bad = [past for past in before if past.outcome != "succeeded"]
    if not bad:
        return []
    lines = [f"{len(bad)} of the last {len(before)} rollouts did not succeed.", "", *reasons(bad)]
    return [Section("Not the first time", "\n".join(lines))]


def reasons(bad: list[PastRollout]) -> list[str]:
    """The most frequent first; of equals the newest."""
    counted = Counter((past.outcome, past.reason) for past in bad)
    return [f"- {outcome}, {times} times: {reason}" for (outcome, reason), times in counted.most_common(3)]
