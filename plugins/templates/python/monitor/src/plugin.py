"""A monitor: a number that a JSON API tells. baepo asks it every few seconds; what
it returns as `memory` it gets again at the next look."""

from baepo_plugin import hook
from wit_world import exports
from wit_world.exports.monitor import Capability, Observation, ObserveRequest
from wit_world.imports import http

import judge


@hook
class Monitor(exports.Monitor):
    def describe(self, config: str) -> Capability:
        """When it can judge; in other phases it is not asked."""
        return Capability(judge.settings(config).phases())

    def observe(self, request: ObserveRequest) -> Observation:
        return judge.observe(request, http.send)
