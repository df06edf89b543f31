"""What stands between baepo and your class: a mistake becomes an error that says
where it is. Without it a component in Python just stops, and nobody sees why."""

from collections.abc import Callable
from functools import wraps
from os.path import dirname
from re import sub
from typing import Any, TypeVar, get_type_hints

from componentize_py_types import Err
from wit_world.imports import types

from . import sandbox
from .answer import first_problem

Plugin = TypeVar("Plugin", bound=type)

#: More of a message is not sent.
MOST_LETTERS = 1000


def failed(why: str) -> Err[types.HookError]:
    """`raise failed("the answer has no rows")`: it cannot be done, for people."""
    # A lone surrogate is a letter in Python, and cannot leave it.
    text = why[:MOST_LETTERS].encode(errors="backslashreplace").decode()
    return Err(types.HookError_Failed(text))


def hook(plugin: Plugin) -> Plugin:
    """Stands above the class that baepo calls."""
    for interface in plugin.__mro__[1:]:
        for name in getattr(interface, "__abstractmethods__", ()):
            method = getattr(plugin, name)
            setattr(plugin, name, _reporting(method, _answer(method, getattr(interface, name))))
    return plugin


def _answer(*methods: Callable[..., Any]) -> Any:
    """The type that is returned: as your method says, else as the interface does."""
    for method in methods:
        try:
            hints = get_type_hints(method)
        except AttributeError:
            # `test.TestReport`, in an interface whose `test` is a function by now.
            continue
        if "return" in hints:
            return hints["return"]
    return Any


def _reporting(method: Callable[..., Any], answer: Any) -> Callable[..., Any]:
    @wraps(method)
    def call(*asked: Any) -> Any:
        sandbox.enter()
        try:
            given = method(*asked)
        except Err as error:
            if problem := first_problem(error.value, types.HookError, "Err"):
                raise failed(f"{problem}, raised{_place(error)}") from None
            raise
        except BaseException as error:
            what = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise failed(what + _place(error)) from None
        if problem := first_problem(given, answer, method.__name__):
            raise failed(problem)
        return given

    return call


def _place(error: BaseException) -> str:
    """` at steps.py:42 in decide`: the innermost line that is yours."""
    place = ""
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if not code.co_filename.startswith(("/python/", dirname(__file__), "<")):
            # Inside the component folders have numbers: `/0/steps.py`.
            file = sub(r"^/\d+/", "", code.co_filename)
            place = f" at {file}:{at.tb_lineno} in {code.co_name}"
        at = at.tb_next
    return place
