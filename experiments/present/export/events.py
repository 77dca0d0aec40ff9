"""Events of the Trace Event Format, which ui.perfetto.dev and chrome://tracing both open, written one by one.

The format is JSON: Google, "Trace Event Format" (2016). Its times are microseconds; here they have three decimals, so
every nanosecond is kept. A file may be compressed with gzip, which both viewers open as well.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

Event = str
"""One event as JSON text, without a comma."""

LEVEL = 6
"""of gzip: higher ones cost more time than they save"""


def microseconds(nanoseconds: int) -> str:
    """A time as the format has it: 1500 is "1.500"."""
    return f"{nanoseconds // 1000}.{nanoseconds % 1000:03d}"


def text(value: object) -> str:
    """A value as JSON on one line, ASCII only."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def slice_event(
    place: str, category: str, name: str, start: int, end: int, arguments: str = "", colour: str = ""
) -> Event:
    """A slice of a track from `start` to `end`, nanoseconds; `place` is of `track`, `name` and `arguments` JSON.
    `colour` is one of the format's own, which Perfetto doesn't look at."""
    shown = f',"args":{arguments}' if arguments else ""
    shown += f',"cname":"{colour}"' if colour else ""
    return (
        f'{{"ph":"X",{place},"cat":"{category}","name":{name},"ts":{microseconds(start)},'
        f'"dur":{microseconds(end - start)}{shown}}}'
    )


def waiting_events(place: str, category: str, name: str, number: int, start: int, end: int) -> Iterator[Event]:
    """Begin and end of a slice that may overlap others of its process; `number` tells it from them."""
    head = f'{place},"cat":"{category}","name":{name},"id2":{{"local":"{number}"}}'
    yield f'{{"ph":"b",{head},"ts":{microseconds(start)}}}'
    yield f'{{"ph":"e",{head},"ts":{microseconds(end)}}}'


def counter_event(process: int, name: str, time: int, values: Mapping[str, float]) -> Event:
    """New values of a counter's series; several series are stacked in chrome://tracing, and tracks in Perfetto."""
    return f'{{"ph":"C","pid":{process},"name":{text(name)},"ts":{microseconds(time)},"args":{text(dict(values))}}}'


def track(process: int, thread: int) -> str:
    """Where an event stands, as part of its JSON."""
    return f'"pid":{process},"tid":{thread}'


def process_names(process: int, name: str, place: int) -> Iterator[Event]:
    """What a process is called, and its place from above."""
    yield text({"ph": "M", "pid": process, "name": "process_name", "args": {"name": name}})
    yield text({"ph": "M", "pid": process, "name": "process_sort_index", "args": {"sort_index": place}})


def thread_names(process: int, thread: int, name: str, place: int) -> Iterator[Event]:
    """What a thread is called, and its place in its process."""
    head = {"ph": "M", "pid": process, "tid": thread}
    yield text({**head, "name": "thread_name", "args": {"name": name}})
    yield text({**head, "name": "thread_sort_index", "args": {"sort_index": place}})


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """A file to write text into, compressed if its name ends in .gz; the same text gives the same bytes."""
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            with io.TextIOWrapper(raw, "utf-8", newline="\n") as file:
                yield file
            return
        with gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed, io.TextIOWrapper(packed, "utf-8") as file:
            yield file


def write(file: TextIO, events: Iterator[Event], about: Mapping[str, Any]) -> int:
    """Write a whole trace; returns the number of events. `about` is kept as its `otherData`."""
    file.write('{"displayTimeUnit":"ns","otherData":' + text(about) + ',"traceEvents":[')
    count = 0
    for event in events:
        file.write(",\n" if count else "\n")
        file.write(event)
        count += 1
    file.write("\n]}\n")
    return count
