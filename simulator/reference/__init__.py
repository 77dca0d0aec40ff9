"""The reference machine: the whole simulator once more, slow and plain, every reference an event of its own.

It is the page to read first. What the compiled engine does in bulk and in record arrays stands here in objects and
lists, one thing at a time: the engine is right if it comes to the same numbers, and tests compare the two on random
machines, counter by counter, fault by fault and page by page. It was written apart from the engine and imports nothing
of it, only the config, the random streams and the disk models' tables.

Read it in this order:

1. `entities`: page contents, frames, page-table entries, faults, threads, processes.
2. `machine`: what happens at each time and in which order; start and end of a process.
3. `processors`: who runs.
4. `faults`: from a reference that traps to its end, soft or through a read.
5. `memory`: the page lists, taking a frame, entering and leaving a working set.
6. `policies`: which pages are taken away (none, fifo, clock, windows).
7. `daemons`: balance set manager, modified and mapped page writer, zero page thread, and their writes.
8. `disks`: queues, service times, slots of paging files, places of files, the commit limit.
9. `results`: what a run comes to, in the keys of a summary.

One hard fault, from the reference to its row in the log, is `machine._step`, `faults.trap`, `_bring_in` and `_read`,
`disks.Disk.submit` and `complete`, `faults._arrived`, `memory.map` and `faults._record`.

It takes processes with reference streams, both models of the memory manager, and the four policies; programs that call
the memory API, the swapper and other policies raise `NotModelled`. `pagesim run CONFIG --reference` runs a config on
it, some hundred times slower than on the engine.
"""

from simulator.reference.entities import Deadlock, NotModelled
from simulator.reference.machine import ReferenceMachine

__all__ = ["Deadlock", "NotModelled", "ReferenceMachine"]
