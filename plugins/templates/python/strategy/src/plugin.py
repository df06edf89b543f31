"""A strategy: a growing share of users, each step watched. baepo asks it after each
step; what it returns as `memory` it gets again at the next one."""

from baepo_plugin import hook
from wit_world import exports
from wit_world.exports.strategy import Decision, View

import steps


@hook
class Strategy(exports.Strategy):
    def decide(self, view: View) -> Decision:
        """The same view must give the same decision: there is no clock and no chance."""
        decision = steps.decide(view)
        # What is printed becomes a line of the run's log.
        print(f"step {decision.progress.step}: {decision.reason}")
        return decision
