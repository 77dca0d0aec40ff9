"""How a policy is joined to the machine, and how its compiled decisions are carried out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import callback
from simulator.memory.balance_set import trim_pass
from simulator.memory.state import State
from simulator.policies.base import Compiled, Policy, PolicyMemory
from simulator.result import SimulationError
from simulator.state import schema
from simulator.state.record import Pte
from simulator.state.schema import LOG_ROWS, MachineRecord


@callback
def _note_entered(m: MachineRecord, entry: Pte) -> int:
    m.history[m.history_count] = 2 * entry
    m.history_count += 1
    return 0


@callback
def _note_left(m: MachineRecord, entry: Pte) -> int:
    m.history[m.history_count] = 2 * entry + 1
    m.history_count += 1
    return 0


@callback
def _note_use(m: MachineRecord, entry: Pte) -> int:
    m.nodes[entry].time = m.now
    return 0


def install(state: State, policy: Policy) -> None:
    """Give the machine the policy's hooks, and the policy its memory.

    Raises SimulationError if the policy looks into the future and a process has several threads: which of them uses a
    page next isn't known beforehand.
    """
    record = state.record[0]
    record["exact"] = bool(policy.requires)
    if "future" in policy.requires and any(len(spec.streams) != 1 for spec in state.specs):
        raise SimulationError(
            f"policy {policy.name}: the future of a process with several threads, or of a program, isn't known"
        )
    compiled_hooks = policy.compiled or _for_python(state, policy)
    for name in schema.POLICY_HOOKS:
        hook = getattr(compiled_hooks, name)
        record[f"{name}_hook"] = 0 if hook is None else hook.address
    if policy.compiled is not None or "last_access" in policy.requires:
        nodes_ = state.add("nodes", state.pte_count)
        state.add("process_notes", len(state.specs))
        state.keeps_nodes = True
        queues = state.arrays["policy_queues"]
        queues["head"], queues["tail"] = -1, -1
        policy.prepare(
            PolicyMemory(
                frames=state.config.frames,
                entries=state.pte_count,
                processes=len(state.specs),
                nodes=nodes_,
                integers=state.arrays["policy_integers"],
                reals=state.arrays["policy_reals"],
            )
        )


def _for_python(state: State, policy: Policy) -> Compiled:
    """What is noted for a policy in plain Python."""
    hooks = Compiled()
    if type(policy).on_fault is not Policy.on_fault or type(policy).on_evict is not Policy.on_evict:
        state.add("history", LOG_ROWS + state.pte_count)
        hooks = hooks._replace(entered=_note_entered, left=_note_left)
    if "last_access" in policy.requires:
        hooks = hooks._replace(entered=_note_use, hit=_note_use)
    return hooks


def recall(state: State, policy: Policy) -> None:
    """Tell a policy in plain Python which entries came and went since it was last told."""
    count = int(state.record[0]["history_count"])
    if count == 0:
        return
    state.record[0]["history_count"] = 0
    for note in state.arrays["history"][:count].tolist():
        (policy.on_evict if note & 1 else policy.on_fault)(note >> 1)


def compiled_pass(state: State, goal: int, now: int) -> tuple[NDArray[Any], int]:
    """The entries that a compiled policy trims in one pass, already trimmed, and how many it looked at."""
    room = np.empty(goal, np.int64)
    count = trim_pass(state.address, goal, now, room)
    return room[:count], int(state.record[0]["examined"])
