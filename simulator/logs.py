"""The rows of the logs that the compiled machine appends to, field by field; Python empties them before they are full.

Numbers and times are those of `simulator.layout`.
"""

from __future__ import annotations

import numpy as np

FAULT_LOG = np.dtype(
    [
        ("time_ns", "i8"),
        ("page", "u8"),
        ("queue_ns", "i8"),
        ("service_ns", "i8"),
        ("cpu_ns", "i8"),
        ("process", "i4"),
        ("thread", "i4"),
        ("kind", "u1"),
        ("cause", "u1"),
        ("access", "u1"),
    ],
    align=True,
)
WATCH = np.dtype([("page", "u8"), ("thread", "i4"), ("kind", "u1"), ("access", "u1")], align=True)
"""A row of a process's working set watch: a fault that brought a page into its working set, or copied one there."""
IO_LOG = np.dtype(
    [
        ("submit_ns", "i8"),
        ("start_ns", "i8"),
        ("end_ns", "i8"),
        ("offset", "i8"),
        ("pages", "i4"),
        ("disk", "i4"),
        ("write", "u1"),
        ("cause", "u1"),
        ("ok", "u1"),
    ],
    align=True,
)
THREAD_LOG = np.dtype(
    [
        ("start_ns", "i8"),
        ("end_ns", "i8"),
        ("process", "i4"),  # or -1 - daemon
        ("thread", "i4"),  # its number in its process
        ("processor", "i4"),  # that it ran on, else -1
        ("state", "u1"),  # of records.THREAD_STATE_NAMES
    ],
    align=True,
)
PAGE_LOG = np.dtype(
    [
        ("time_ns", "i8"),
        ("since_ns", "i8"),  # when the fault or the I/O began that ends here, else -1
        ("entry", "i4"),  # the PTE, -1 where the event is that of a content
        ("content", "i4"),
        ("other", "i4"),  # by event, else -1; see `simulator.memory.page_log`
        ("number", "i4"),  # of a thread in its process, or of a store, else -1
        ("event", "u1"),
        ("reason", "u1"),
        ("accessed", "u1"),  # of a page that leaves its working set: since its bit was last cleared
        ("age", "u1"),  # ... and what its policy says of it
    ],
    align=True,
)
