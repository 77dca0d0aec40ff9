"""Plug-ins in files of the user's: they work wherever a built-in does, and say what is wrong with them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from experiments.command.cli import main
from simulator import registry

POLICY = '''
from simulator.policies.base import Decision, Policy, np, policy


@policy("{name}")
class Mine(Policy):
    """The page that was referenced longest ago, told by the order of entry alone."""

    def replace(self, view, process):
        sets = [ws for ws in view.working_sets if process in (None, ws.index) and not ws.entries.locked.all()]
        oldest = [(ws.entries.entered[i], int(ws.entries.entry[i])) for ws in sets
                  for i in np.flatnonzero(~ws.entries.locked)[:1]]
        return min(oldest)[1] if oldest else None
'''

COMPILED = '''
from simulator.policies.base import I8, Compiled, Count, Field, Nothing, Policy, Record, policy
from simulator.policies.structures.rounds import oldest


class Own(Record):
    each: I8[int]
    asked: I8[int]


class Hooks(Compiled[Own, Nothing, Nothing]):
    def replace(m, process):
        m.own.asked += m.own.each
        return oldest(m, process, m.own.asked < 0)


@policy("{name}", Hooks)
class Mine(Policy):
    """The page that came in first."""

    each: Count = Field(default=3, ge=1, description="one more for each")
'''

CONFIG = """
machine: {memory: 400 KiB, disks: {d: {model: constant}}}
memory_manager: {model: demand-paging, trimming: {policy: POLICY}}
processes: [{workload: {kind: uniform, pages: 120, references: 5000}}]
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    registry.names("policy")
    monkeypatch.setitem(registry._FOUND, "policy", dict(registry._FOUND["policy"]))


def write(directory: Path, name: str) -> tuple[Path, Path]:
    """A policy's file and a config that names it."""
    (directory / f"{name}.py").write_text(POLICY.replace("{name}", name))
    (directory / "a.yaml").write_text(CONFIG.replace("POLICY", name))
    return directory / f"{name}.py", directory / "a.yaml"


def test_a_policy_of_the_user_s_runs_is_compared_and_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First in, first out once more: the same faults as the built-in's."""
    plugin, config = write(tmp_path, "mine-compared")
    out = tmp_path / "out"
    assert main(["run", str(config), "--plugin", str(plugin), "--out", str(out), "--no-plots", "--json"]) == 0
    mine = json.loads(capsys.readouterr().out)
    fifo = ["--set", "memory_manager.trimming.policy=fifo", "--out", str(tmp_path / "fifo")]
    assert main(["run", str(config), *fifo, "--plugin", str(plugin), "--no-plots", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["page_faults"] == mine["page_faults"]
    assert main(["rerun", str(out)]) == 0
    given = ["--plugin", str(plugin), "--policies", "fifo,mine-compared", "--bounds", "", "--replications", "2"]
    options = ["--workers", "2", "--no-plots", "--json", "--out", str(tmp_path / "both")]
    capsys.readouterr()
    assert main(["compare", str(config), *given, *options]) == 0
    assert json.loads(capsys.readouterr().out)


def test_a_user_s_policy_may_be_compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """First in, first out: the same faults as the built-in's."""
    _, config = write(tmp_path, "fifo")
    faults = []
    for name in ("fifo", "mine-compiled"):
        (tmp_path / "mine.py").write_text(COMPILED.replace("{name}", "mine-compiled"))
        given = ["--plugin", str(tmp_path / "mine.py"), "--set", f"memory_manager.trimming.policy={name}"]
        out = ["--check", "--no-plots", "--json", "--out", str(tmp_path / name)]
        assert main(["run", str(config), *given, *out]) == 0
        faults.append(json.loads(capsys.readouterr().out)["page_faults"])
    assert faults[0] == faults[1] > 0


def test_a_config_may_list_its_plug_ins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin, config = write(tmp_path, "mine-listed")
    config.write_text(f"plugins: [{plugin.name}]\n" + config.read_text())
    assert main(["validate", str(config)]) == 0
    assert main(["list", "policies", "--plugin", str(plugin), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.partition("valid\n")[2])["policies"]
    assert "mine-listed" in [entry["name"] for entry in listed]


def test_a_changed_plug_in_is_noticed_when_a_result_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin, config = write(tmp_path, "mine-changed")
    out = tmp_path / "out"
    assert main(["run", str(config), "--plugin", str(plugin), "--out", str(out), "--no-plots"]) == 0
    plugin.write_text(plugin.read_text() + "\n# changed\n")
    assert main(["rerun", str(out)]) != 0
    assert plugin.name in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1 / 0", "can't be loaded: ZeroDivisionError"),
        ("this is no Python", "can't be loaded: SyntaxError"),
        (POLICY.replace("{name}", "fifo"), "two plug-ins are called policy 'fifo'"),
    ],
)
def test_a_file_that_can_not_be_loaded_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    plugin, config = write(tmp_path, "wrong")
    plugin.write_text(text)
    assert main(["run", str(config), "--plugin", str(plugin)]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "wrong.py" in told
    assert told.count("\n") == 1


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, config = write(tmp_path, "fifo")
    config.write_text(config.read_text() + "\nplugins:\n  - there/is/none.py\n")
    assert main(["validate", str(config)]) == 2
    told = capsys.readouterr().err
    assert f"{config}:7: plugins.0:" in told
    assert "found no such file" in told


def test_plug_ins_go_by_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file given relative to the current directory is found though the config lies elsewhere."""
    plugin, config = write(tmp_path, "mine-elsewhere")
    (tmp_path / "deep").mkdir()
    moved = Path(shutil.move(config, tmp_path / "deep" / "a.yaml"))
    monkeypatch.chdir(tmp_path)
    assert main(["validate", os.path.relpath(moved), "--plugin", plugin.name]) == 0


@pytest.mark.parametrize(
    ("proposal", "why"),
    [("10**6", "isn't in any working set"), ("int(view.working_sets[0].entries.entry[-1]) + 99", "isn't")],
)
def test_a_policy_that_proposes_what_it_may_not_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], proposal: str, why: str
) -> None:
    plugin, config = write(tmp_path, "mine-wrong")
    plugin.write_text(plugin.read_text().replace("min(oldest)[1] if oldest else None", proposal))
    assert main(["run", str(config), "--plugin", str(plugin), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "policy mine-wrong: proposed to replace entry" in told
    assert why in told
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["status"] == "failed"
