"""What perf script prints is read as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.format_checks import refused, rows_of, told
from tests.workloads.samples import PERF, PERF_CHAINS, PERF_TRACEPOINT

NOBODY = 0xFFFF_FFFF


def test_samples_keep_process_thread_and_time(tmp_path: Path) -> None:
    # A comm with blanks and a colon; the kernel's -1; nanoseconds; a load at address 0, which perf didn't know.
    assert rows_of(tmp_path, PERF, "perf-script") == [
        (0x5591DFA29, 0, 1, 0, 32575, 32575, 11_715_166_380_000),
        (0x7FADE1242, 0, 1, 0, 32657, 32660, 11_747_867_376_000),
        (0x7FADE1236, 0, 1, 0, NOBODY, NOBODY, 11_747_867_379_000),
        (0x7FFDF1391, 0, 0, 1, 3603, 3604, 11_747_900_000_123),
    ]


def test_a_single_number_is_the_thread_unless_told_otherwise(tmp_path: Path) -> None:
    rows = [(0x7F55ED63C, 0, 1, 0, 32647, 11_746_507_318_000)]
    assert rows_of(tmp_path, PERF_CHAINS, "perf-script") == rows
    # The one id stands in the column of processes instead, which a list of values doesn't show.
    assert rows_of(tmp_path, PERF_CHAINS, "perf-script", single_id="process") == rows


def test_error_codes_tell_fetches_and_stores(tmp_path: Path) -> None:
    # 0x14: user, instruction; 0x6: user, write; 0x4: user.
    assert [row[:4] for row in rows_of(tmp_path, PERF_TRACEPOINT, "perf-script")] == [
        (0x7F21D5BDD, 1, 0, 0),
        (0x7F21D5BF6, 0, 0, 1),
        (0x7F21D5BC3, 0, 1, 0),
    ]


INTEL = (
    b"x 46572 [002] 4.882384:      10000 \tcpu_core/MEM_UOPS_RETIRED.LOAD_LATENCY/: 7ffdf1391b0c     10268100142"
    b"  |OP LOAD|LVL L1 hit|SNP None|TLB L1 or L2 hit|LCK No|BLK    N/A    5   7    0   7fad7c47425d [unknown] (/c.so)"
)
ARM = b"m 3603 [020] 1.463754:  1 memory:  7ffdf1391b0c  8688000842 |OP STORE|LVL L1 hit|SNP N/A aaaac17c3e88 x (/m)"
ITSELF = b"ls 7 2.000000: 1 page-faults:  7fadb5e9fb70 _start+0x0 (/ld.so)     7fadb5e9fb70 _start+0x0 (/ld.so)"


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"11715.166380: page-faults:     5591dfa295c0", (0x5591DFA29, 0, 1, 0, 11_715_166_380_000)),
        (ITSELF, (0x7FADB5E9F, 1, 0, 0, 7, 2_000_000_000)),
        (INTEL, (0x7FFDF1391, 0, 1, 0, 46572, 4_882_384_000)),
        (ARM, (0x7FFDF1391, 0, 0, 1, 3603, 1_463_754_000)),
    ],
)
def test_other_fields_are_understood(tmp_path: Path, line: bytes, row: tuple[int, ...]) -> None:
    told(tmp_path, line + b"\n", "perf-script")
    assert rows_of(tmp_path, line + b"\n", "perf-script") == [row]


@pytest.mark.parametrize(
    "line",
    [
        # perf's default output: an instruction pointer, no address.
        b"ls 32575/32575 11715.166380:          1 page-faults:  ffffffff817554ea elf_load+0x28a ([kernel.kallsyms])",
        b"ls 32575/32575 11715.166380: page-faults:",
        b"ls 32575/32575 11715.166380: page-faults: 12345678901234567",
        b"ls 32575/32575 11715.1663: page-faults: 1234",
        b"ls 99999999999/5 11715.166380: page-faults: 1234",
        b"ls 32575 11715.166380: page-faults: 1234",
        b"11715.166380: page-faults: 1234",
        b"ls 5/5 11715.166380: exceptions:page_fault_user: address=0x1234 ip=0x5",
        b"ls 5/5 11715.166380: exceptions:page_fault_user: address=f ip=0x5 error_code=0x6",
        b"LOST 5 events!",
    ],
)
def test_a_line_without_an_address_or_other_ids_is_named(tmp_path: Path, line: bytes) -> None:
    refused(tmp_path, PERF + line + b"\n", "perf-script", "a:8: found '", "a sample with an address")
