"""Scripts can make the calls whose arguments or failures are out of the ordinary."""

from __future__ import annotations

from typing import Any, cast

import pytest
import yaml

from simulator.result import SimulationError
from tests.windows.harness import Steps, run
from workloads.base import StreamContext
from workloads.scripting.run import run as make
from workloads.scripting.steps import read

RING = """
- virtual_alloc2: {process_handle: 0, address: 0, size: 128 KiB, protect: PAGE_NOACCESS,
    allocation_type: [MEM_RESERVE, MEM_RESERVE_PLACEHOLDER]}
  as: place
- virtual_free: {address: place, size: 64 KiB, free_type: [MEM_RELEASE, MEM_PRESERVE_PLACEHOLDER]}
- create_file_mapping: {file_handle: INVALID_HANDLE_VALUE, protect: PAGE_READWRITE, maximum_size: 64 KiB}
  as: ring
- repeat: 2
  as: half
  steps:
    - map_view_of_file3: {handle: ring, process_handle: 0, base: place + half * 64 KiB, offset: 0, size: 64 KiB,
        allocation_type: MEM_REPLACE_PLACEHOLDER, protect: PAGE_READWRITE}
- initialize_process_for_ws_watch
- write: {address: place + 64 KiB - 8, size: 16}
- get_ws_changes: {}
  as: changes
- check: changes[0].faulting_va == place + 60 KiB + 1
- check: changes[1].faulting_va == place + 64 KiB + 1
- global_memory_status_ex: {}
  as: status
- check: status.total_phys == 2 MiB
- get_system_info: {}
  as: machine
- check: machine.allocation_granularity == 64 KiB
"""
EXCLUSIVE = """
- create_file: {name: data, share: 0}
- create_file: {name: data, access: GENERIC_READ, share: FILE_SHARE_READ}
  fails: ERROR_SHARING_VIOLATION
"""
LARGER_STACK = """
- create_thread:
    stack_size: 128 KiB
    creation_flags: STACK_SIZE_PARAM_IS_A_RESERVATION
    steps:
      - get_current_thread_stack_limits: {}
        as: limits
  as: thread
- wait_for_single_object: thread
- check: limits[1] - limits[0] == 128 KiB
"""


def script(text: str) -> Any:
    """A program that makes the steps."""
    steps = read(yaml.safe_load(text))

    def program(process: Any) -> Steps:
        yield from make(process, steps, {}, cast("StreamContext", None))

    return program


@pytest.mark.parametrize("text", [RING, EXCLUSIVE, LARGER_STACK], ids=["ring", "exclusive", "larger stack"])
def test_a_script_makes_these_calls(text: str) -> None:
    run(script(text), files={"data": 65536})


def test_a_call_that_gives_minus_1_has_failed() -> None:
    with pytest.raises(SimulationError, match="found success, expected 32"):
        run(script(EXCLUSIVE.replace("share: 0", "access: GENERIC_READ, share: 7")), files={"data": 65536})
