"""Feedback: what went wrong before, for the report. baepo asks it once a rollout has
ended."""

from baepo_plugin import hook
from wit_world import exports
from wit_world.exports.feedback import FeedbackRequest, Section

import history


@hook
class Feedback(exports.Feedback):
    def respond(self, request: FeedbackRequest) -> list[Section]:
        return history.sections(request)
