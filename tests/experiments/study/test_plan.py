"""What `sweep:` may say, which settings it means, and in which order they are run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.frames import column
from experiments.errors import BadInput
from experiments.present.sweep import short
from experiments.spec.document import Document
from experiments.spec.experiment import from_document, swept
from experiments.spec.factors import factors, settings
from experiments.spec.schema import config_schema
from experiments.study.plan import corners_first, replication_seed
from experiments.study.sweep import planned

PROCESS = {"name": "p", "workload": {"kind": "sequential", "pages": 3}}


def document(sweep: Any, **changes: Any) -> Document:
    return Document("f.yaml", {"name": "n", "processes": [PROCESS], "sweep": sweep, **changes}, {}, Path())


def written(sweep: Any) -> list[dict[str, Any]]:
    return [{one.key: one.value for one in row} for row in settings(factors(document(sweep)))]


def test_a_mapping_is_a_grid_whose_last_key_changes_fastest() -> None:
    grid = {"a": [1, 2], "b": ["x", "y"]}
    expected = [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]
    assert written(grid) == written({"grid": grid}) == expected


def test_zipped_keys_change_together_and_points_are_listed() -> None:
    assert written({"zip": {"a": [1, 2], "b": [3, 4]}}) == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    assert written({"points": [{"a": 1}, {"b": 2, "a": 3}]}) == [{"a": 1}, {"b": 2, "a": 3}]


def test_grid_zip_and_points_multiply() -> None:
    found = written({"points": [{"d": 5}, {"e": 6}], "grid": {"c": [7]}, "zip": {"a": [1, 2], "b": [3, 4]}})
    assert found == [
        {"d": 5, "c": 7, "a": 1, "b": 3},
        {"d": 5, "c": 7, "a": 2, "b": 4},
        {"e": 6, "c": 7, "a": 1, "b": 3},
        {"e": 6, "c": 7, "a": 2, "b": 4},
    ]


def test_a_key_is_set_before_those_inside_of_it() -> None:
    policy = "memory_manager.trimming"
    sweep = {f"{policy}.period": ["2 ms", "3 ms"], policy: [{"policy": "fifo"}, {"policy": "clock", "period": "9 ms"}]}
    found = [
        (one.memory_manager.trimming.policy, one.memory_manager.trimming.period) for _, one in swept(document(sweep))
    ]
    assert found == [("fifo", 2_000_000), ("clock", 2_000_000), ("fifo", 3_000_000), ("clock", 3_000_000)]


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        (3, "sweep: found 3, allowed is a mapping"),
        ({"grid": {"machine.memory": ["1 MiB"]}, "machine.processors": [1]},
         "sweep.machine.processors: found 'machine.processors', allowed is one of grid, zip, points"),
        ({"grid": [1]}, "sweep.grid: found a list of 1, allowed is a mapping of dotted keys to lists"),
        ({"zip": {"seed": [1, 2], "duration": [1]}}, "sweep.zip.duration: found a list of 1, allowed is one of 2, as"),
        ({"points": {}}, "sweep.points: found a mapping, allowed is a list of mappings"),
        ({"points": [{"seed": 1}, {}]}, "sweep.points.1: found a mapping, allowed is a mapping of dotted keys to"),
        ({"grid": {"seed": [1]}, "points": [{"seed": 2}]}, "sweep.points.0.seed: found the key 'seed' a second time"),
        ({"sweep": [1]}, "found the key 'sweep', allowed is a dotted key of the config"),
        ({"a..b": [1]}, "found the key 'a..b', allowed is a dotted key of the config"),
        ({"seed": list(range(1000)), "duration": list(range(1, 1000))}, "sweep: found 999000 points, allowed are"),
        ({"machine.memory": ["1 MiB", "many"]}, "sweep: machine.memory=many: machine.memory: found 'many'"),
        ({"processes.q.start": ["1 s"]}, "sweep: processes.q.start=1 s: found 'q' in processes, allowed is one of"),
        ({"memory_manager.trimming.policy": ["windows", "clock"], "memory_manager.trimming.age_share": [0.5]},
         "sweep: memory_manager.trimming.age_share=0.5: memory_manager.trimming.age_share: policy clock: found"),
        ({"machine.files": [{}]}, "sweep: machine.files=a mapping: f.yaml: processes.0.regions.0.file: found 'f'"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_told_in_a_line(sweep: Any, said: str) -> None:
    process = {**PROCESS, "regions": [{"first": 0, "pages": 1, "file": "f"}]}
    files = {"machine": {"files": {"f": {"size": "4 KiB"}}}}
    with pytest.raises(BadInput) as raised:
        from_document(document(sweep, processes=[process], **files))
    assert said in str(raised.value)
    assert str(raised.value).startswith("f.yaml")


def test_points_that_are_the_same_run_are_refused() -> None:
    with pytest.raises(BadInput, match=r"found machine.memory=1024 KiB to be the same run as machine.memory=1 MiB"):
        planned(document({"machine.memory": ["1 MiB", "2 MiB", "1024 KiB"]}))


def test_parameters_are_typed() -> None:
    sweep = {
        "points": [
            {"duration": "2 ms", "machine.memory": "3*4 KiB", "observe.fault_log": False, "processes.p.start": "1 us"},
            {"machine.disks": {"d": {"model": "hdd"}}, "memory_manager.low_memory": 5, "processes.0.copies": 2},
        ]
    }
    first, second = (point.parameters for point in planned(document(sweep)).points)
    assert first == {
        "duration": 2_000_000, "machine.memory": 12288, "observe.fault_log": False, "processes.p.start": 1000,
    }  # fmt: skip
    assert second == {"machine.disks.d.model": "hdd", "memory_manager.low_memory": 5, "processes.0.copies": 2}


def test_a_point_keeps_its_name_and_its_key_when_the_sweep_grows() -> None:
    small = planned(document({"machine.memory": ["1 MiB", "2 MiB"], "seed": [1]}))
    large = planned(document({"machine.memory": ["1 MiB", "3 MiB", "2 MiB"], "seed": [1, 2]}))
    names = {point.name: point.key for point in large.points}
    assert len(names) == 6
    assert {point.name: point.key for point in small.points}.items() <= names.items()


def test_a_point_is_named_after_what_is_written() -> None:
    points = planned(
        document({"machine.memory": ["3*4 KiB", "16 MiB"], "memory_manager.trimming": [{"policy": "lru"}]})
    ).points
    assert [point.name.rpartition("-")[0] for point in points] == ["3x4KiB-policylru-r0", "16MiB-policylru-r0"]


def test_seeds_are_drawn_as_in_a_comparison_unless_they_are_swept() -> None:
    points = planned(document({"machine.memory": ["1 MiB", "2 MiB"]}, seed=9), replications=2).points
    assert [point.seed for point in points] == [replication_seed(9, 0), replication_seed(9, 1)] * 2
    assert [point.seed for point in planned(document({"seed": [4, 5]})).points] == [4, 5]


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=3))
def test_the_order_is_a_permutation_that_begins_with_the_corners(sizes: list[tuple[int, bool]]) -> None:
    order = corners_first(sizes)
    count = 1
    for size, _ in sizes:
        count *= size
    assert sorted(order) == list(range(count))
    corners = 1
    for size, ordered in sizes:
        corners *= min(size, 2) if ordered else size
    for number in order[:corners]:
        for size, ordered in reversed(sizes):
            number, place = divmod(number, size)
            assert not ordered or place in (0, size - 1)


def test_middles_come_before_quarters() -> None:
    """Five by two, by hand: corners 0, 1, 8, 9; then the middle row's 4, 5; then the quarters'."""
    assert corners_first([(5, True), (2, True)]) == [0, 1, 8, 9, 4, 5, 2, 3, 6, 7]


def test_replications_are_run_one_after_the_other() -> None:
    plan = planned(document({"machine.memory": ["1 MiB", "2 MiB", "3 MiB"]}), replications=2)
    assert [(point.written["machine.memory"], point.replication) for point in (plan.points[n] for n in plan.order)] == [
        ("1 MiB", 0), ("3 MiB", 0), ("2 MiB", 0), ("1 MiB", 1), ("3 MiB", 1), ("2 MiB", 1),
    ]  # fmt: skip


def test_columns_have_one_type_that_holds_all_values() -> None:
    assert str(column([1, 2]).dtype) == "int64"
    assert str(column([1, None]).dtype) == "Int64"
    assert str(column([1, 2**63]).dtype) == "uint64"
    assert str(column([1, 0.5]).dtype) == "float64"
    assert str(column([None, 0.5]).dtype) == "Float64"
    assert str(column([True, None]).dtype) == "boolean"
    assert list(column(["a", 1, True])) == ["a", "1", "true"]


def test_headings_are_as_short_as_can_be() -> None:
    keys = ["machine.memory", "processes.a.start", "processes.b.start"]
    assert short(keys) == ["memory", "a.start", "b.start"]


def test_the_schema_tells_both_forms() -> None:
    forms = config_schema()["properties"]["sweep"]["anyOf"]
    assert forms[0]["additionalProperties"]["type"] == "array"
    assert set(forms[1]["properties"]) == {"grid", "zip", "points"}
