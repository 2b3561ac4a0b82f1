"""Which runs belong together, and what they are called."""

import numpy as np
import pytest
from made_up_runs import made_up

from jaxmem import envs
from jaxmem.analysis import groups as groups_module
from jaxmem.analysis.comparison import notes_on
from jaxmem.analysis.groups import Line, RunData, group_runs, merged_fields

CHANGED = {"discount": 0.9}


@pytest.fixture
def make(tmp_path):
    """Runs in folders of their own."""

    def make(*many):
        return [RunData.read(made_up(tmp_path / str(number), **one)) for number, one in enumerate(many)]

    return make


def test_other_seeds_are_more_seeds_of_one_group(make):
    runs = make(dict(seeds=2, seed=0), dict(seeds=3, seed=1), dict(core="gpt"), dict(seed=5))
    first, second = group_runs(runs)
    assert (first.task, first.algorithm, first.label) == ("passive_tmaze_50", "lstm", "passive_tmaze_50 lstm")
    assert (second.algorithm, len(second.runs), first.apart) == ("gpt", 1, False)
    assert Line(first.label, [first]).curve("eval/return").seeds == (2 + 3 + 1,)


def labels(groups) -> list[tuple[str, str]]:
    return [(group.task, group.algorithm) for group in groups]


def test_what_differs_is_in_the_label(make):
    short, long = "passive_tmaze_50", "passive_tmaze_100"
    fast, slow = dict(agent={"learning_rate": 1e-3}), dict(agent={"learning_rate": 1e-5})
    names = [f"lstm agent.learning_rate={rate}" for rate in (1e-3, 1e-5)]
    runs = make(fast, slow, dict(name=long, **fast), dict(name=long, **slow))
    # On one task, on another one, and on both: an algorithm has one name.
    two = [runs[0], runs[3]]
    assert labels(group_runs(two)) == [(short, names[0]), (long, names[1])]
    three = group_runs(runs[:3])
    assert labels(three) == [(short, names[0]), (short, names[1]), (long, names[0])]
    assert merged_fields(three) == []
    # That presets are known changes nothing where one of them, here the second run's, says something else.
    known = {short: two[0].config, long: {**two[1].config, "agent.learning_rate": 1e-3}}
    assert labels(group_runs(two, lambda run: known[run.experiment])) == [(short, names[0]), (long, names[1])]


def test_what_presets_set_for_each_task_is_not_in_the_label(make):
    runs = make(
        *[dict(name=name, agent=agent) for name in ("quickstart", "passive_tmaze_50") for agent in ({}, CHANGED)]
    )
    usual = {run.experiment: run.config for run in runs[::2]}
    groups = group_runs(runs, lambda run: usual[run.experiment])
    discount = runs[0].config["agent.discount"]
    names = [f"lstm agent.discount={value}" for value in (discount, CHANGED["discount"])]
    assert labels(groups) == [(name, label) for name in ("quickstart", "passive_tmaze_50") for label in names]
    assert merged_fields(groups) == ["agent.epsilon_fraction", "loop.episodes"]
    # Without knowing the presets, nothing says that it is the tasks' doing.
    assert len({group.algorithm for group in group_runs(runs)}) == 4


def test_the_same_seed_twice_is_no_second_sample(make, tmp_path):
    groups = group_runs(make({}, {}))
    assert [group.label for group in groups] == [
        f"passive_tmaze_50 lstm ({tmp_path / str(number)})" for number in range(2)
    ]
    assert any(note.startswith("drawn apart, since runs of one seed are no two samples: ") for note in notes_on(groups))


def test_lengths_come_from_the_environment_or_the_name(make):
    short, long = (envs.options("PassiveTMaze-v0", length=length) for length in (5, 7))
    runs = make(dict(name="quickstart", env=short), dict(name="quickstart", env=long), dict(name="key_to_door_60"))
    assert [(group.task, group.family, group.length) for group in group_runs(runs)] == [
        ("quickstart env.length=5", "quickstart", 5.0),
        ("quickstart env.length=7", "quickstart", 7.0),
        ("key_to_door_60", "key_to_door", 60.0),
    ]


def test_runs_evaluated_at_other_steps_meet_in_between(make, monkeypatch):
    over = {"0"}
    monkeypatch.setattr(groups_module, "finished_rows", lambda run: [] if run.path.name in over else None)
    plans = (dict(seed=0, steps=(0, 100)), dict(seed=1, steps=(0, 50, 200)))
    # Both score their share of the run: one rises to 1 by step 100, the other by step 200.
    (group,) = group_runs(make(*plans))
    curve = Line("both", [group]).curve("eval/return")
    np.testing.assert_array_equal(curve.env_steps, [0, 50, 100, 200])
    np.testing.assert_array_equal(curve.scores[0], [[0, 0.5, 1, 1], [0, 0.25, 0.5, 1]])
    # Unfinished, the first one cannot be told to keep its score.
    over.clear()
    (group,) = group_runs([RunData.read(run.folder) for run in group.runs])
    curve = Line("both", [group]).curve("eval/return")
    np.testing.assert_array_equal(curve.env_steps, [0, 50, 100])
    np.testing.assert_array_equal(curve.end[0], [1, 0.5])


def test_tasks_are_strata(make):
    runs = make(dict(seeds=2), dict(name="passive_tmaze_100", seeds=3, score=lambda seed, part: 3.0 + seed))
    curve = Line("both", group_runs(runs)).curve("eval/return")
    assert curve.seeds == (2, 3)
    np.testing.assert_array_equal(curve.mean, [2.0, 2.25, 2.5])
    np.testing.assert_array_equal(curve.estimate("iqm"), [(0 + 3 + 4) / 3, (0.5 + 3 + 4) / 3, (1 + 3 + 4) / 3])
