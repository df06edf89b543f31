"""What a component does not have, so that using it is an error that can be read
and not a crash: files, and so modules beside those that were imported when it was
built, a clock, and chance. What is printed goes to the log."""

import builtins
import io
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from wit_world.imports import log

NO_FILES = "a plugin has no files: use the import `workspace`"
NO_CLOCK = "a plugin has no clock: use the times that it is asked with"
NO_CHANCE = "a plugin has no chance: the same question must get the same answer"

# What the standard library itself imports late: for `Counter.most_common` and for
# `datetime.strptime`.
for late in ("heapq", "_strptime"):
    import_module(late)


def enter() -> None:
    """Before each call: until then the builder needs these things itself."""
    if sys.platform != "wasi":
        return
    sys.stdout = _ToLog(log.LogLevel.INFO)
    sys.stderr = _ToLog(log.LogLevel.WARN)
    sys.meta_path[:] = [_NothingMore()]
    builtins.open = _refuse(NO_FILES)
    os.urandom = _refuse(NO_CHANCE)
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"):
        setattr(time, name, _refuse(NO_CLOCK))


class _ToLog(io.TextIOBase):
    """Whole lines become lines of the log."""

    def __init__(self, level: log.LogLevel) -> None:
        self.level = level
        self.begun = ""

    def write(self, text: str) -> int:
        *lines, self.begun = (self.begun + text).split("\n")
        for line in lines:
            log.log(self.level, line.encode(errors="backslashreplace").decode(), [])
        return len(text)


class _NothingMore:
    """Who is asked for modules that are not there yet."""

    def find_spec(self, name: str, path: object, target: object = None) -> NoReturn:
        raise ModuleNotFoundError(f"import {name} at the top of a file: later it cannot be read", name=name)


def _refuse(why: str) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError(why)

    return refuse
