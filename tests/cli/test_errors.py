"""Everything a user can get wrong is one line and exit status 2."""

import dataclasses
import json
from pathlib import Path

import pytest

from jaxmem import experiment
from jaxmem.cli.arguments import set_fields
from jaxmem.cli.main import main
from jaxmem.config import Config
from jaxmem.cores import registered_cores

FIELDS = experiment.find("quickstart").config()


def fails(arguments: list[str], capsys) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("jaxmem: ")
    assert captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nosuch"], "unknown command 'nosuch'"),
        (["run"], "no experiment given"),
        (["run", "nosuch"], "unknown experiment or study 'nosuch'"),
        (["run", "rate_tmaze_9"], "did you mean 'rate_tmaze_90'"),
        (["run", "quickstrat"], "did you mean 'quickstart'"),
        (["run", "nosuch.py"], "no experiment file at nosuch.py"),
        (["run", "quickstart", "--core", "nosuch"], ", ".join(registered_cores)),
        (["run", "quickstart", "--agent", "nosuch"], "unknown agent 'nosuch': known are ddqn, sac_discrete"),
        (["run", "quickstart", "--agent.name", "sac_discrete"], "choose an agent with --agent NAME"),
        (["run", "key_to_door_60", "--env.max-frames", "15", "-1", "10"], "env.max_frames is (15, -1, 10): allowed is"),
        (["run", "visual_match_60", "--env.mode", "nosuch"], "env.mode is 'nosuch': allowed is one of passive, active"),
        (["run", "quickstart", "--network.encoder", "cnn"], "network.encoder is 'cnn': env's observations"),
        (["run", "quickstart", "--preset", "nosuch"], "known are best"),
        (["run", "quickstart", "--env.length", "0"], "env.length is 0: allowed is an integer from 1"),
        (["run", "quickstart", "--agent.batch-size", "-1"], "agent.batch_size is -1: allowed is an integer from 1"),
        (["run", "quickstart", "--agent.batch-size", "banana"], "'banana' (expected --agent.batch-size INT)"),
        (
            ["run", "quickstart", "--agent.batchsize", "3"],
            "unknown field 'agent.batchsize' (did you mean 'agent.batch_size'?): known are agent.name, ",
        ),
        (["run", "quickstart", "--agent.batch-size"], "Missing value for argument '--agent.batch-size'"),
        (["run", "quickstart", "extra"], "Unrecognized options: extra"),
        (["run", "quickstart", "--agent", "vtrace", "--agent.temperature", "1"], "unknown field 'agent.temperature'"),
        (
            ["run", "quickstart", "--core", "trxl", "--core.adaptive-span", "maybe"],
            "core.adaptive_span takes no value: allowed are --core.adaptive-span and --core.no-adaptive-span",
        ),
        (["run", "quickstart", "--core.heads", "3"], "core.heads is 3: allowed is a divisor of core.width = 64"),
        (["run", "quickstart", "--core.width", "32"], "core.width is 32: the gpt core needs the width of its input"),
        (["run", "quickstart", "--core.name", "lstm"], "choose a core with --core NAME"),
        (["run", "quickstart", "--loop.episodes", "2000000000"], "a run has at most"),
        (["run", "quickstart", "--agent.batch-size", "10000000000"], "agent.batch_size is 10000000000"),
        (["run", "quickstart", "--loop.updates", "1000000", "--loop.episodes", "1000000"], "updates"),
        (["sweep", "passive_tmaze_{50"], "braces in 'passive_tmaze_{50': allowed are {a,b} and {1..5}"),
        (["render", "PassiveTMaze-v0", "--seed", "18446744073709551616"], "is not an integer >= 0"),
        (["run", "--resume", "nosuch"], "no run folder at nosuch"),
        (["run", "quickstart", "--resume", "nosuch"], "'quickstart' cannot be given beside it"),
        (["run", "--resume", "nosuch", "--seeds", "3"], "'--seeds' cannot be given beside it"),
        (["plot"], "the following arguments are required"),
        (["plot", "nosuch"], "no run folder at nosuch"),
        (["evaluate", "nosuch"], "no run folder at nosuch"),
        (["evaluate", "nosuch", "--episodes", "0"], "'0' is not an integer >= 1"),
        (["render"], "no environment given"),
        (["render", "nosuch"], "unknown environment 'nosuch'"),
        (["render", "CartPole-v1"], "has no picture"),
        (["render", "PassiveTMaze-v0", "--length", "0"], "env.length is 0"),
        (["render", "PassiveTMaze-v0", "--out", "x.txt"], ".gif or .png"),
        (
            ["render", "PassiveTMaze-v0", "--policy", "orcle"],
            "'orcle' (did you mean 'oracle'?): known are random, oracle",
        ),
        (["list", "nosuch"], "unknown list 'nosuch'"),
    ],
)
def test_wrong_arguments(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in fails(arguments, capsys)
    assert list(tmp_path.iterdir()) == []


def numeric_fields() -> list[str]:
    found = []
    for group in (FIELDS, FIELDS.env, FIELDS.core, FIELDS.agent, FIELDS.network, FIELDS.loop):
        for field in dataclasses.fields(group):
            if not isinstance(getattr(group, field.name), Config) and field.name not in ("id", "name"):
                found.append(f"{group.path}.{field.name}".lstrip("."))
    return found


@pytest.mark.parametrize("field", numeric_fields())
def test_no_field_takes_a_banana(field, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flag = "--" + field.replace("_", "-")
    error = fails(["run", "quickstart", flag, "banana"], capsys)
    # A switch takes no value, so the word is what is left over; everything else names its field.
    assert field in error or flag in error or "banana" in error


@pytest.mark.parametrize("where", ["file/inside", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written(where, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("not a folder")
    assert "cannot be written" in fails(["run", "quickstart", "--runs", where], capsys)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (None, "has no config.json"),
        ("{", "cannot be read"),
        ("[]", "is not the configuration of a run"),
        ('{"config": {"env": 3}}', "not the configuration of a run"),
    ],
)
@pytest.mark.parametrize("command", [["run", "--resume"], ["evaluate"], ["plot"]], ids=" ".join)
def test_folders_that_hold_no_run(command, config, says, capsys, tmp_path):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    assert says in fails([*command, str(tmp_path)], capsys)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seeds": 0}, "seeds is 0"),
        ({"surprise": 1}, "surprise"),
        ({"env": {"id": "Mine-v0"}}, "--file"),
    ],
)
@pytest.mark.parametrize("command", [["run", "--resume"], ["evaluate"]], ids=" ".join)
def test_configurations_that_cannot_be_built(command, change, says, capsys, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"config": FIELDS.to_json() | change}))
    assert says in fails([*command, str(tmp_path)], capsys)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "has no list EXPERIMENTS"),
        ("EXPERIMENTS = 3", "has no list EXPERIMENTS"),
        ("import nosuchmodule", "nosuchmodule"),
    ],
)
def test_broken_experiment_files(code, says, capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(code)
    assert says in fails(["run", str(path)], capsys)


def test_a_users_file_may_hold_dataclasses_and_lie_anywhere(tmp_path, capsys):
    place = tmp_path / "odd.py.place"
    place.mkdir()
    path = place / "mine.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass A:\n    x: int = 1\nEXPERIMENTS = []\n"
    )
    assert "unknown experiment in" in fails(["run", str(path)], capsys)
    path.write_text("x = 1\n1 / 0\n")
    assert "line 2, fails: ZeroDivisionError" in fails(["run", f"{path}:x"], capsys)


def test_help_and_lists(capsys):
    assert main(["--help"]) == 0
    assert main(["--version"]) == 0
    for command in ("run", "sweep", "plot", "evaluate", "render", "list"):
        try:
            assert main([command, "--help"]) == 0
        except SystemExit as done:
            assert done.code == 0
    for what in ("experiments", "cores", "agents"):
        assert main(["list", what]) == 0
    output = capsys.readouterr().out
    for name in ("passive_tmaze_1500", "active_tmaze_500", "quickstart", "lstm", "ddqn"):
        assert name in output


def test_none_is_a_word_to_fields_of_text_and_nothing_to_others():
    arguments = ["--env.occlude", "none", "--agent.freeze=none", "--agent.context", "none", "--loop.stop-return=none"]
    config = set_fields(experiment.find("pendulum_p").config(), arguments, "jaxmem run")
    assert config.env.occlude == "none"  # type: ignore[attr-defined]
    assert config.agent.freeze == "none"  # type: ignore[attr-defined]
    assert config.agent.context is None  # type: ignore[attr-defined]
    assert config.loop.stop_return is None
