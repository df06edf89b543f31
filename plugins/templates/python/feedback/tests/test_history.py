"""Reports on histories that are made up."""

import unittest

import history
from wit_world.exports.feedback import FeedbackRequest, PastRollout
from wit_world.imports.types import Revision


def past(outcome: str, reason: str = "", environment: str = "production") -> PastRollout:
    return PastRollout(Revision("c", "main", "s", 0), environment, outcome, reason, 0, 60_000)


def told(*before: PastRollout, config: str = "{}") -> list[str]:
    request = FeedbackRequest(config, past("succeeded"), [], list(before))
    return [section.body for section in history.sections(request)]


class Reports(unittest.TestCase):
    def test_what_went_well_is_not_told(self) -> None:
        self.assertEqual(told(past("succeeded"), past("succeeded")), [])

    def test_reasons_are_counted(self) -> None:
        slow, errors = past("rolled-back", "p95 900 ms"), past("rolled-back", "errors 4 %")
        [body] = told(slow, errors, past("succeeded"), errors)
        self.assertEqual(
            body,
            "3 of the last 4 rollouts did not succeed.\n\n"
            "- rolled-back, 2 times: errors 4 %\n- rolled-back, 1 times: p95 900 ms",
        )

    def test_only_the_newest_of_this_environment_count(self) -> None:
        bad = past("failed", "no instance")
        self.assertEqual(told(past("succeeded"), bad, config='{"last": 1}'), [])
        self.assertEqual(told(past("failed", environment="staging")), [])


if __name__ == "__main__":
    unittest.main()
