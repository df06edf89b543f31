"""Reading a `with:` block so that a user sees all mistakes at once, each at its
place and with what was expected."""

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports.types import ConfigProblem, HookError_InvalidConfig

T = TypeVar("T")
D = TypeVar("D")


def parse(config: str, read: Callable[["Fields"], T]) -> T:
    """The whole block, read by `read`; raises `invalid-config` with every mistake."""
    given = json.loads(config or "null")
    problems: list[ConfigProblem] = []
    settings = _block({} if given is None else given, "", problems, read)
    if problems:
        raise Err(HookError_InvalidConfig(problems))
    return settings


def _block(given: object, path: str, problems: list[ConfigProblem], read: Callable[["Fields"], T]) -> T:
    values = given if isinstance(given, dict) else {}
    if values is not given:
        problems.append(ConfigProblem(path, f"must be a mapping of keys to values, not {_shown(given)}"))
    fields = Fields(values, path, problems)
    settings = read(fields)
    fields.close()
    return settings


class Fields:
    """The keys of one mapping, and the mistakes so far."""

    def __init__(self, values: dict[str, Any], path: str, problems: list[ConfigProblem]) -> None:
        self._values = values
        self._path = path
        self._problems = problems
        self._known: list[str] = []

    def problem(self, key: str, message: str) -> None:
        """Notes a mistake; the user sees it at its place in the file."""
        self._problems.append(ConfigProblem(f"{self._path}.{key}".strip("."), message))

    def has(self, key: str) -> bool:
        """Whether there is a value, right or wrong."""
        return self._values.get(key) is not None

    def read(self, key: str, how: Callable[[Any], T], default: D) -> T | D:
        """The value of a key; the default where it is absent, null or wrong."""
        self._known.append(key)
        given = self._values.get(key)
        if given is None:
            return default
        try:
            return how(given)
        except ValueError as mistake:
            self.problem(key, str(mistake))
            return default

    def require(self, key: str, how: Callable[[Any], T], example: T) -> T:
        """As `read`, for what must be there."""
        if not self.has(key):
            self.problem(key, f"is missing, expected for example `{example}`")
        return self.read(key, how, example)

    def blocks(self, key: str, read: Callable[["Fields"], T], default: list[T]) -> list[T]:
        """A list of mappings, each read by `read`."""
        given = self.read(key, items, None)
        if given is None:
            return default
        path = f"{self._path}.{key}".strip(".")
        return [_block(item, f"{path}.{n}", self._problems, read) for n, item in enumerate(given)]

    def close(self) -> None:
        """What was never asked for is a mistake."""
        there_are = ", ".join(f"`{key}`" for key in self._known)
        for key in self._values:
            if key not in self._known:
                self.problem(key, f"is unknown, there are {there_are}")


def text(given: object) -> str:
    """Any text."""
    if isinstance(given, str):
        return given
    raise ValueError(f"must be a text, not {_shown(given)}")


def number(given: object) -> float:
    """A number with or without a point."""
    if isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given):
        return float(given)
    raise ValueError(f"must be a number, not {_shown(given)}")


def count(given: object) -> int:
    """1, 2, 3 and so on."""
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given < 1 << 32:
        return given
    raise ValueError(f"must be a whole number above 0, not {_shown(given)}")


def percent(given: object) -> int:
    """`25%` or `0.5%` in basis points, 0 to 10000."""
    wrong = f"must be a share such as `25%` or `0.5%`, not {_shown(given)}"
    match = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,2}))? ?%", given, re.ASCII) if isinstance(given, str) else None
    if match is None:
        raise ValueError(wrong)
    share = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if share > 10_000:
        raise ValueError(wrong)
    return share


#: In milliseconds, from long to short.
_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION = re.compile("".join(rf"(?:(\d{{1,9}}){unit})?" for unit in _UNITS), re.ASCII)


def duration(given: object) -> int:
    """`30s`, `5m` or `1h30m` in milliseconds."""
    match = _DURATION.fullmatch(given) if isinstance(given, str) and given else None
    if match is None:
        raise ValueError(f"must be a duration such as `30s`, `5m` or `1h30m`, not {_shown(given)}")
    return sum(int(part or 0) * unit for part, unit in zip(match.groups(), _UNITS.values()))


def items(given: object) -> list[Any]:
    """A list with something in it."""
    if isinstance(given, list) and given:
        return given
    raise ValueError(f"must be a list with something in it, not {_shown(given)}")


def _shown(given: object) -> str:
    return f"`{json.dumps(given):.60}`"
