"""Temporal attention on the cue of a T-Maze, of weights that are known."""

from typing import Any

import numpy as np
import pytest

from jaxmem.analysis.attention import Attention
from jaxmem.analysis.looking.junction import cue_seen, last_decisions, on_cue
from jaxmem.cli.main import main
from jaxmem.replay import Episodes

TIME, BATCH = 5, 6


def episodes(obs: np.ndarray) -> Any:
    rows: Any = np.zeros((TIME, BATCH), np.float32)
    length: Any = np.full(BATCH, TIME)
    done: Any = np.ones(BATCH, bool)
    seen: Any = obs
    return Episodes(obs=seen, action=rows, log_prob=rows, deviated=rows, reward=rows, length=length, terminated=done)


def active_maze() -> np.ndarray:
    """Rows see the cue at step 1, but the last one never; all end in a goal cell, where the number is not a cue."""
    obs = np.zeros((TIME + 1, BATCH, 2), np.float32)
    obs[1, :-1, 1] = [1, -1, 1, -1, 1]
    obs[TIME - 1 :, :, 0] = 1
    obs[TIME - 2 :, 0] = 1
    obs[TIME, :, 1] = 1
    return obs


def test_the_cue_is_told_from_the_place():
    obs = active_maze()
    expected = np.zeros((TIME + 1, BATCH), bool)
    expected[1, :-1] = True
    np.testing.assert_array_equal(cue_seen(obs), expected)
    x = np.broadcast_to(np.arange(TIME + 1.0)[:, None, None], (TIME + 1, BATCH, 1))
    np.testing.assert_array_equal(cue_seen(np.concatenate([obs, x], axis=-1), time_step=True), expected)
    # With the position: x, y, cue.
    exposed = np.concatenate([x, obs[..., :1], expected[..., None]], axis=-1)
    np.testing.assert_array_equal(cue_seen(exposed), expected)
    np.testing.assert_array_equal(cue_seen(np.concatenate([exposed, x], axis=-1), time_step=True), expected)


def test_shares_are_by_layer_and_by_how_episodes_ended():
    layers, heads = 2, 2
    weights = np.zeros((layers, heads, BATCH, TIME, TIME), np.float32)
    weights[1, ..., -1, :] = 1 / TIME
    # One head of the first layer looks at the cue where the episode is solved, the other one at the present.
    success = np.array([1.0, 1, 1, 0, 0, 1])
    weights[0, 0, success == 1, -1, 1] = 1
    weights[0, 0, success == 0, -1, 2] = 1
    weights[0, 1, :, -1, -1] = 1
    found = on_cue(last_decisions(Attention(weights, episodes(active_maze()), {"success": success})))
    by_name = {(one.layer, one.group): one for one in found}
    assert len(by_name) == 6
    # The last row has seen no cue.
    assert [by_name[1, group].episodes for group in ("all", "correct", "incorrect")] == [5, 3, 2]
    assert [by_name[1, group].share for group in ("all", "correct", "incorrect")] == pytest.approx([0.3, 0.5, 0])
    # Three episodes are too few for an interval.
    assert np.isnan(by_name[1, "correct"].interval).all()
    low, high = by_name[1, "all"].interval
    assert 0 <= low < 0.3 < high <= 0.5
    for group in ("all", "correct", "incorrect"):
        assert by_name[2, group].share == pytest.approx(1 / TIME) == by_name[2, group].uniform


def test_a_group_without_episodes_is_left_out():
    weights = np.full((1, 1, BATCH, TIME, TIME), 1 / TIME, np.float32)
    found = on_cue(last_decisions(Attention(weights, episodes(active_maze()), {"success": np.ones(BATCH)})))
    assert [one.group for one in found] == ["all", "correct"]


def test_a_run_in_a_t_maze_gets_a_table(tmp_path, capsys):
    fields = "--core.width 8 --network.obs_embed 4 --network.action_embed 4 --network.head 8 --loop.episodes 16"
    more = "--loop.random_episodes 16 --loop.eval_episodes 2 --agent.batch_size 4 --env.length 3"
    command = ["run", "passive_tmaze_20", "--core", "gpt", "--runs", str(tmp_path), "--id", "it"]
    assert main([*command, *fields.split(), *more.split()]) == 0
    folder = tmp_path / "passive_tmaze_20" / "it"
    capsys.readouterr()
    assert main(["look", str(folder)]) == 0
    assert "attention of the last decision to the cue" in capsys.readouterr().out
    columns, *rows = (folder / "look" / "junction.csv").read_text().splitlines()
    assert columns == "layer,episodes,group,on the cue,low,high,uniform"
    every = dict(zip(columns.split(","), rows[0].split(","), strict=True))
    assert (every["layer"], every["episodes"], every["group"], every["uniform"]) == ("1", "64", "all", "0.25")
    assert 0 < float(every["on the cue"]) < 1
    # Options about pictures mean nothing here.
    for option in (["--steps", "9"], ["--frames", "2"], ["--compared", "2"], ["--untrained"]):
        assert main(["look", str(folder), *option]) == 2
        refused = f"{option[0]} is about pictures, and PassiveTMaze-v0 shows none: allowed are --rows"
        assert refused in capsys.readouterr().err
    assert main(["look", str(folder), "--rows", "11"]) == 0
    few = (folder / "look" / "junction.csv").read_text().splitlines()
    assert few[1].startswith("1,11,all,")
    # What was found is on the page about the run.
    assert main(["report", str(folder)]) == 0
    shown = (folder / "report.html").read_text()
    assert "Share of the last decision&#x27;s attention on the cue" in shown
    assert "Not measured" not in shown
