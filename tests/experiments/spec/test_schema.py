from __future__ import annotations

import json
from typing import Any

from experiments.spec.schema import config_schema
from simulator import registry
from tests.experiments.conftest import Command


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if "$ref" in node else set()
        return found.union(*(_references(child) for child in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(child) for child in node))
    return set()


def test_every_plugin_is_in_the_schema_with_its_parameters_beside_the_name() -> None:
    definitions = config_schema()["$defs"]
    for holder, point, key in (
        ("Disk", "disk", "model"),
        ("Trimming", "policy", "policy"),
        ("Workload", "workload", "kind"),
    ):
        alternatives = definitions[holder]["anyOf"]
        assert [one["properties"][key]["const"] for one in alternatives] == registry.names(point)
        assert all(one["additionalProperties"] is False for one in alternatives)
        assert not any("parameters" in one["properties"] for one in alternatives)


def test_a_name_may_be_left_out_only_where_it_has_a_default() -> None:
    alternatives = {one["properties"]["model"]["const"]: one for one in config_schema()["$defs"]["Disk"]["anyOf"]}
    assert "model" not in alternatives["nvme"]["required"]
    assert "model" in alternatives["hdd"]["required"]


def test_every_reference_leads_somewhere() -> None:
    schema = config_schema()
    assert _references(schema) <= {f"#/$defs/{name}" for name in schema["$defs"]}


def test_sizes_and_times_say_their_units() -> None:
    schema = config_schema()
    assert schema["$defs"]["Machine"]["properties"]["memory"]["$ref"] == "#/$defs/Size"
    assert schema["$defs"]["Machine"]["properties"]["quantum"]["$ref"] == "#/$defs/Time"
    assert "MiB" in schema["$defs"]["Size"]["description"]
    assert "ms" in schema["$defs"]["Time"]["description"]


def test_only_processes_are_required() -> None:
    assert config_schema()["required"] == ["processes"]


def test_the_command_prints_it(pagesim: Command) -> None:
    status, out, err = pagesim("schema")
    assert (status, err) == (0, "")
    assert json.loads(out) == config_schema()
