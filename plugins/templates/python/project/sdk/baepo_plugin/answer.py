"""Whether an answer is what the interface says. Python does not ask, and a wrong
one could not leave the component."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin


def first_problem(value: object, kind: Any, at: str) -> str | None:
    """`decide.reason must be str, and is None`; nothing where it fits."""
    return next(_problems(value, kind, at), None)


def _problems(value: Any, kind: Any, at: str) -> Iterator[str]:
    parts = get_args(kind)
    origin = get_origin(kind) or kind
    if origin is Any:
        return
    if origin in (Union, UnionType):
        fitting = [part for part in parts if isinstance(value, get_origin(part) or part)]
        if not fitting:
            yield _wrong(value, kind, at)
        for part in fitting[:1]:
            yield from _problems(value, part, at)
    elif origin is float and type(value) is int:
        return
    elif not isinstance(value, origin):
        yield _wrong(value, kind, at)
    elif origin is int and not 0 <= value < 1 << 64:
        yield f"{at} must be a number from 0 on, and is {value}"
    elif origin is str and not _is_unicode(value):
        yield f"{at} has a lone surrogate, which is no letter: {value!a:.100}"
    elif origin is list:
        for n, item in enumerate(value):
            yield from _problems(item, parts[0], f"{at}.{n}")
    elif origin is tuple:
        if len(value) != len(parts):
            yield _wrong(value, kind, at)
        for n, (item, part) in enumerate(zip(value, parts)):
            yield from _problems(item, part, f"{at}.{n}")
    elif is_dataclass(origin):
        for field in fields(origin):
            if not hasattr(value, field.name):
                yield f"{at}.{field.name} is missing"
            else:
                yield from _problems(getattr(value, field.name), field.type, f"{at}.{field.name}")


def _wrong(value: object, kind: Any, at: str) -> str:
    parts = get_args(kind)
    is_choice = get_origin(kind) in (Union, UnionType)
    names = [getattr(part, "__name__", str(part)) for part in (parts if is_choice else [kind])]
    expected = " or ".join("None" if name == "NoneType" else name for name in names)
    return f"{at} must be {expected}, and is {value!a:.100}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
