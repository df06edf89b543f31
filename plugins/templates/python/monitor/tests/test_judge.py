"""Looks at instances that are made up: a function stands for `http.send`."""

import unittest
from dataclasses import replace

import ask
import judge
from componentize_py_types import Err
from wit_world.exports.monitor import ObserveRequest, Phase, Side
from wit_world.imports import http
from wit_world.imports.types import HookError_Denied, HookError_InvalidConfig, Release, Revision, Verdict

CANDIDATE = Side(Release("d", Revision("c", "main", "s", 0), []), ["http://127.0.0.1:9001"], None)
FIRST = ObserveRequest(
    config='{"path": "queue.oldest", "max": 30, "min": 1}',
    memory=b"",
    phase=Phase.RAMP,
    window=1,
    window_elapsed_ms=5000,
    since_last_look_ms=5000,
    last_look=False,
    weight_basis_points=1_000,
    stable=None,
    candidate=CANDIDATE,
    stable_before=None,
    now_ms=0,
)


def says(body: str, status: int = 200) -> ask.Send:
    return lambda request: http.Response(status, [], body.encode(), 1_000)


def refuses(error: http.HttpError) -> ask.Send:
    def send(request: http.Request) -> http.Response:
        raise Err(error)

    return send


def verdicts(send: ask.Send, looks: int, request: ObserveRequest = FIRST) -> list[Verdict]:
    seen = []
    for _ in range(looks):
        observation = judge.observe(request, send)
        request = replace(request, memory=observation.memory)
        seen.append(observation.verdict)
    return seen


class Looks(unittest.TestCase):
    def test_few_answers_prove_nothing_and_many_do(self) -> None:
        few, many = [Verdict.INCONCLUSIVE] * 2, [Verdict.HEALTHY]
        self.assertEqual(verdicts(says('{"queue": {"oldest": 30}}'), 3), few + many)

    def test_a_value_beyond_either_limit_is_bad(self) -> None:
        for value in ("30.5", "0", "-1"):
            told = judge.observe(FIRST, says(f'{{"queue": {{"oldest": {value}}}}}'))
            self.assertEqual(told.verdict, Verdict.FAILING, value)
            failing = [m.limit for m in told.measurements if m.verdict is Verdict.FAILING]
            self.assertEqual(failing, [30 if value == "30.5" else 1])

    def test_what_is_no_number_is_no_evidence(self) -> None:
        for body in ("", "[]", "{}", '{"queue": {"oldest": true}}', '{"queue": {"oldest": NaN}}'):
            self.assertEqual(set(verdicts(says(body), 5)), {Verdict.INCONCLUSIVE}, body)
        self.assertEqual(set(verdicts(says("busy", 503), 5)), {Verdict.INCONCLUSIVE})
        for error in (http.HttpError_Timeout(), http.HttpError_TooLarge(1), http.HttpError_Failed("reset")):
            self.assertEqual(set(verdicts(refuses(error), 5)), {Verdict.INCONCLUSIVE}, error)

    def test_nobody_to_ask_is_no_evidence(self) -> None:
        nobody = replace(FIRST, candidate=replace(CANDIDATE, endpoints=[]))
        self.assertEqual(set(verdicts(says("1"), 5, nobody)), {Verdict.INCONCLUSIVE})

    def test_one_that_is_silent_is_not_outvoted(self) -> None:
        two = replace(CANDIDATE, endpoints=["http://127.0.0.1:9001", "http://127.0.0.1:9002"])

        def send(request: http.Request) -> http.Response:
            body = "" if ":9002/" in request.url else '{"queue": {"oldest": 2}}'
            return says(body)(request)

        self.assertEqual(set(verdicts(send, 9, replace(FIRST, candidate=two))), {Verdict.INCONCLUSIVE})

    def test_a_look_ends_within_the_time_of_a_call(self) -> None:
        many = replace(CANDIDATE, endpoints=[f"http://127.0.0.1:{9000 + n}" for n in range(30)])
        for took_ms, most in ((1, 20), (900, 7)):
            asked = []

            def send(request: http.Request) -> http.Response:
                asked.append(request.url)
                return http.Response(200, [], b'{"queue": {"oldest": 2}}', took_ms * 1_000)

            judge.observe(replace(FIRST, candidate=many), send)
            self.assertEqual(len(asked), most)

    def test_each_window_proves_itself(self) -> None:
        good = says('{"queue": {"oldest": 2}}')
        last = judge.observe(FIRST, good)
        for _ in range(500):
            last = judge.observe(replace(FIRST, memory=last.memory), good)
        self.assertLess(len(last.memory), 8_192)
        self.assertEqual(len(last.measurements[0].samples), 60)
        again = judge.observe(replace(FIRST, memory=last.memory, window=2), good)
        self.assertEqual(again.verdict, Verdict.INCONCLUSIVE)

    def test_a_missing_grant_goes_up(self) -> None:
        with self.assertRaises(Err) as raised:
            judge.observe(FIRST, refuses(http.HttpError_Denied("http://127.0.0.1:9001")))
        self.assertEqual(raised.exception.value, HookError_Denied("net: http://127.0.0.1:9001"))


class Settings(unittest.TestCase):
    def test_all_mistakes_are_told_each_at_its_place(self) -> None:
        with self.assertRaises(Err) as raised:
            judge.settings('{"url": "acme.dev", "max": "30", "mn": 1, "timeout": "5s"}')
        error = raised.exception.value
        self.assertIsInstance(error, HookError_InvalidConfig)
        paths = [problem.path for problem in error.value]
        self.assertEqual(sorted(paths), ["max", "mn", "path", "timeout", "url"])

    def test_an_address_says_nothing_of_a_candidate_without_traffic(self) -> None:
        config = '{"url": "https://status.acme.dev", "path": "0.age", "max": 1}'
        self.assertEqual(judge.settings(config).phases(), [Phase.RAMP, Phase.BAKE])
        self.assertIn(Phase.PREVIEW, judge.settings(FIRST.config).phases())


class Paths(unittest.TestCase):
    def test_lists_have_indexes(self) -> None:
        self.assertEqual(ask.find(b'{"checks": [{"age": 1}, {"age": 2.5}]}', "checks.1.age"), 2.5)
        with self.assertRaises(ask.NoNumber):
            ask.find(b'{"checks": []}', "checks.0.age")


if __name__ == "__main__":
    unittest.main()
