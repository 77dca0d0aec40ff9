"""How a policy is joined to the machine, and how its compiled decisions are carried out."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from simulator.compile import callback
from simulator.memory.balance_set import trim_pass
from simulator.memory.state import State
from simulator.policies.base import Compiled, Policy
from simulator.result import SimulationError
from simulator.state import schema
from simulator.state.record import I8, Nanoseconds, Nothing, Pte, Record
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


class LastUse(Record):
    """When a page was used last, for a policy in plain Python that wants to know."""

    time: I8[Nanoseconds]
    order: I8[int]


class Uses(Record):
    """How many uses of pages there were."""

    count: I8[int]


class _Noted(Compiled[Uses, LastUse, Nothing]):
    def entered(m, entry: Pte) -> None:  # noqa: N805 (the machine)
        m.own.count += 1
        m.page[entry].time = m.now
        m.page[entry].order = m.own.count

    hit = entered


def install(state: State, policy: Policy) -> None:
    """Give the machine the policy's hooks, and the policy its state.

    Raises SimulationError if the policy looks into the future and a process has several threads: which of them uses a
    page next isn't known beforehand.
    """
    record = state.record[0]
    record["exact"] = bool(policy.requires)
    if "future" in policy.requires and any(len(spec.streams) != 1 for spec in state.specs):
        raise SimulationError(
            f"policy {policy.name}: the future of a process with several threads, or of a program, isn't known"
        )
    hooks = policy.compiled.hooks if policy.compiled else _for_python(state, policy)
    for name in schema.POLICY_HOOKS:
        record[f"{name}_hook"] = hooks[name].address if name in hooks else 0
    noted = policy.compiled or (_Noted if "last_access" in policy.requires else None)
    if noted is not None:
        state.policy_records = noted.records
        own = state.add("own", 1)[0]
        for name, value in _beginnings(policy, noted.records["own"], state.config.frames).items():
            own[name] = value
        state.add("page", state.pte_count)
        state.add("process_state", len(state.specs))


def _beginnings(policy: Policy, own: type[Record], frames: int) -> dict[str, float]:
    """What fields of a policy's own state begin with: `frames`, parameters (of one that allows a few words: the place
    of the word among them), and what the policy says."""
    kinds = get_type_hints(type(policy))
    values: dict[str, float] = {"frames": frames, **vars(policy)}
    for name, value in values.items():
        if get_origin(kinds.get(name)) is Literal:
            values[name] = get_args(kinds[name]).index(value)
    return {name: value for name, value in {**values, **policy.begin(frames)}.items() if name in own.fields}


def _for_python(state: State, policy: Policy) -> dict[str, callback]:
    """What is noted for a policy in plain Python."""
    if type(policy).on_fault is not Policy.on_fault or type(policy).on_evict is not Policy.on_evict:
        state.add("history", LOG_ROWS + state.pte_count)
        hooks = {"entered": _note_entered, "left": _note_left}
    else:
        hooks = {}
    return {**hooks, **(_Noted.hooks if "last_access" in policy.requires else {})}


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
