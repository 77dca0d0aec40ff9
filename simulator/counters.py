"""Every figure a run reports, defined once: its name, its unit and the formula behind it.

The summary's keys come from SUMMARY, the sampled counters from SAMPLED; tables, plots and the README take them from
here. PerfMon's names and meanings follow [Memory Object] and MODEL.md section 11; counters that PerfMon doesn't have
stand under `pagesim`.
"""

from __future__ import annotations

from simulator.state import constants

FAULT_KINDS = {
    "demand_zero_faults": constants.DEMAND_ZERO,
    "transition_faults": constants.SOFT,
    "shared_faults": constants.SHARED,
    "copy_on_write_faults": constants.COPY_ON_WRITE,
    "collided_faults": constants.COLLIDED,
    "hard_faults": constants.HARD,
}
"""Each kind of fault and its number in the records; page_faults is their sum."""

SUMMARY = {
    "references": "references made",
    "page_faults": "demand_zero + transition + shared + copy_on_write + collided + hard faults",
    "demand_zero_faults": "first touches of private pages that hold nothing (yet, or any more): a zeroed frame, no I/O",
    "transition_faults": "pages found on the standby or a modified list, or in an in-flight write",
    "shared_faults": "pages found valid in another working set",
    "copy_on_write_faults": "stores to a copy-on-write page: a private copy",
    "collided_faults": "waits for a read that another fault had started",
    "hard_faults": "faults that started a read",
    "access_violations": "references to what isn't committed, stores to what is read-only; no page fault",
    "in_page_errors": "hard faults whose read failed",
    "page_reads": "read I/Os",
    "pages_input": "pages read, neighbours included",
    "page_writes": "write I/Os",
    "pages_output": "pages written",
    "repurposed": "standby frames given to another page",
    "dirty_evictions": "repurposed frames whose page had been zeroed or stored to since it came in",
    "trimmed": "pages the balance set manager took out of working sets",
    "replaced": "pages that a fault took out of a working set",
    "commit_peak_pages": "highest commit charge",
    "trimming_ns": "processor time of the balance set manager: looking at pages and trimming them",
    "simulated_ns": "simulated time",
    "page_size": "bytes in a page",
}
"""Keys of the summary and what they count, over the whole run."""

RATES = {
    r"Memory\Page Faults/sec": ("page_faults",),
    r"Memory\Demand Zero Faults/sec": ("demand_zero_faults",),
    r"Memory\Transition Faults/sec": ("transition_faults", "shared_faults", "collided_faults"),
    r"Memory\Write Copies/sec": ("copy_on_write_faults",),
    r"Memory\Page Reads/sec": ("page_reads",),
    r"Memory\Pages Input/sec": ("pages_input",),
    r"Memory\Page Writes/sec": ("page_writes",),
    r"Memory\Pages Output/sec": ("pages_output",),
    r"Memory\Pages/sec": ("pages_input", "pages_output"),
    r"Memory\Transition Pages RePurposed/sec": ("repurposed",),
    r"pagesim\Hard Faults/sec": ("hard_faults",),
    r"pagesim\Collided Faults/sec": ("collided_faults",),
    r"pagesim\Shared Faults/sec": ("shared_faults",),
    r"pagesim\Soft Transition Faults/sec": ("transition_faults",),
}
"""Sampled rates: events since the previous sample, summed over these counts, per simulated second."""
