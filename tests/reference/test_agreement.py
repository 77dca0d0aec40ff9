"""The engine is, bit for bit, the reference machine: every counter, fault, I/O and page of random machines.

PAGESIM_AGREEMENT_EXAMPLES sets how many machines each of the two tests makes (default 500 in all); 20000 takes long.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

import workloads.traces
from experiments.spec.document import Document
from experiments.spec.experiment import from_document
from experiments.study.run import prepare
from tests.reference.cases import Case, code
from tests.reference.compare import differences, run_reference
from tests.reference.machines import cases

EXAMPLES = int(os.environ.get("PAGESIM_AGREEMENT_EXAMPLES", "500"))
FRESH = EXAMPLES // 5
"""machines that are new in every run; the others are the same each time"""

common = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, report_multiple_bugs=False)


def agree(case: Case) -> None:
    """A machine's outcome is the same on both sides."""
    found = differences(case)
    assume(found is not None)
    assert not found, "\n".join([*found, code(case)])


@settings(common, max_examples=EXAMPLES - FRESH, derandomize=True)
@given(cases())
def test_engine_agrees_with_the_reference_machine(case: Case) -> None:
    """The same machines in every run."""
    agree(case)


@settings(common, max_examples=max(1, FRESH))
@given(cases())
def test_engine_agrees_on_machines_never_seen_before(case: Case) -> None:
    """New machines in every run."""
    agree(case)


def replayed(frames: int, **workload: Any) -> Case:
    """Two processes that replay the start of sqlite and share its files, and one that replays sort's."""
    data = Path(workloads.traces.__file__).parent / "data"

    def group(name: str, copies: int) -> dict[str, Any]:
        path = str(data / f"{name}.parquet")
        return {"name": name, "copies": copies, "workload": {"kind": "trace", "path": path, "limit": 8_000, **workload}}

    content = {
        "name": "replayed",
        "machine": {"memory": frames * 4096, "processors": 2, "quantum": 50_000},
        "memory_manager": {"trimming": {"period": 200_000}},
        "processes": [group("sqlite", 2), group("sort", 1)],
    }
    experiment, specs = prepare(from_document(Document("replayed", content, {})), data)
    return Case(experiment.machine, experiment.memory_manager, specs)  # type: ignore[arg-type]


@pytest.mark.parametrize("image", ["cold", "warm"])
def test_engine_agrees_on_recorded_programs_with_their_regions(image: str) -> None:
    """Files that processes share, private copies of their pages, and anonymous memory, in too little memory."""
    case = replayed(32, image=image)
    assert differences(case, steps=None) == []
    happened = run_reference(case).summary
    assert min(happened[f"{kind}_faults"] for kind in ("demand_zero", "transition", "shared", "copy_on_write")) > 0
    assert (happened["page_reads"] > 0) == (happened["repurposed"] > 0) == (image == "cold")
