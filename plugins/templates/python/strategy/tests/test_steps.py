"""Whole rollouts, played natively."""

import unittest
from dataclasses import replace

import steps
from componentize_py_types import Err
from wit_world.exports import strategy as s
from wit_world.imports.types import Fleet, HookError_InvalidConfig, RoleFleet, Verdict

FIRST = s.View(
    config='{"steps": [{"share": "10%"}, {"share": "50%", "watch": "1m"}]}',
    instances=4,
    limits=s.Limits(4, 0, 10_000, False, 1),
    on_no_evidence=s.OnNoEvidence.HOLD,
    memory=b"",
    fleet=Fleet(RoleFleet(4, 4, 0, 0, 0), RoleFleet(4, 4, 0, 0, 0)),
    weight_basis_points=0,
    elapsed_ms=0,
    decisions=0,
    last=None,
    judgement=None,
    promote_full=False,
)


def rollout(window: s.Ending, view: s.View = FIRST) -> list[s.Directive]:
    """All that is asked for, where every window ends like this."""
    asked: list[s.Directive] = []
    for _ in range(100):
        decision = steps.decide(view)
        asked.append(decision.directive)
        match decision.directive:
            case s.Directive_Finish() | s.Directive_Abort():
                return asked
            case s.Directive_Observe():
                ending = window
            case s.Directive_Hold():
                ending = s.Ending.HOLD_EXPIRED
            case _:
                ending = s.Ending.REACHED
        view = replace(view, memory=decision.memory, last=s.Ended(decision.directive, ending, 1))
    raise AssertionError("it never ends")


def shares(asked: list[s.Directive]) -> list[int]:
    return [directive.value for directive in asked if isinstance(directive, s.Directive_Route)]


class Rollouts(unittest.TestCase):
    def test_a_good_release_gets_to_everybody(self) -> None:
        asked = rollout(s.Ending.HEALTHY)
        self.assertEqual(shares(asked), [1_000, 5_000, 10_000])
        self.assertIn(s.Directive_Observe(s.Observe(30_000, 60_000)), asked)
        self.assertIsInstance(asked[-1], s.Directive_Finish)

    def test_nobody_knowing_is_not_going_on(self) -> None:
        asked = rollout(s.Ending.INCONCLUSIVE)
        self.assertEqual(shares(asked), [1_000])
        self.assertIsInstance(asked[-2], s.Directive_Hold)
        watched = [d.value.max_ms for d in asked if isinstance(d, s.Directive_Observe)]
        self.assertEqual(sum(watched), 30 * steps.MINUTE)

    def test_the_environment_says_what_is_done_when_patience_is_over(self) -> None:
        abort = replace(FIRST, on_no_evidence=s.OnNoEvidence.ABORT)
        asked = rollout(s.Ending.INCONCLUSIVE, abort)
        self.assertNotIn(s.Directive_Hold, map(type, asked))
        self.assertEqual(shares(asked), [1_000])
        verdicts = Verdict.INCONCLUSIVE, Verdict.HEALTHY
        go_on = replace(
            FIRST,
            on_no_evidence=s.OnNoEvidence.CONTINUE_ON_HEALTH,
            judgement=s.Judgement(*verdicts, "no traffic"),
        )
        self.assertEqual(shares(rollout(s.Ending.INCONCLUSIVE, go_on)), [1_000, 5_000, 10_000])

    def test_who_wants_all_traffic_need_not_wait(self) -> None:
        asked = rollout(s.Ending.HEALTHY, replace(FIRST, promote_full=True))
        self.assertEqual(shares(asked), [10_000])


class Mistakes(unittest.TestCase):
    def test_all_are_told_each_at_its_place(self) -> None:
        wrong = '{"step": [], "patience": 5, "steps": [{"share": "50%"}, {"share": "20%", "wach": "1m"}]}'
        with self.assertRaises(Err) as raised:
            steps.decide(replace(FIRST, config=wrong))
        error = raised.exception.value
        self.assertIsInstance(error, HookError_InvalidConfig)
        paths = {problem.path for problem in error.value}
        self.assertEqual(paths, {"step", "patience", "steps.1.share", "steps.1.wach"})


if __name__ == "__main__":
    unittest.main()
