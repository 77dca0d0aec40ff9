"""Workloads as parameters of workloads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.registry import find
from tests.workloads.examples import make
from workloads.nested import Nested, inside
from workloads.synthetic.mixed import Ingredient, Mixed
from workloads.synthetic.uniform import Uniform

UNIFORM = {"kind": "uniform", "pages": 3, "references": 5}


def test_a_nested_workload_is_an_instance_and_is_written_with_its_defaults() -> None:
    workload = make("idle-busy", workload=UNIFORM, busy=1, idle="2 us")
    assert workload.workload == Nested("uniform", Uniform(pages=3, references=5))
    adapter: TypeAdapter[Any] = TypeAdapter(find("workload", "idle-busy"))
    written = json.loads(adapter.dump_json(workload))
    defaults = {"first_page": 16, "writes": 0.0, "fetches": 0.0, "burst": 1}
    assert written["workload"] == {**UNIFORM, **defaults}
    assert adapter.validate_json(json.dumps(written), strict=True) == workload


def test_python_may_give_instances() -> None:
    nested = Nested("uniform", Uniform(pages=3, references=5))
    assert make("mixed", parts=[{"workload": UNIFORM}]) == Mixed(parts=[Ingredient(workload=nested)])


def test_all_workloads_inside_are_found() -> None:
    idle = {"kind": "idle-busy", "workload": {"kind": "zipf", "pages": 3, "references": 3}, "busy": 1, "idle": 1}
    mixed = make("mixed", parts=[{"workload": UNIFORM}, {"workload": {"kind": "mixed", "parts": [{"workload": idle}]}}])
    assert [nested.kind for nested in inside(mixed)] == ["uniform", "mixed", "idle-busy", "zipf"]
    assert list(inside(Uniform(pages=3, references=5))) == []


@pytest.mark.parametrize(
    ("given", "place", "text"),
    [
        ({**UNIFORM, "pages": 0}, ("workload", "pages"), "greater than or equal to 1"),
        ({**UNIFORM, "pages": 1.5}, ("workload", "pages"), "integer"),
        ({"kind": "uniform", "pages": 3}, ("workload", "references"), "required"),
        ({**UNIFORM, "x": 0}, ("workload",), "x: found the unknown key 'x' of uniform, allowed is one of kind, pages"),
        ({"pages": 3}, ("workload",), "kind: found nothing, allowed is one of "),
        ({"kind": 3}, ("workload",), "kind: found 3, allowed is one of "),
        ({"kind": "unifrom"}, ("workload",), "kind: found 'unifrom', allowed is one of "),
        ("uniform", ("workload",), "found 'uniform', allowed is a mapping with the key 'kind'"),
    ],
)
def test_wrong_parameters_are_told_with_their_place(given: Any, place: tuple[str, ...], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make("idle-busy", workload=given, busy=1, idle=1)
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert text in error["msg"]
