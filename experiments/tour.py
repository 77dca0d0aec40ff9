"""A tour of the Python API: `python -m experiments.tour`, or cell by cell in any editor that knows `# %%`.

What it prints is in tests/experiments/tour.txt, and a test compares. In a notebook `result`, `comparison` or `points`
as a cell's last line shows the same as HTML tables, and `result.plot(...)` the figure.
"""

# ruff: noqa: T201 (it is for reading)

# %% An experiment is built from plain values: the keys of a config as keywords, sizes and times with units.
# It is checked at once, and everything that isn't said has a default.
from pathlib import Path
from tempfile import TemporaryDirectory

import pagesim

crowded = pagesim.experiment(
    name="crowded",
    machine={"memory": "2 MiB", "processors": 2},
    processes=[
        {"name": "database", "workload": {"kind": "zipf", "pages": 500, "references": 60_000, "writes": 0.2}},
        {"name": "backup", "start": "1 ms", "workload": {"kind": "sequential", "pages": 400, "passes": 2}},
    ],
)
print(repr(crowded))

# %% A mistake is one line that says where, what was found and what is allowed.
try:
    crowded.with_({"machine.memory": "2 MB"})
except pagesim.BadInput as error:
    print(f"\n{error}")

# %% A run leaves no files. `repr` is a line; `print` shows the table that `pagesim run` prints.
result = crowded.run()
print(f"\n{result!r}\n\n{result}")

# %% Its frames are pandas frames. How long does a hard fault of each process wait?
hard = result.faults[result.faults["kind"] == "hard"]
latencies = hard.groupby("process", observed=True)["latency_ns"].describe(percentiles=[0.5, 0.99]).round()
print(f"\n{latencies.reset_index().to_string(index=False)}")

# %% A plot is a matplotlib figure, which says in words what it shows.
figure = result.plot("page-lists")
print(f"\n{result.plots()}\n{figure.alt}")

# %% An experiment never changes: `with_` gives another one. What if there were less memory?
tighter = crowded.with_({"machine.memory": "1.5 MiB"}).run()
before, after = (one.summary["processes"]["database"]["slowdown"] for one in (result, tighter))
print(f"\nThe database takes {before:.1f} times as long as in unlimited memory; with 1.5 MiB, {after:.1f} times.")

# %% Or another policy? Each is run on the same references, several times with other seeds. `print` shows the tables.
comparison = crowded.compare(["windows", "clock", "fifo"], replications=3)
print(f"\n{comparison!r}")

# %% A sweep keeps its points in a directory as it goes, and gives one row for each: a pandas frame.
scratch = TemporaryDirectory()
grid = {"machine.memory": ["1 MiB", "1.5 MiB", "2 MiB"], "memory_manager.trimming.policy": ["windows", "clock"]}
points = crowded.sweep(grid, out=Path(scratch.name, "sweep"))
print(f"\n{points!r}")
best = points.loc[points.groupby("machine.memory")["hard_faults"].idxmin()]
print(f"\n{best[['machine.memory', 'memory_manager.trimming.policy', 'hard_faults']].to_string(index=False)}")
print(f"\n{points.curves().alt}")

# %% What is saved, the command takes as well (`pagesim report`, `plot`, `why`, `rerun`), and `load` reads it back.
place = result.save(Path(scratch.name, "crowded"))
print(f"\n{len(pagesim.load(place).faults()):,} faults are in the log of the saved run.")
scratch.cleanup()

# %% The config as the text of a file, for `pagesim run` and `pagesim.read`.
print(f"\n{crowded.yaml()}", end="")
