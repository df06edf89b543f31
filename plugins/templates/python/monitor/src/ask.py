"""One question over HTTP, and the number in its answer."""

import json
import math
from collections.abc import Callable

from componentize_py_types import Err
from wit_world.imports import http
from wit_world.imports.types import HookError_Denied

#: More of an answer is not read.
MOST_BYTES = 64 * 1024

#: `http.send`, or what stands for it in a test.
Send = Callable[[http.Request], http.Response]


class NoNumber(Exception):
    """Why there is none, as a lower-case fragment for people."""


def number(send: Send, url: str, path: str, timeout_ms: int) -> tuple[float, int]:
    """The number at `path` of what `url` answers, and the milliseconds that it took.
    Raises `NoNumber`, and `denied` where the grant is missing, which baepo knows how
    to show."""
    headers: list[tuple[str, http.HeaderValue]] = [("accept", http.HeaderValue_Plain("application/json"))]
    request = http.Request("GET", url, headers, b"", timeout_ms, MOST_BYTES)
    try:
        response = send(request)
    except Err as error:
        match error.value:
            case http.HttpError_Denied(what):
                raise Err(HookError_Denied(f"net: {what}")) from None
            case http.HttpError_Timeout():
                raise NoNumber("it does not answer in time") from None
            case http.HttpError_TooLarge(most):
                raise NoNumber(f"its answer has more than {most} bytes") from None
            case http.HttpError_Connect(why):
                raise NoNumber(f"nothing answers there: {why}") from None
            case other:
                raise NoNumber(f"it cannot be asked: {other.value}") from None
    if not 200 <= response.status < 300:
        raise NoNumber(f"it answers {response.status}")
    return find(response.body, path), response.duration_us // 1000


def find(body: bytes, path: str) -> float:
    """`checks.0.seconds`: keys of mappings and indexes of lists."""
    try:
        value = json.loads(body.decode())
    except ValueError:
        raise NoNumber("its answer is not JSON") from None
    for key in path.split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise NoNumber(f"its answer has no `{path}`")
    # `true` is a number for Python, and `NaN` is one for its JSON.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not -math.inf < value < math.inf:
        raise NoNumber(f"`{path}` is no number")
    return float(value)
