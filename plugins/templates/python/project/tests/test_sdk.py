"""What `sdk` makes of mistakes."""

import unittest
from collections.abc import Callable

from baepo_plugin import config, failed, hook
from baepo_plugin.answer import first_problem
from componentize_py_types import Err
from wit_world.imports.types import ConfigProblem, HookError, HookError_Failed, HookError_InvalidConfig, Revision


class Named:
    """Stands for a generated interface."""

    __abstractmethods__ = {"name"}

    def name(self, given: str) -> Revision:
        raise NotImplementedError


def said(answer: Callable[[], object]) -> HookError:
    """What baepo hears of a class whose method does this."""

    @hook
    class Plugin(Named):
        def name(self, given: str) -> Revision:
            return answer()  # type: ignore[return-value]

    try:
        Plugin().name("")
    except Err as error:
        return error.value  # type: ignore[no-any-return]
    raise AssertionError("it was taken for an answer")


class Mistakes(unittest.TestCase):
    def test_an_exception_says_where_it_was(self) -> None:
        error = said(lambda: {"steps": 1}["share"])
        assert isinstance(error, HookError_Failed)
        self.assertRegex(error.value, r"^KeyError: 'share' at .*test_sdk\.py:\d+ in <lambda>$")

    def test_a_wrong_answer_says_what_fits(self) -> None:
        self.assertEqual(said(lambda: None), HookError_Failed("name must be Revision, and is None"))
        nameless = Revision("c", None, "s", 0)  # type: ignore[arg-type]
        self.assertEqual(said(lambda: nameless), HookError_Failed("name.ref_name must be str, and is None"))
        self.assertIsNone(first_problem(Revision("c", "main", "s", 0), Revision, "name"))

    def test_a_method_without_types_has_those_of_the_interface(self) -> None:
        @hook
        class Plugin(Named):
            def name(self, given):  # type: ignore[no-untyped-def]
                return given

        with self.assertRaises(Err) as raised:
            Plugin().name("a")
        self.assertEqual(raised.exception.value.value, "name must be Revision, and is 'a'")

    def test_an_error_of_the_hook_is_left_alone(self) -> None:
        def stop() -> None:
            raise failed("no rows \ud800")

        self.assertEqual(said(stop), HookError_Failed("no rows \\ud800"))

    def test_numbers_and_letters_have_their_limits(self) -> None:
        for at, wrong in (("committed_at_ms", -1), ("summary", "\ud800")):
            revision = Revision("c", "main", "s", 0)
            setattr(revision, at, wrong)
            self.assertIn(f"name.{at} ", first_problem(revision, Revision, "name") or "")


class Values(unittest.TestCase):
    def test_are_written_as_everywhere_in_baepo(self) -> None:
        self.assertEqual([config.percent(s) for s in ("0.5%", "12.34%", "100%")], [50, 1_234, 10_000])
        self.assertEqual([config.duration(s) for s in ("500ms", "1h30m", "2d")], [500, 5_400_000, 172_800_000])
        for read, given in (
            (config.percent, "101%"),
            (config.percent, 25),
            (config.percent, "0.123%"),
            (config.duration, "5m1h"),
            (config.duration, ""),
            (config.duration, 30),
            (config.number, True),
            (config.number, float("inf")),
            (config.count, 0),
            (config.count, 1.5),
            (config.text, None),
        ):
            with self.assertRaises(ValueError, msg=f"{given}"):
                read(given)

    def test_a_block_that_is_none_is_a_mistake(self) -> None:
        for given in ("[]", "3", '"a"'):
            with self.assertRaises(Err) as raised:
                config.parse(given, lambda fields: fields.read("a", config.text, ""))
            error = raised.exception.value
            self.assertIsInstance(error, HookError_InvalidConfig)
            self.assertEqual([problem.path for problem in error.value], [""])
        for nothing in ("", "null", "{}"):
            self.assertEqual(config.parse(nothing, lambda fields: fields.read("a", config.text, "b")), "b")

    def test_every_unknown_key_is_told(self) -> None:
        with self.assertRaises(Err) as raised:
            config.parse('{"b": 1, "c": 2}', lambda fields: fields.read("a", config.text, ""))
        told = [ConfigProblem(key, "is unknown, there are `a`") for key in "bc"]
        self.assertEqual(raised.exception.value.value, told)


if __name__ == "__main__":
    unittest.main()
