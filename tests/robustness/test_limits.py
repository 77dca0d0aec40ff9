"""Numbers at the limits of what they may be are taken as they are, or refused in one line."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from simulator import config
from simulator.hardware.quantiles import LONGEST_LATENCY
from simulator.registry import find, names
from simulator.result import SimulationError
from simulator.units import LONGEST
from simulator.windows.constants import STATUS_ACCESS_VIOLATION
from tests.simulator.small import TEXTBOOK, build, loads
from tests.windows.harness import AV, Steps, raises, run

KERNEL = 0xFFFFF800_00000000
"""An address of the upper half, where the kernel is."""


def _extreme(policy: str) -> dict[str, Any]:
    """A policy's parameters that are numbers, each as large as it may be."""
    largest: dict[str, Any] = {}
    for name, field in getattr(find("policy", policy), "__pydantic_fields__", {}).items():
        for bound in field.metadata:
            for kind in ("le", "lt"):
                if getattr(bound, kind, None) is not None:
                    limit = getattr(bound, kind)
                    largest[name] = limit if kind == "le" else limit * 0.999 if limit == 1 else limit - 1
    return largest


@pytest.mark.parametrize("policy", names("policy"))
def test_a_policy_runs_with_its_parameters_at_their_upper_limits(policy: str) -> None:
    trimming = config.Trimming(policy=policy, period=1_000, parameters=_extreme(policy))
    machine = build([loads(list(range(12)) * 3)], manager={"model": "windows", "trimming": trimming})
    try:
        machine.run()
    except SimulationError as error:
        assert "no page can be taken" in str(error)  # noqa: PT017


@pytest.mark.parametrize("value", [1 << 61, 1 << 63, 1 << 70])
def test_what_is_larger_is_refused(value: int) -> None:
    for policy, name in (("s3-fifo", "ghosts"), ("wsclock", "tau"), ("mq", "lifetime"), ("working-set", "window")):
        with pytest.raises(ValidationError):
            config.Trimming(policy=policy, parameters={name: value}).make()
    with pytest.raises(ValidationError):
        config.Process(name="a", start=value)


def test_a_disk_cuts_its_longest_latencies_and_refuses_longer_medians() -> None:
    tables = find("disk", "ssd")(read_median=1, read_p99=10**12).tables()
    assert 0 <= tables.latency_read.min() <= tables.latency_read.max() == LONGEST_LATENCY
    with pytest.raises(ValidationError):
        find("disk", "constant")(read=10**13)


def test_a_run_whose_time_runs_out_ends_with_one_line() -> None:
    """On the textbook machine, where no daemon wakes each second of those 146 years."""

    def program(process: Any) -> Steps:
        for _ in range(5):
            yield process.compute(LONGEST)

    with pytest.raises(SimulationError, match=r"the simulated time has come to \d+ ns"):
        run(program, manager=TEXTBOOK)


@pytest.mark.parametrize("access", ["read", "write", "execute"])
@pytest.mark.parametrize("address", [KERNEL, (1 << 64) - 8, 1 << 63])
def test_an_address_of_the_kernel_is_an_access_violation(access: str, address: int) -> None:
    def program(process: Any) -> Steps:
        kind = {"read": 0, "write": 1, "execute": 8}[access]
        yield from raises(AV, getattr(process, access)(address), kind, address)

    run(program)


@pytest.mark.parametrize(("code", "kept"), [(-1, 0xFFFFFFFF), (1 << 40 | 7, 7), (STATUS_ACCESS_VIOLATION,) * 2])
def test_an_exit_code_is_an_unsigned_number_of_32_bits(code: int, kept: int) -> None:
    """ExitProcess and GetExitCodeProcess: UINT and DWORD."""

    def child(process: Any) -> Steps:
        yield process.exit_process(code)

    def program(process: Any) -> Steps:
        handle = yield process.create_process("b", child)
        yield process.wait_for_single_object(handle)
        assert (yield process.get_exit_code_process(handle)) == kept

    assert run(program).result.summary["processes"]["b"]["exit_status"] == kept


@pytest.mark.parametrize("code", [1 << 70, -(1 << 64), "seven", [7]])
def test_what_is_no_exit_code_ends_the_run_with_one_line(code: Any) -> None:
    def program(process: Any) -> Steps:
        yield process.exit_process(code)

    with pytest.raises(SimulationError, match="allowed is a whole number of at most 64 bits"):
        run(program)
