"""Passes of the balance set manager whose policy is written in Python, or whose decisions somebody watches; others are
compiled (`simulator.memory.balance_set`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compile import compiled
from simulator.hardware.scheduler import commit_all
from simulator.memory.balance_set import end_pass, wanted
from simulator.memory.decisions import compiled_pass, recall
from simulator.memory.state import State
from simulator.memory.view import View
from simulator.memory.working_set import requeue, trim
from simulator.observe import Hooks
from simulator.policies.base import Decision, Policy
from simulator.result import PolicyRefused
from simulator.state import constants
from simulator.state.constants import TRIMMED
from simulator.state.record import Nanoseconds
from simulator.state.schema import MachineRecord


@compiled
def _trim_all(m: MachineRecord, entries: Any, goal: int, t: Nanoseconds) -> None:
    m.now = t
    m.goal = goal
    for entry in entries:
        trim(m, entry, t, TRIMMED)


@compiled
def _requeue_all(m: MachineRecord, entries: Any) -> None:
    for entry in entries:
        requeue(m, entry)


class BalanceSetManager:
    """Asks the policy which pages to trim, and trims them."""

    def __init__(self, state: State, policy: Policy, hooks: Hooks) -> None:
        """Have it asked for passes if the policy is in Python, or somebody watches its decisions."""
        self.state = state
        self.policy = policy
        self.hooks = hooks
        state.record[0]["passes_in_python"] = policy.compiled is None or hooks.wanted("decided")

    def work(self) -> None:
        """Passes, as long as somebody asks for another one while they take no time."""
        now = int(self.state.record[0]["now"])
        again = True
        while again:
            decision = self._pass(now)
            again = end_pass(self.state.address, len(decision.trimmed), decision.examined, now)

    def _pass(self, now: int) -> Decision:
        """Ask the policy, and apply what it says."""
        state = self.state
        commit_all(state.address, now)
        goal = int(wanted(state.address))
        if self.policy.compiled is not None:
            trimmed, examined = compiled_pass(state, goal, now)
            decision = Decision(trimmed=trimmed, examined=examined)
        else:
            recall(state, self.policy)
            decision = self.policy.trim(View(state, now), goal)
            self._check(decision)
            self._apply(decision, goal, now)
        self.hooks.call("decided", state, now, self.policy.name, goal, decision)
        return decision

    def _apply(self, decision: Decision, goal: int, now: int) -> None:
        bits, ptes = self.state.arrays["bits"], self.state.arrays["ptes"]
        bits[decision.cleared] &= np.uint8(0xFF ^ constants.ACCESSED)
        ptes["age"][decision.aged] = decision.ages
        _requeue_all(self.state.address, np.asarray(decision.requeued, np.int64))
        _trim_all(self.state.address, np.asarray(decision.trimmed, np.int64), goal, now)

    def _check(self, decision: Decision) -> None:
        """Refuse what a policy may not propose, before any of it is done; raises PolicyRefused."""
        bits, count = self.state.arrays["bits"], self.state.pte_count
        fixed = self.state.arrays["ptes"]["fixed"]
        for verb, entries in (
            ("clear", decision.cleared),
            ("age", decision.aged),
            ("requeue", decision.requeued),
            ("trim", decision.trimmed),
        ):
            entries = np.asarray(entries, np.int64)
            known = (entries >= 0) & (entries < count)
            known[known] = (bits[entries[known]] & constants.VALID != 0) & (fixed[entries[known]] == 0)
            refused, why = entries[~known], "isn't in a working set"
            if verb == "trim" and not len(refused):
                refused, why = entries[bits[entries] & constants.PINNED != 0], "is locked"
                if not len(refused):
                    values, times = np.unique(entries, return_counts=True)
                    refused, why = values[times > 1], "is proposed twice"
            if len(refused):
                raise PolicyRefused(
                    f"policy {self.policy.name}: proposed to {verb} entry {int(refused[0])}, which {why}"
                )
        if len(decision.ages) != len(decision.aged):
            found, wanted = len(decision.ages), len(decision.aged)
            raise PolicyRefused(f"policy {self.policy.name}: proposed {found} ages for {wanted} entries")
