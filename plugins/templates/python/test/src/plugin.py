"""A test of a running candidate: each instance is asked for a few pages. List it
under `verify:`; before there is a candidate there is nobody to ask."""

from baepo_plugin import hook
from wit_world import exports
from wit_world.exports.test import TestReport, TestRequest
from wit_world.imports import http

import pages


@hook
class Test(exports.Test):
    def test(self, request: TestRequest) -> TestReport:
        return pages.check(request, http.send)
