"""A program's mappings, followed through its system calls as valgrind prints them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.workloads.stand_in import install
from workloads.traces.cache import open_trace
from workloads.traces.memory_map import MemoryMap
from workloads.traces.record import record
from workloads.traces.regions import TraceRegion

MMAP = "SYSCALL[7,1](9) sys_mmap ( {}, {}, {}, {}, {}, {} ) --> [pre-success] Success({}) "
ANONYMOUS = (34, 4294967295, 0)


class Program:
    """A recorded program, told call by call."""

    def __init__(self) -> None:
        self.map = MemoryMap()
        self.at = 0

    def says(self, line: str) -> Program:
        """Valgrind prints a line of a call."""
        self.map.call(line.encode(), self.at)
        return self

    def maps(self, page: int, pages: int, protection: int, flags: int, descriptor: int, offset: int = 0) -> Program:
        """Mmap of whole pages."""
        address = hex(page << 12)
        return self.says(MMAP.format(address, pages << 12, protection, flags, descriptor, offset << 12, address))

    def anonymous(self, page: int, pages: int) -> Program:
        """Mmap of anonymous memory."""
        return self.maps(page, pages, 3, *ANONYMOUS)

    def call(self, name: str, arguments: str, result: int = 0) -> Program:
        """A call that is done at once."""
        return self.says(f"SYSCALL[7,1](99) sys_{name} ( {arguments} )[sync] --> Success({result:#x}) ")

    def touches(self, *pages: int) -> Program:
        """Refers to pages, once each."""
        self.map.touch(np.array(pages, np.uint64))
        self.at += len(pages)
        return self

    def regions(self) -> list[TraceRegion]:
        """What was recorded."""
        return list(self.map.regions())


def test_a_mapped_file_has_its_name_offset_and_protection() -> None:
    program = Program()
    program.says("SYSCALL[7,1](257) sys_openat ( 4294967196, 0x10a004(/no/such/lib (1).so), 0 ) --> [async] ... ")
    program.says("SYSCALL[7,2](257) sys_openat ( 4294967196, 0x10a004(/no/such/other), 0 ) --> [async] ... ")
    program.says("SYSCALL[7,2](257) ... [async] --> Success(0x5) ")
    program.says("SYSCALL[7,1](257) ... [async] --> Success(0x4) ")
    program.maps(100, 3, 5, 2, 4, 7).maps(200, 2, 3, 1, 5).touches(101, 201)
    assert program.regions() == [
        TraceRegion(None, 100, 3, "lib (1).so", 7, writable=False, executable=True),
        TraceRegion(None, 200, 2, "other", 0, shared=True),
    ]


def test_what_was_not_referenced_is_left_out_and_what_nobody_mapped_is_anonymous() -> None:
    program = Program().anonymous(10, 4).anonymous(20, 4).touches(21, 30, 31)
    assert program.regions() == [TraceRegion(None, 20, 4), TraceRegion(None, 30, 2)]


def test_a_descriptor_s_copies_map_the_same_file() -> None:
    for copy in ("dup ( 4 )", "dup3 ( 4, 9, 0 )", "fcntl[ARG=='dupfd'] ( 4, 0, 9 )"):
        program = Program().call("openat", "1, 0x1(/data), 0", 4)
        program.says(f"SYSCALL[7,1](32) sys_{copy}[sync] --> Success(0x9) ")
        program.call("close", "4").maps(10, 1, 1, 2, 9).touches(10)
        assert [region.file for region in program.regions()] == ["data"], copy


def test_unmapping_ends_a_life_and_a_later_mapping_is_another_one() -> None:
    program = Program().anonymous(10, 2).touches(10, 11)
    program.call("munmap", f"{10 << 12:#x}, {2 << 12}").touches(99)
    program.anonymous(10, 4).touches(11, 12)
    assert program.regions() == [
        TraceRegion(None, 10, 2, end=2),
        TraceRegion(None, 11, 1, begin=3),
        TraceRegion(None, 12, 1),
        TraceRegion(None, 99, 1),
    ]


def test_mapping_over_pages_ends_their_life_and_keeps_the_others() -> None:
    program = Program().anonymous(10, 4).touches(10, 11, 12, 13).anonymous(11, 2).touches(12)
    assert program.regions() == [
        TraceRegion(None, 10, 1),
        TraceRegion(None, 11, 2, end=4),
        TraceRegion(None, 12, 1, begin=4),
        TraceRegion(None, 13, 1),
    ]


def test_a_region_is_writable_if_it_ever_was() -> None:
    program = Program().call("openat", "1, 0x1(/lib), 0", 4)
    program.maps(10, 3, 1, 2, 4).touches(10, 11, 12)
    program.call("mprotect", f"{10 << 12:#x}, 4096, 3").call("mprotect", f"{10 << 12:#x}, 4096, 1")
    program.call("mprotect", f"{12 << 12:#x}, 4096, 5")
    assert [(region.first, region.offset, region.flags) for region in program.regions()] == [
        (10, 0, "w"),
        (11, 1, ""),
        (12, 2, "x"),
    ]


def test_the_break_grows_and_shrinks() -> None:
    program = Program().call("brk", "0x0", 0x5000)
    program.call("brk", "0x7100", 0x7100).touches(5, 6, 7)  # three pages, the last in part
    program.call("brk", "0x6000", 0x6000).touches(99)
    program.call("brk", "0x8000", 0x8000).touches(6)
    assert program.regions() == [
        TraceRegion(None, 5, 1),
        TraceRegion(None, 6, 2, end=3),
        TraceRegion(None, 6, 1, begin=4),
        TraceRegion(None, 99, 1),
    ]


def test_memory_that_is_given_back_is_fresh_afterwards() -> None:
    program = Program().anonymous(10, 3).touches(10, 11)
    program.call("madvise", f"{11 << 12:#x}, 8192, 4").touches(11)
    program.call("madvise", f"{10 << 12:#x}, 4096, 3")  # MADV_WILLNEED changes nothing
    assert program.regions() == [
        TraceRegion(None, 10, 1),
        TraceRegion(None, 11, 1, end=2),
        TraceRegion(None, 11, 1, begin=2),
    ]


def test_a_mapping_moves_grows_and_shrinks() -> None:
    remap = "SYSCALL[7,1](25) sys_mremap ( {:#x}, {}, {}, 0x1 ) --> [pre-success] Success({:#x}) "
    program = Program().anonymous(10, 2).touches(10)
    program.says(remap.format(10 << 12, 2 << 12, 5 << 12, 10 << 12)).touches(14)
    assert program.regions() == [TraceRegion(None, 10, 5)]
    program.says(remap.format(10 << 12, 5 << 12, 1 << 12, 10 << 12)).touches(99)
    assert [(region.first, region.end) for region in program.regions()] == [(10, None), (12, 2), (99, None)]
    program = Program().anonymous(10, 2).touches(10)
    program.says(remap.format(10 << 12, 2 << 12, 3 << 12, 40 << 12)).touches(41)
    assert program.regions() == [TraceRegion(None, 10, 2, end=1), TraceRegion(None, 40, 3)]


@pytest.mark.parametrize(
    "line",
    [
        "SYSCALL[7,1](9) sys_mmap ( 0x0, 4096, 3, 34, 4294967295, 0 ) --> [pre-fail] Failure(0xc)",
        "SYSCALL[7,1](9) sys_mmap ( 0x0 ) --> [pre-success] Success(0x5000)",
        "SYSCALL[7,1](334) unimplemented (by the kernel) syscall: 334! (ni_syscall)",
        "SYSCALL[7,1](18) sys_pwrite64 ( 4, 0x1, 07740, 8 )[sync] --> Success(0x8)",
        "SYSCALL[7,1](0) ... [async] --> Success(0x340)",
        "SYSCALL[", "SYSCALL[7,1]", "no call",
    ],
)  # fmt: skip
def test_other_lines_and_failed_calls_change_nothing(line: str) -> None:
    assert Program().anonymous(10, 1).says(line).touches(10).regions() == [TraceRegion(None, 10, 1)]


needs_posix = pytest.mark.skipif(os.name == "nt", reason="valgrind needs a POSIX system")


@needs_posix
def test_calls_are_taken_out_of_the_log_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [
        "SYSCALL[7,1](257) sys_openat ( 1, 0x1(/tmp/strange",
        "I  name",
        " -->), 0 ) --> [async] ... ",
        "SYSCALL[7,1](257) ... [async] --> Success(0x4) ",
        MMAP.format("0x0", 8192, 3, *ANONYMOUS, "0x5000"),
        "SYSCALL[7,1](334) unimplemented (by the kernel) syscall: 334! (ni_syscall)",
        " --> [pre-fail] Failure(0x26) ",
    ]
    text = "\n".join(["==7== Lackey", "I  00001000,4", *calls, " S 00005000,8", calls[-3], " L 00006000,4", "==7== "])
    directory = tmp_path / "bin"
    directory.mkdir()
    install(directory, f"log.write({text!r})")
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    for piece in (1, 7, 64, 1 << 20):
        monkeypatch.setattr("workloads.traces.record._PIECE", piece)
        recording = record([sys.executable], tmp_path / "a.arrow")
        assert recording.references == 3
        assert open_trace(tmp_path / "a.arrow").facts.regions == (
            TraceRegion(None, 1, 1),
            TraceRegion(None, 5, 1, end=2),
            TraceRegion(None, 6, 1),
        ), piece


SOURCE = """
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int count, char **arguments) {
    int file = open(arguments[1], O_RDWR);
    char *data = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 4096);
    data[0] = data[4096] + 1;
    munmap(data, 3 * 4096);
    char *fresh = mmap(data, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    fresh[5] = 1;
    char *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    shared[0] = 2;
    char *heap = sbrk(20 * 4096);
    heap[19 * 4096] = 3;
    sbrk(-20 * 4096);
    return 0;
}
"""


@pytest.mark.skipif(not (shutil.which("valgrind") and shutil.which("cc")), reason="needs valgrind and a C compiler")
def test_a_real_program_s_mappings_are_recorded(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(SOURCE)
    (tmp_path / "data").write_bytes(bytes(5 * 4096))
    subprocess.run(["cc", "-O0", "-o", tmp_path / "mapper", tmp_path / "a.c"], check=True)
    record([str(tmp_path / "mapper"), str(tmp_path / "data")], tmp_path / "a.arrow")
    trace = open_trace(tmp_path / "a.arrow")
    regions = trace.facts.regions
    private = [region for region in regions if region.file == "data" and not region.shared]
    assert sum(region.pages for region in private) == 2
    first = private[0]
    assert first.writable
    assert first.end is not None
    (fresh,) = (region for region in regions if region.first == first.first and region.begin >= first.end)
    assert (fresh.file, fresh.writable, fresh.end) == ("", True, None)
    (shared,) = (region for region in regions if region.file == "data" and region.shared)
    assert (shared.pages, shared.offset) == (1, 0)
    assert any(not region.file and region.pages >= 20 and region.end is not None for region in regions)
    code = [region for region in regions if region.executable]
    assert "mapper" in {region.file for region in code}
    assert any(region.file.startswith("ld") for region in code)
    assert not any("valgrind" in region.file or "lackey" in region.file for region in regions)
    inside = sum(
        int(((trace.pages >= region.first) & (trace.pages < region.first + region.pages)).sum())
        for region in regions
        if not region.begin
    )
    assert inside == len(trace.pages)  # each page has a life, and valgrind's own are left out
