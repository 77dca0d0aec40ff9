"""Denning's working set and VMIN, kept by policies that see every reference, against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import Machine as MachineConfig
from simulator.config import MemoryManager, PagingFile, Process, Trimming
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.memory.state import State
from simulator.observe import Observer
from simulator.result import RunResult
from simulator.state import constants
from tests.theory.recorded import AT_ONCE, FREE, PAGE, Requests, from_list, recorded

usual = settings(deadline=None, max_examples=40)
requests = st.lists(st.integers(0, 7), min_size=1, max_size=80)


class Holdings(Observer):
    """The pages of the working set before each reference; a sample at time k comes before reference k."""

    def __init__(self) -> None:
        self.sets: list[set[int]] = []

    def sampled(self, state: State, time: int) -> None:
        """One more."""
        valid = np.flatnonzero(state.arrays["bits"] & constants.VALID)
        self.sets.append({int(page) for page in state.arrays["ptes"]["vpn"][valid]})


def keep(stream: Requests, policy: str, window: int, **others: Any) -> RunResult:
    """A machine with memory for all pages, where only the policy's window takes pages away. References take 1 ns, and
    nothing else takes any time."""
    machine = MachineConfig(
        memory=(len(stream.pages) + 1) * PAGE,
        disks={"d": AT_ONCE},
        paging_files=[PagingFile(size=2 * len(stream.pages) * PAGE + PAGE)],
        costs=FREE,
    )
    trimming = Trimming(policy=policy, parameters={"window": window, **others.pop("parameters", {})})
    manager = MemoryManager(model="demand-paging", trimming=trimming)
    observe = Observe(
        others.pop("sample_every", 10**15),
        fault_log=False,
        io_log=False,
        page_map=False,
        page_log=False,
        thread_log=False,
    )
    return Machine(machine, manager, [ProcessSpec(Process(name="p"), (stream,))], observe=observe, **others).run()


def mean_size(result: RunResult) -> float:
    """Pages held, on average over the run's references."""
    size: float = result.summary["processes"]["p"]["space_time_page_ns"] / result.summary["simulated_ns"]
    return size


def faults_by_definition(pages: list[int], window: int) -> int:
    """A reference faults unless its page is among the last `window` ones."""
    return sum(page not in pages[max(0, k - window) : k] for k, page in enumerate(pages))


@usual
@given(requests, st.integers(1, 12))
def test_the_working_set_is_what_the_last_references_were_to(pages: list[int], window: int) -> None:
    """W(k, T) of Denning (CACM 1968), before each reference and after the last."""
    watch = Holdings()
    result = keep(from_list(pages), "working-set", window, observers=[watch], sample_every=1)
    assert watch.sets == [set(pages[max(0, k - window) : k]) for k in range(len(pages) + 1)]
    assert result.summary["page_faults"] == faults_by_definition(pages, window)


@usual
@given(requests, st.integers(1, 12))
def test_the_miss_rate_is_the_slope_of_the_mean_size(pages: list[int], window: int) -> None:
    """Denning and Schwartz (CACM 1972): s(T + 1) - s(T) = m(T), exactly, but for what the string's end cuts off: a
    page counts for T + 1 references after its last use before a fault, or up to the end."""
    length = len(pages)
    sizes = [mean_size(keep(from_list(pages), "working-set", w)) for w in (window, window + 1)]
    last = {page: k for k, page in enumerate(pages)}
    cut_off = sum(length - k <= window for k in last.values())
    again = faults_by_definition(pages, window) - len(last) + len(last) - cut_off
    assert length * (sizes[1] - sizes[0]) == pytest.approx(again, abs=1e-6)


@usual
@given(requests, st.integers(1, 12))
def test_vmin_faults_as_the_working_set_does_and_holds_no_more(pages: list[int], window: int) -> None:
    """Prieve and Fabry (CACM 1976): a page stays only if it is used again within the window, and then until then."""
    watch = Holdings()
    kept = keep(from_list(pages), "working-set", window)
    least = keep(from_list(pages), "vmin", window, observers=[watch], sample_every=1)
    assert least.summary["page_faults"] == kept.summary["page_faults"]
    assert mean_size(least) <= mean_size(kept)
    for k in range(1, len(pages) + 1):
        wanted = {page for page in set(pages[:k]) if page in pages[k : k + window]}
        in_reach = {p for p in wanted if pages[k:].index(p) + k - max(i for i in range(k) if pages[i] == p) <= window}
        assert watch.sets[k] == in_reach


@pytest.mark.parametrize("name", ["python", "sort", "xz"])
def test_recorded_programs_have_the_working_sets_that_their_intervals_give(name: str) -> None:
    """Faults and mean size from the intervals between uses of a page (Denning and Schwartz 1972)."""
    stream = recorded(name, 60_000)
    page = stream.page.tolist()
    for window in (30, 1_000, 20_000):
        seen: dict[int, int] = {}
        faults = held = 0
        for k, p in enumerate(page):
            interval = k - seen[p] if p in seen else None
            faults += interval is None or interval > window
            held += min(interval, window) if interval is not None else 0
            seen[p] = k
        held += sum(min(len(page) - k, window) for k in seen.values())
        result = keep(stream, "working-set", window)
        assert result.summary["page_faults"] == faults
        assert mean_size(result) == pytest.approx(held / len(page), rel=1e-12)
        assert keep(stream, "vmin", window).summary["page_faults"] == faults


@usual
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=40), st.integers(1, 8))
def test_a_run_of_references_is_one_use_if_uses_are_counted(runs: list[tuple[int, int]], window: int) -> None:
    """The same faults as if each run were one reference."""
    merged = [page for page, _ in runs]
    once = keep(from_list(merged), "working-set", window)
    stream = from_list([page for page, count in runs for _ in range(count)])
    counted = keep(_with_counts(runs), "working-set", window, parameters={"unit": "use"})
    assert counted.summary["page_faults"] == once.summary["page_faults"]
    by_reference = keep(_with_counts(runs), "working-set", window)
    assert by_reference.summary["page_faults"] == keep(stream, "working-set", window).summary["page_faults"]


class _Counted(Requests):
    """Runs of several loads."""

    def __init__(self, runs: list[tuple[int, int]]) -> None:
        super().__init__(np.array([page for page, _ in runs], np.uint64), np.zeros(len(runs), np.bool_))
        self.counts = np.array([count for _, count in runs], np.uint8)
        self.references = int(self.counts.sum())

    def blocks(self) -> Any:
        """One block."""
        (block,) = super().blocks()
        yield block._replace(loads=self.counts)


def _with_counts(runs: list[tuple[int, int]]) -> Requests:
    return _Counted(runs)
