"""Programs that make a list of operations in turn in a real machine, and compare each with the plain model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.invariants import check
from simulator.windows import constants as w
from tests.windows.harness import BOTH, PAGE, Steps, region, run, works
from tests.windows.plain.caller import TAG, Caller
from tests.windows.plain.records import Op, Outcome
from tests.windows.plain.system import FILE_PAGES, FIRST, PAGES, Plain

NAMES = "ab"


class Divergence(AssertionError):
    """The machine does otherwise than the plain model."""


@dataclass
class Drive:
    """A list of operations on its way, and how far it is."""

    operations: Sequence[Op]
    plain: Plain = field(default_factory=lambda: Plain(len(NAMES)))
    position: int = 0
    caller: Caller = field(default_factory=Caller)
    ready: int = 0
    base: int = 0
    facades: list[Any] = field(default_factory=list)

    def program(self, process: Any, who: int) -> Steps:
        """What one process does: its operations, when it's their turn."""
        yield from region(
            process, 1, BOTH, at=(FIRST + 256) * PAGE
        )  # the page tables of the window are there from now on
        self.facades.append(process)
        self.ready += 1
        while self.ready < len(NAMES):
            yield from process.sleep(1)
        if who == 0:
            self.base = yield from self.committed(process)
            self.ready += 1
        while self.ready <= len(NAMES):
            yield from process.sleep(1)
        while self.position < len(self.operations):
            op = self.operations[self.position]
            if op.who == who:
                yield from self.step(process, op)
                self.position += 1
            else:
                yield from process.sleep(1)
        for number in self.plain.pool[who]:  # a driver's blocks outlive a process
            yield from works(process.ex_free_pool_with_tag(self.caller.blocks[number], TAG))

    def committed(self, process: Any) -> Steps:
        """Pages of commit charge of the whole machine, pools apart."""
        found = yield from process.get_performance_info()
        return found.commit_total - found.kernel_total

    def step(self, process: Any, op: Op) -> Steps:
        """One operation in both, and what is seen afterwards."""
        made = self.plain.made
        expected = self.plain.apply(op)
        found = yield from self.caller.perform(process, op, made, self.plain.taken - 1)
        self.compare(op, "outcome", found, expected, lambda f, e: _agree(op, f, e))
        for facade in sorted(self.facades, key=lambda one: one.name):
            who = NAMES.index(facade.name)
            runs = yield from self.runs(facade, process)
            self.compare(op, f"pages of process {who}", runs, self.plain.runs(who), _alike)
            if facade is process:
                seen = yield from self.memberships(process)
                self.compare(op, f"working set of process {who}", seen, self.plain.memberships(who))
        check(process.system.state)
        if self.plain.taken:
            table = process.system.pool.table()
            live = int(table[table["tag"] == TAG]["diff"].sum())
            self.compare(op, "blocks of pool", live, sum(map(len, self.plain.pool)))
        charge = (yield from self.committed(process)) - self.base
        self.compare(op, "commit charge", charge, self.plain.charge())

    def compare(self, op: Op, what: str, found: Any, expected: Any, agree: Any = None) -> None:
        """Raise Divergence unless both agree."""
        if not (agree(found, expected) if agree else found == expected):
            if isinstance(found, list):
                index = next(
                    i
                    for i, pair in enumerate(zip(found, expected, strict=True))
                    if not (agree or _same)([pair[0]], [pair[1]])
                )
                what, found, expected = f"{what}, page {index}", found[index], expected[index]
            raise Divergence(f"operation {self.position}, {op}: {what}: found {found}, the plain model has {expected}")

    def runs(self, facade: Any, process: Any) -> Steps:
        """As Plain.runs, by VirtualQuery of one process."""
        if facade is not process:
            handle = yield from works(process.open_process(facade.name))
        found: list[tuple[int, int, int, int]] = []
        while len(found) < PAGES:
            address = (FIRST + len(found)) * PAGE
            query = process.virtual_query(address) if facade is process else process.virtual_query_ex(handle, address)
            run = yield from works(query)
            base = run.allocation_base // PAGE
            found += [(run.state, run.protect, run.type, base)] * (run.region_size // PAGE)
        if facade is not process:
            yield from works(process.close_handle(handle))
        return found[:PAGES]

    def memberships(self, process: Any) -> Steps:
        """As Plain.memberships, by QueryWorkingSetEx."""
        records = yield from process.query_working_set_ex([(FIRST + i) * PAGE for i in range(PAGES)])
        return [
            (True, bool(r.locked), bool(r.shared), int(r.share_count) if r.shared else 0)
            if r.valid
            else (False, False, False, 0)
            for r in records
        ]


def _same(found: Any, expected: Any) -> bool:
    return bool(found == expected)


def _agree(op: Op, found: Outcome, expected: Outcome) -> bool:
    """Whether an outcome is the expected one; a copied page may say that it can be written."""
    if found.done != expected.done or found.raised != expected.raised:
        return False
    if found.done and op.name == "virtual_protect":
        return _protections(found.code) == _protections(expected.code)
    if found.done:
        return op.name not in {"create_section", "create_event", "wait"} or found.code == (expected.code or 0)
    return expected.code is None or found.code == expected.code


def _protections(protect: int | None) -> int | None:
    return w.PAGE_READWRITE if protect == w.PAGE_WRITECOPY else protect


def _alike(found: list[Any], expected: list[Any]) -> bool:
    return [(a, _protections(b), c, d) for a, b, c, d in found] == [
        (a, _protections(b), c, d) for a, b, c, d in expected
    ]


def drive(operations: Sequence[Op]) -> None:
    """Run operations in a machine of two processes; raises Divergence at the first difference, AssertionError if the
    end leaves something."""
    course = Drive(operations)
    left: dict[str, Any] = {}

    def main(process: Any) -> Steps:
        before = yield from totals(process)
        handles = []
        for who, name in enumerate(NAMES):
            handles.append((yield from works(process.create_process(name, course.program, who=who))))
        for handle in handles:
            yield from process.wait_for_single_object(handle)
            yield from works(process.close_handle(handle))
        left.update(before=before, after=(yield from totals(process)))

    run(
        main,
        name="parent",
        bits=32,
        files={"data": FILE_PAGES * PAGE},
        settings={"dep_policy": "always-on"},
        frames=1024,
    )
    if course.position < len(operations):
        raise Divergence(f"a process ended before operation {course.position}: {operations[course.position]}")
    if left["before"] != left["after"]:
        raise Divergence(f"at the end: found {left['after']}, before it was {left['before']}")


def totals(process: Any) -> Steps:
    """What must be as before when all processes have ended."""
    found = yield from process.get_performance_info()
    stores = process.system.state.arrays["stores"]
    return {
        "commit": found.commit_total,
        "paged": found.kernel_paged,
        "nonpaged": found.kernel_nonpaged,
        "handles": found.handle_count,
        "slots": int(stores["used"][: process.system.state.paging_files].sum()),
    }
