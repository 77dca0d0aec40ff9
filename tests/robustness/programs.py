"""`python -m tests.robustness.programs COUNT SEED`: runs random machines whose programs make random calls with hostile
arguments, under random policies, watched by the invariants; prints those that crash.

A program is made of the calls that there are: their names come from `windows.process.Process`, and their arguments, by
their names, from what earlier calls gave, from the constants of the API, and from numbers at its limits. Run it in the
checked build: `PAGESIM_CHECKED=1`.
"""

from __future__ import annotations

import inspect
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import process_time
from typing import Any

from simulator import config
from simulator.machine import Machine, ProcessSpec
from simulator.registry import find, names
from simulator.result import SimulationError
from simulator.windows import constants as w
from simulator.windows.failure import WindowsException
from simulator.windows.process import Process
from tests.reference.cases import PAGE
from tests.reference.machines import constant, random_case
from tests.robustness.watch import Thinning
from tests.windows.harness import ALL_PRIVILEGES, BOTH, Steps

ENDS = ("no page can be taken", "wait for objects that nobody will signal")
"""Why a run may fail: the machine can't go on."""
_OWN = ("touch", "run", "create_thread", "create_process", "exit_process", "exit_thread", "compute", "sleep", "note")
CALLS = sorted(
    name
    for name, function in inspect.getmembers(Process, inspect.isgeneratorfunction)
    if not name.startswith("_") and name not in _OWN
)
"""The calls that are made as they come; those that take functions, or time, are made on purpose."""
PARAMETERS = {name: list(inspect.signature(getattr(Process, name)).parameters.values())[1:] for name in CALLS}
LIMITS = (-1, 0, 1, 7, 4095, 4097, 1 << 31, (1 << 32) - 1, 1 << 47, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 70)
"""Numbers at the limits of what an argument may be."""
_NAMES = ("data", "more", "library.dll", "a", "b", "an event", "a section", "nothing", "")
_WAYS = (
    *(w.PAGE_READWRITE, w.PAGE_READWRITE, w.PAGE_READONLY, w.PAGE_NOACCESS, w.PAGE_WRITECOPY, w.PAGE_EXECUTE_READ),
    *(w.PAGE_READWRITE | w.PAGE_GUARD, w.PAGE_EXECUTE_READWRITE, w.PAGE_EXECUTE_WRITECOPY),
)
_KINDS: dict[str, tuple[Any, ...]] = {
    "allocation_type": (
        *(BOTH, BOTH, BOTH, w.MEM_RESERVE, w.MEM_COMMIT, w.MEM_RESET, w.MEM_RESET_UNDO, BOTH | w.MEM_WRITE_WATCH),
        *(w.MEM_RESERVE | w.MEM_PHYSICAL, BOTH | w.MEM_LARGE_PAGES, BOTH | w.MEM_TOP_DOWN),
    ),
    "free_type": (w.MEM_DECOMMIT, w.MEM_RELEASE),
    "protect": _WAYS,
    "new_protect": _WAYS,
    "access": (
        *(w.FILE_MAP_READ, w.FILE_MAP_WRITE, w.FILE_MAP_COPY, w.FILE_MAP_ALL_ACCESS),
        *(w.GENERIC_READ, w.GENERIC_READ | w.GENERIC_WRITE, w.GENERIC_ALL),
    ),
    "disposition": (w.OPEN_EXISTING, w.OPEN_EXISTING, w.OPEN_ALWAYS, w.CREATE_NEW, w.TRUNCATE_EXISTING),
    "flags": (0, 0, 1, 2, 4, 8, 0x10, 0x40, 0x42, 0x80),
    "options": (0, 0, 1, 4, 0x40000),
    "priority": (1, 2, 3, 4, 5),
    "pool_type": (w.PAGED_POOL, w.PAGED_POOL, w.NON_PAGED_POOL, w.NON_PAGED_POOL_NX),
    "tag": ("Leak", "Tag2"),
    "name": _NAMES,
    "disk": (None, "d0", "nowhere"),
    "kind": (0, 1),
    "milliseconds": (0, 0, 1, 3),
    "manual_reset": (False, True),
    "initial_state": (False, True),
    "wait_all": (False, True),
    "reset": (False, True),
    "count": (1, 2, 8, 40),
    "minimum": (PAGE, 20 * PAGE, 60 * PAGE, -1),
    "maximum": (21 * PAGE, 40 * PAGE, 200 * PAGE, -1),
    "information_class": (0, 1, 3),
    "information": (0, 1, 2),
}
_SIZES = (1, 8, 24, 100, 3000, PAGE, PAGE, 3 * PAGE, 16 * PAGE, 65_536, 40 * PAGE, 128 * PAGE)
_OTHERS = ("name", "tag", "disk", "ranges", "handles", "frames", "addresses")
"""Parameters that aren't numbers."""
_HANDLES = ("handle", "process_handle")
_HEAPS = ("heap",)


@dataclass
class Memory:
    """What the programs of one machine have got hold of."""

    source: random.Random
    addresses: list[int] = field(default_factory=lambda: [0x10000])
    handles: list[int] = field(default_factory=lambda: [w.CURRENT_PROCESS])
    heaps: list[int] = field(default_factory=lambda: [0])
    frames: list[int] = field(default_factory=list)

    def argument(self, name: str) -> Any:
        """An argument for a parameter of this name: mostly one that fits, else a number at the limits."""
        choose = self.source.choice
        if self.source.random() < 0.04 and name not in _OTHERS:
            return choose(LIMITS)
        if name in _KINDS:
            return choose(_KINDS[name])
        if name in _HANDLES:
            return choose(self.handles)
        if name in _HEAPS:
            return choose(self.heaps)
        if "size" in name or name in ("initial", "length"):
            return choose(_SIZES)
        if name == "offset":
            return choose((0, 0, 65_536, PAGE))
        return self._several(name)

    def _several(self, name: str) -> Any:
        choose, few = self.source.choice, range(self.source.randrange(1, 5))
        if name == "ranges":
            return [(self._address(), choose(_SIZES)) for _ in few]
        if name == "handles":
            return [choose(self.handles) for _ in few]
        if name == "frames":
            return choose((self.frames[:8], self.frames[:2], self.frames[:1] * 2))
        if name == "addresses":
            return [self._address() for _ in few]
        return self._address()

    def _address(self) -> int:
        choose = self.source.choice
        if self.source.random() < 0.1:
            return 0
        return int(choose(self.addresses) + choose((0, 0, 0, 1, PAGE, 3 * PAGE, 65_536, -PAGE)))

    def keep(self, call: str, found: Any) -> None:
        """What a call gave is an argument of later ones."""
        if call == "allocate_user_physical_pages" and found:
            self.frames += found
        if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
            return
        if call.startswith(("create", "open", "duplicate")):
            self.handles.append(found)
        elif call in ("heap_create", "get_process_heap"):
            self.heaps.append(found)
        elif found >= 0x10000:
            self.addresses.append(found)


_LIKELY = ("virtual_alloc", "write", "write", "write", "read", "read", "map_view_of_file", "ex_allocate_pool_with_tag")
_ALSO = ("virtual_free", "heap_alloc", "create_file_mapping", "create_file", "offer_virtual_memory", "virtual_lock")


def program(memory: Memory, calls: int, depth: int = 0) -> Callable[[Any], Steps]:
    """A program of so many random calls."""

    def body(process: Any) -> Steps:
        source = memory.source
        for _ in range(calls):
            try:
                yield from _one(process, memory, depth)
            except WindowsException:
                if source.random() < 0.05:
                    raise
        return source.choice((0, 0, 0, 1, -1, 259, 0xC0000005, 1 << 40))

    return body


def _one(process: Any, memory: Memory, depth: int) -> Steps:
    source = memory.source
    dice = source.random()
    if dice < 0.05:
        yield process.compute(source.choice((0, 100, 100_000)))
    elif dice < 0.08:
        yield process.sleep(source.choice((0, 0.01, 1)))
    elif dice < 0.1 and depth < 2:
        other = program(memory, source.randrange(1, 30), depth + 1)
        create = source.choice(("thread", "process"))
        start = process.create_thread(other) if create == "thread" else process.create_process("child", other)
        memory.handles.append((yield from start))
    elif dice < 0.102:
        yield from source.choice((process.exit_thread, process.exit_process))(source.choice(LIMITS[:-1]))
    else:
        call = source.choice(CALLS if dice < 0.5 else _LIKELY + _ALSO)
        arguments = [memory.argument(parameter.name) for parameter in PARAMETERS[call]]
        if call in ("read", "write", "execute"):
            arguments[1] = source.choice(_SIZES)
        memory.keep(call, (yield from getattr(process, call)(*arguments)))


def machine(seed: int) -> Machine:
    """A random machine with programs, and perhaps a process with streams beside them."""
    source = random.Random(seed)
    policy = source.choice([name for name in names("policy") if "future" not in find("policy", name).requires])  # type: ignore[attr-defined]
    frames = source.choice((64, 160, 160, 256, 400))
    case = random_case(source)
    model, parameters = constant(source)
    hardware = replace(
        case.machine,
        memory=frames * PAGE,
        disks={"d0": config.Disk(model=model, parameters=parameters)},
        paging_files=[config.PagingFile(size=100 * PAGE, maximum=source.choice((200, 2000)) * PAGE)],
        files={"data": config.File(size=40 * PAGE), "more": config.File(size=5 * PAGE - 7)},
        images={"library.dll": config.Image(size=30 * PAGE)},
        bad_frames=0,
        windows=config.Windows(large_page_minimum=16 * PAGE, pools=config.Pools(handles=200)),
    )
    manager = config.MemoryManager(
        model=source.choice(("windows", "windows", "demand-paging")),
        trimming=config.Trimming(policy=policy, period=source.choice((100_000, 1_000_000))),
        modified_writer=case.memory_manager.modified_writer,
        zero_page_thread=case.memory_manager.zero_page_thread,
    )
    memory = Memory(source)
    processes = [
        ProcessSpec(
            config.Process(name=name, start=start, privileges=list(ALL_PRIVILEGES), bits=source.choice((32, 64, 64))),
            program=program(memory, source.choice((20, 100, 300))),
        )
        for name, start in (("a", 0), ("b", source.choice((0, 50_000))))
    ]
    if source.random() < 0.5:
        spec = case.processes[0]
        processes.append(ProcessSpec(replace(spec.config, regions=[]), spec.streams))
    return Machine(
        hardware, manager, processes, seed, duration=100_000_000, observers=[Thinning(source.choice((1, 5)))]
    )


def run(seed: int) -> str:
    """Run a random machine to its end: "ended", or why it can't go on. Raises what it shouldn't."""
    try:
        machine(seed).run()
    except SimulationError as error:
        if any(end in str(error) for end in ENDS):
            return "can't go on"
        raise
    return "ended"


def main(count: int, first: int) -> int:
    """Run `count` machines from seed `first` on; 1 if one crashed or broke an invariant."""
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + count):
        before = process_time()
        try:
            outcome = run(seed)
        except Exception as error:  # noqa: BLE001 # whatever goes wrong is what is looked for
            outcome = "broken"
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)  # noqa: T201
        outcomes[outcome] += 1
        if (took := process_time() - before) > 5:
            print(f"seed {seed}: {outcome} ({took:.1f} s)", flush=True)  # noqa: T201
    print(dict(outcomes))  # noqa: T201
    return int(outcomes["broken"] > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
