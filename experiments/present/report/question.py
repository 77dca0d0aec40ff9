"""The question: what the config's author says of it, and the machine and its processes at a glance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from experiments import listing
from experiments.present.numbers import show
from experiments.present.report.page import Code, Details, Part, Quote
from experiments.present.table import Cell, Column, Table, text_column
from simulator import registry
from simulator.config import Disk

Config = Mapping[str, Any]
MOST_VALUES = 60
"""characters of a parameter's value that a table shows"""


def comment(manifest: Mapping[str, Any]) -> list[Part]:
    """The comment that the config begins with, in paragraphs; nothing if there is none or it isn't known."""
    text = str((manifest.get("source") or {}).get("comment", ""))
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return [Quote(paragraphs)] if paragraphs else []


def machine_sentence(config: Config, memory: bool = True) -> str:
    """What runs on what, such as "Four processes share 16 MiB of memory and 2 processors; pages go to disk0 (nvme).";
    without `memory` its size is left out."""
    machine, manager = config["machine"], config["memory_manager"]
    count = sum(group["copies"] for group in config["processes"])
    names = and_list([_group(group) for group in config["processes"][:6]] + (["others"] if len(config["processes"]) > 6
                     else []))  # fmt: skip
    who = f"One process ({names}) has" if count == 1 else f"{count} processes ({names}) share"
    size = f"{show(machine['memory'], 'bytes')} of memory and " if memory else ""
    processors = "1 processor" if machine["processors"] == 1 else f"{machine['processors']} processors"
    disks = and_list(f"{name} ({disk['model']})" for name, disk in machine["disks"].items())
    where = f"; pages are kept on {disks}" if disks else ""
    if manager["model"] != "windows":
        return f"{who} {size}{processors}{where}. The memory manager's model is {manager['model']}."
    return f"{who} {size}{processors}{where}."


def _group(group: Config) -> str:
    return f"{group['copies']} of {group['name']}" if group["copies"] > 1 else str(group["name"])


def and_list(names: Iterable[str]) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"."""
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def glance(config: Config) -> list[Part]:
    """The machine and its processes in two tables, and the whole config for who wants it."""
    text = yaml.safe_dump(dict(config), sort_keys=True, allow_unicode=True, width=100)
    machine = [text_column("part"), text_column("value")]
    columns = [text_column("process"), Column("copies", "count"), Column("starts", "ns"), Column("working set"),
               text_column("workload"), text_column("parameters", wrap=True)]  # fmt: skip
    return [
        Table("The machine", machine, _machine_rows(config), name="machine"),
        Table("What runs on it", columns, [_process_row(group) for group in config["processes"]], name="workloads"),
        Details("The whole config, defaults included (bytes and nanoseconds)", [Code(text, "The whole config")]),
    ]


def _machine_rows(config: Config) -> list[tuple[str, str]]:
    machine, manager = config["machine"], config["memory_manager"]
    size, page = machine["memory"], machine["page_size"]
    rows = [
        ("memory", f"{show(size, 'bytes')}: {size // page:,} frames of {show(page, 'bytes')}"),
        ("processors", f"{machine['processors']}, quantum {show(machine['quantum'], 'ns')}"),
        ("memory manager", str(manager["model"])),
        ("trimming", _named(manager["trimming"], "policy", "policy")),
    ]  # fmt: skip
    rows += [(f"disk {name}", _named(disk, "model", "disk")) for name, disk in machine["disks"].items()]
    rows += [(f"file {name}", show(file["size"], "bytes")) for name, file in machine.get("files", {}).items()]
    if config.get("duration"):
        rows.append(("duration", show(config["duration"], "ns")))
    return rows


def _named(found: Config, key: str, point: str) -> str:
    rest = parameters({name: value for name, value in found.items() if name != key}, point, str(found[key]))
    return f"{found[key]} ({rest})" if rest else str(found[key])


def parameters(found: Config, point: str, name: str) -> str:
    """The parameters of a plug-in in one line, in their order; those that have their defaults or say nothing are left
    out, long values cut short. `point` and `name` say which plug-in it is."""
    known = listing.parameters(Disk) if point == "disk" else {}
    if name in registry.names(point):
        known |= listing.parameters(registry.find(point, name))
    shown = {
        key: value for key, value in found.items()
        if value not in (None, {}, [], "") and ("default" not in known.get(key, {}) or known[key]["default"] != value)
    }  # fmt: skip
    units = {"period": "Time"} | {key: one.get("unit") for key, one in known.items()}
    return ", ".join(f"{key.replace('_', ' ')} {_value(value, units.get(key))}" for key, value in shown.items())


def _value(value: Any, unit: str | None) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if unit is not None and isinstance(value, int):
        return show(value, "ns") if unit == "Time" else show(value, "bytes")
    text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_VALUES else f"{text[: MOST_VALUES - 1]}…"


def _process_row(group: Config) -> list[Any]:
    limits = group["working_set"]
    hard = ", hard maximum" if limits["hard_maximum"] else ""
    workload = dict(group["workload"])
    kind = str(workload.pop("kind"))
    name = f"{group['name']} (foreground)" if group.get("foreground") else str(group["name"])
    return [
        name,
        group["copies"],
        group["start"] or Cell("at once", 0),
        Cell(f"{show(limits['minimum'], 'bytes')} to {show(limits['maximum'], 'bytes')}{hard}", limits["maximum"]),
        kind,
        parameters(workload, "workload", kind),
    ]
