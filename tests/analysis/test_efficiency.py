"""Sample efficiency against numbers worked out by hand."""

import numpy as np
import pytest
from made_up_runs import made_up

from jaxmem.analysis import groups as groups_module
from jaxmem.analysis.curves import Curve
from jaxmem.analysis.efficiency import Measured, compare, compare_curves, find_reference, mean_score, steps_to
from jaxmem.analysis.groups import RunData, group_runs
from jaxmem.config import ConfigError

STEPS = np.array([0.0, 100.0, 200.0])
# Linear to 1; and three seeds, of which the second one is there later and the third one never.
REFERENCE = np.array([[0.0, 0.5, 1.0]] * 3)
SLOW = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])


def compared(one: np.ndarray, other: np.ndarray, score: float | None = None):
    return compare_curves("maze", ["one", "other"], Curve("", STEPS, (one, other)), "one", "mean", score)


def assert_measured(found: Measured | None, figures: tuple[float, ...], signs: tuple[str, ...] = ("", "", "")):
    assert found is not None
    np.testing.assert_allclose(found[:3], figures)
    assert found.signs == signs


def test_means_and_steps_of_each_seed():
    np.testing.assert_allclose(mean_score(STEPS, SLOW), [0.75, 0.25, 0.0])
    # Evaluations need not be evenly spaced, nor begin at 0.
    assert mean_score(np.array([10.0, 20.0, 60.0]), np.array([[0.0, 1.0, 2.0]])) == (5 + 60) / 50
    assert mean_score(STEPS[:1], SLOW[:, :1]).tolist() == [0, 0, 0]
    np.testing.assert_allclose(steps_to(STEPS, SLOW, 0.9), [90, 190, np.inf])
    # Who is there at once, and who is there and leaves again.
    assert steps_to(STEPS + 5, np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]), 0.5).tolist() == [5, 55]


def test_a_comparison_with_one_seed_that_never_gets_there():
    found = compared(REFERENCE, SLOW)
    assert (found.task, found.reference, found.env_steps, found.score) == ("maze", "one", 200, 0.9)
    one, other = found.algorithms
    assert (one.algorithm, one.seeds, one.final[0], one.mean[0], one.reached) == ("one", 3, 1, 0.5, 3)
    assert_measured(one.steps, (180, 180, 180), ("", "", ""))
    assert one.difference is one.ratio is None
    assert (other.algorithm, other.seeds, other.reached) == ("other", 3, 2)
    assert_measured(other.final, (2 / 3, 0, 1))
    # Of the means of three draws from 0.75, 0.25 and 0, one in 27 is 0, and one in 27 is 0.75.
    assert_measured(other.mean, (1 / 3, 0, 0.75))
    # The reference has no spread.
    assert_measured(other.difference, (1 / 3 - 0.5, -0.5, 0.25))
    # The median is the second seed's; but of three draws, the third one is the median often enough.
    assert_measured(other.steps, (190, 90, 200), ("", "", ">="))
    assert_measured(other.ratio, (190 / 180, 90 / 180, 200 / 180), ("", "", ">="))


def test_bounds_of_ratios():
    """Where the median seed of one, of the other or of both never gets there."""
    flat = np.zeros((3, 3))
    late = compared(REFERENCE, flat).algorithms[1]
    assert late.reached == 0
    assert_measured(late.steps, (200,) * 3, (">=",) * 3)
    assert_measured(late.ratio, (200 / 180,) * 3, (">=",) * 3)
    early = compared(flat, REFERENCE, score=0.9).algorithms[1]
    assert_measured(early.ratio, (180 / 200,) * 3, ("<=",) * 3)
    unknown = compared(flat, flat, score=0.9).algorithms[1]
    assert_measured(unknown.ratio, (np.nan,) * 3)


def test_no_score_to_reach_where_the_reference_does_not_improve():
    found = compared(np.ones((2, 3)), SLOW)
    assert found.score is None
    assert found.algorithms[1].steps is found.algorithms[1].ratio is None


@pytest.mark.parametrize("seeds", [1, 4])
def test_an_algorithm_against_itself(seeds):
    scores = np.cumsum(np.random.default_rng(0).uniform(0.4, 1.0, (seeds, 3)), axis=1)
    other = compared(scores, scores, score=1.1).algorithms[1]
    for found, even in ((other.difference, 0), (other.ratio, 1)):
        assert found is not None
        assert found.value == even
        assert found.low <= even <= found.high if seeds > 1 else np.isnan([found.low, found.high]).all()


@pytest.fixture
def make(tmp_path):
    """Groups of runs in folders of their own, named by their cores, or by all that differs."""

    def make(*many, by_all=False):
        runs = [RunData.read(made_up(tmp_path / str(number), **one)) for number, one in enumerate(many)]
        return group_runs(runs, lambda run: {} if by_all else run.config)

    return make


def test_over_the_steps_that_all_runs_have(make, monkeypatch):
    """A run that was solved goes on as it ended; others end the comparison, finished or not."""
    runs = [dict(steps=(0, 50, 100)), dict(core="gpt", steps=(0, 100, 200)), dict(core="gru", steps=(0, 200, 400))]
    groups = make(*runs, dict(name="quickstart"), dict(name="quickstart", core="gpt", score=lambda seed, part: 0.0))

    def ends(finished, bound):
        monkeypatch.setattr(groups_module.RunFolder, "read_loop", lambda run: Loop(bound))
        for group in groups:
            for run in group.runs:
                object.__setattr__(run, "finished", finished)
        return [one.env_steps for one in compare(groups, "eval/success", "lstm", "mean")[0]]

    class Loop:
        def __init__(self, bound):
            self.bound = bound

        def is_solved(self, rows):
            return all(row["eval/success"] >= self.bound for row in rows)

    assert ends(True, 1.0) == [400, 100]
    assert ends(True, 2.0) == ends(False, 1.0) == [100, 100]


def test_who_is_the_reference(make):
    rates = [dict(core="gpt", agent={"learning_rate": rate}) for rate in (1e-3, 1e-5)]
    lstm, *gpts = groups = make({}, *rates, by_all=True)
    assert find_reference(groups, "lstm") == find_reference([lstm], "lstm") == lstm.algorithm
    assert find_reference(groups, gpts[0].algorithm) == gpts[0].algorithm == "gpt agent.learning_rate=0.001"
    assert find_reference(gpts[1:], "gpt") == gpts[1].algorithm
    with pytest.raises(ConfigError, match=r"the core of several algorithms: allowed is one of gpt agent\S+, gpt agent"):
        find_reference(groups, "gpt")
    with pytest.raises(ConfigError, match=r"'gru', which none of these runs is of: allowed is one of lstm, gpt agent"):
        find_reference(groups, "gru")


def test_tasks_without_the_reference_are_told(make):
    groups = make({}, dict(core="gpt"), dict(name="quickstart"), dict(name="passive_tmaze_100", core="gpt"))
    found, notes = compare(groups, "eval/success", "lstm", "mean")
    assert [one.task for one in found] == ["passive_tmaze_50"]
    assert notes == [
        "not against lstm: quickstart, of which there is lstm alone",
        "not against lstm: passive_tmaze_100, of which there is nothing of lstm",
    ]
    with pytest.raises(ConfigError, match="no task was run with it and another algorithm"):
        compare(groups[2:], "eval/success", "lstm", "mean")
