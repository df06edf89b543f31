"""What is checked, without anything that only the sandbox has, so that it can be
tested natively."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from baepo_plugin import config, failed
from baepo_plugin.config import Fields
from componentize_py_types import Err
from wit_world.exports.test import (
    Outcome,
    Outcome_Errored,
    Outcome_Failed,
    Outcome_Passed,
    Suite,
    TestCase,
    TestReport,
    TestRequest,
)
from wit_world.imports import http
from wit_world.imports.types import HookError_Denied

#: `http.send`, or what stands for it in a test.
Send = Callable[[http.Request], http.Response]

#: More of an answer is not read.
MOST_BYTES = 1024 * 1024
#: More requests baepo does not make in a call.
MOST_REQUESTS = 50


@dataclass(frozen=True)
class Page:
    """What is asked for, and what a good answer looks like."""

    path: str
    status: int
    #: A text that must be in it; empty for none.
    holds: str

    @classmethod
    def read(cls, fields: Fields) -> Self:
        page = cls(
            path=fields.require("path", config.text, "/health"),
            status=fields.read("status", config.count, 200),
            holds=fields.read("holds", config.text, ""),
        )
        if not page.path.startswith("/"):
            fields.problem("path", "must begin with `/`")
        return page


@dataclass(frozen=True)
class Settings:
    """What users write under `with:`."""

    pages: list[Page]
    timeout_ms: int

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(
            pages=fields.blocks("pages", Page.read, [Page("/health", 200, "")]),
            timeout_ms=fields.read("timeout", config.duration, 5000),
        )


def check(request: TestRequest, send: Send) -> TestReport:
    """One suite of each instance. A failing test is a report and no error."""
    settings = config.parse(request.config, Settings.read)
    if not request.endpoints:
        raise failed("there is no instance to ask: list it under `verify:`")
    if len(request.endpoints) * len(settings.pages) > MOST_REQUESTS:
        raise failed(f"{len(settings.pages)} pages of {len(request.endpoints)} instances are too many")
    suites = []
    for endpoint in request.endpoints:
        cases = [case(page, endpoint, settings.timeout_ms, send) for page in settings.pages]
        suites.append(Suite(endpoint, cases))
    return TestReport(suites, annotations=[])


def case(page: Page, endpoint: str, timeout_ms: int, send: Send) -> TestCase:
    took_ms = None
    outcome: Outcome
    try:
        url = endpoint.rstrip("/") + page.path
        response = send(http.Request("GET", url, [], b"", timeout_ms, MOST_BYTES))
        took_ms = response.duration_us // 1000
        outcome = judge(page, response)
    except Err as error:
        match error.value:
            case http.HttpError_Denied(what):
                # A missing grant is no failed test.
                raise Err(HookError_Denied(f"net: {what}")) from None
            case http.HttpError_Timeout():
                outcome = Outcome_Failed(f"no answer within {timeout_ms} ms")
            case other:
                outcome = Outcome_Errored(f"it cannot be asked: {other.value}")
    return TestCase(f"GET {page.path}", "", outcome, took_ms, None, None)


def judge(page: Page, response: http.Response) -> Outcome:
    if response.status != page.status:
        return Outcome_Failed(f"it answers {response.status}, expected {page.status}")
    if page.holds not in response.body.decode(errors="replace"):
        return Outcome_Failed(f"`{page.holds}` is not in its answer")
    return Outcome_Passed()
