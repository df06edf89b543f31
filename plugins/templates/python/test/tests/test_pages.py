"""Pages that are made up: a function stands for `http.send`."""

import unittest

import pages
from componentize_py_types import Err
from wit_world.exports import test as t
from wit_world.imports import http
from wit_world.imports.types import HookError_Denied, HookError_Failed, Revision

CONFIG = '{"pages": [{"path": "/"}, {"path": "/login", "holds": "Password"}, {"path": "/old", "status": 404}]}'


def request(*endpoints: str) -> t.TestRequest:
    return t.TestRequest(CONFIG, Revision("c", "main", "s", 0), list(endpoints))


def send(asked: http.Request) -> http.Response:
    if asked.url.startswith("http://gone"):
        raise Err(http.HttpError_Connect("refused"))
    if asked.url.startswith("http://denied"):
        raise Err(http.HttpError_Denied("http://denied"))
    return http.Response(500 if asked.url.endswith("/old") else 200, [], b"Welcome", 2_000)


class Pages(unittest.TestCase):
    def test_status_and_text_are_compared(self) -> None:
        [suite] = pages.check(request("http://here/"), send).suites
        self.assertEqual([case.name for case in suite.cases], ["GET /", "GET /login", "GET /old"])
        outcomes = [case.outcome for case in suite.cases]
        self.assertEqual(
            outcomes,
            [
                t.Outcome_Passed(),
                t.Outcome_Failed("`Password` is not in its answer"),
                t.Outcome_Failed("it answers 500, expected 404"),
            ],
        )
        self.assertEqual(suite.cases[0].duration_ms, 2)

    def test_who_cannot_be_asked_has_not_passed(self) -> None:
        here, gone = pages.check(request("http://here", "http://gone"), send).suites
        self.assertEqual(here.cases[0].outcome, t.Outcome_Passed())
        self.assertEqual({type(case.outcome) for case in gone.cases}, {t.Outcome_Errored})

    def test_no_grant_and_no_instance_are_no_reports(self) -> None:
        for endpoints, error in ((["http://denied"], HookError_Denied), ([], HookError_Failed)):
            with self.assertRaises(Err) as raised:
                pages.check(request(*endpoints), send)
            self.assertIsInstance(raised.exception.value, error)


if __name__ == "__main__":
    unittest.main()
