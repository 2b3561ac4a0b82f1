"""Memory and credit-assignment lengths, estimated from agents whose lengths are known, and from a run's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.agents import AgentOptions, Decision
from jaxmem.analysis import estimates
from jaxmem.analysis.credit_estimate import PairedReturns, paired_returns, spread_times
from jaxmem.analysis.estimate_drawing import draw_estimates
from jaxmem.analysis.estimates import doubled_windows, estimate
from jaxmem.analysis.statistics import Interval
from jaxmem.analysis.window_estimate import WindowReturns, window_distances, window_returns
from jaxmem.config import ConfigError, flag, text
from jaxmem.networks import Inputs, episode_inputs
from jaxmem.replay import Episodes
from jaxmem.training.collect import collect
from jaxmem.training.folder import RunFolder
from jaxmem.training.loop import Program

RIGHT, UP, LEFT, DOWN = range(4)
KEY = jax.random.key(3)


class Runner(NamedTuple):
    """Walks to the junction of a T-Maze and turns as the first cue said that it has seen; up if it has seen none.

    With `fetches` it begins with a step to the left. Its memory is the cue.
    """

    fetches: bool
    metric_names: tuple[str, ...] = ()

    def initial_carry(self, batch_size: int) -> jax.Array:
        return jnp.full((batch_size,), 7.0)  # What is left of an episode before, to be forgotten at its start.

    def act(
        self, state: Any, carry: jax.Array, inputs: Inputs, start: jax.Array, *_: Any, **__: Any
    ) -> tuple[jax.Array, Decision]:
        # As everywhere the first action and reward are hidden.
        carry = jnp.where(start & (inputs.prev_action == -1) & (inputs.prev_reward == 0), 0, carry)
        at_junction, cue = inputs.obs[:, 0] == 1, inputs.obs[:, 1]
        carry = jnp.where((carry == 0) & ~at_junction, cue, carry)
        action = jnp.where(at_junction, jnp.where(carry < 0, DOWN, UP), RIGHT)
        action = jnp.where(start & self.fetches, LEFT, action)
        return carry, Decision(action.astype(jnp.int32), jnp.zeros_like(carry))

    def behaviour(self, *arguments: Any, **options: Any) -> tuple[jax.Array, jax.Array]:
        carry, decision = self.act(*arguments, **options)
        return carry, jnp.log(jax.nn.one_hot(decision.action, 4))


@dataclass(frozen=True)
class RunnerOptions(AgentOptions):
    name: str = text("runner")
    fetches: bool = flag(False)

    def make(self, *_: Any) -> Any:
        return Runner(self.fetches)


class NothingLearned(NamedTuple):
    """Of a run, what estimates look at."""

    agent: tuple[()] = ()


def runner(env: str, fetches: bool = False, **options: Any) -> tuple[Program, Any]:
    config = small_config(env=envs.options(env, **options), agent=RunnerOptions(fetches=fetches))
    return Program(config), NothingLearned()


def test_passive_maze():
    program, run = runner("PassiveTMaze-v0", length=4)
    horizon = program.task.horizon
    returns = window_returns(program, run, range(1, horizon + 1), 64, KEY)
    assert returns.windows == (1, 2, 3, 4, 5)
    assert returns.returns.shape == returns.success.shape == (6, 64)
    np.testing.assert_array_equal(returns.returns, returns.success)
    assert (returns.returns[4:] == 1).all()
    # All others guess, and the episodes are the same ones.
    assert 0.3 < returns.mean[0] < 0.7
    np.testing.assert_array_equal(returns.returns[:4], returns.returns[[0] * 4])
    assert (returns.memory_length, returns.memory_range) == (horizon, (horizon, horizon))
    some = window_returns(program, run, [2], 64, KEY)
    assert some.memory_range == (3, horizon)

    distances = window_distances(program, run, [1, 4, 5, 9], 64, KEY)
    np.testing.assert_allclose(distances.distance[0], (1 - returns.success[0]) / horizon, rtol=1e-6)
    np.testing.assert_array_equal(distances.distance[0], distances.distance[1])
    assert (distances.distance[2:] == 0).all()
    assert (distances.band.low <= distances.mean).all()

    # Whoever loses a step hears of it at once.
    paired = paired_returns(program, run, None, 32, KEY)
    assert paired.times == (0, 1, 2, 3, 4)
    assert paired.credit_lengths.tolist() == [1] * 5
    assert (paired.credit_length, paired.credit_range) == (1, (1, 1))
    np.testing.assert_allclose(paired.difference[0, UP], [0.25, 0.5, 0.75, 1, 2], rtol=1e-6)
    np.testing.assert_allclose(paired.returns[0, :, 0], [0, -0.25, -0.25, -0.25])
    assert paired.pairs[:4].tolist() == [[0, 32, 32, 32]] * 4
    assert paired.pairs[4, [RIGHT, LEFT]].tolist() == [32, 32]
    assert paired.pairs[4, UP] + paired.pairs[4, DOWN] == 32
    assert np.isnan(paired.difference[0, RIGHT]).all()
    assert not paired.improvable.any()


def test_passive_maze_that_pays_at_the_end():
    program, run = runner("PassiveTMaze-v0", length=3, penalty=0.0)
    paired = paired_returns(program, run, [0, 1, 3], 16, KEY, discount=0.5)
    assert paired.credit_lengths.tolist() == paired.earliest.tolist() == [4, 3, 1]
    assert paired.credit_length == program.task.horizon
    np.testing.assert_array_equal(paired.returns[0, RIGHT], [0, 0, 0, 1 / 8])
    # It stays what it is beyond the end.
    np.testing.assert_array_equal(paired.returns[1, RIGHT], [0, 0, 1 / 4, 1 / 4])


def test_active_maze():
    program, run = runner("ActiveTMaze-v0", fetches=True, length=3)
    horizon = program.task.horizon
    returns = window_returns(program, run, range(1, horizon), 64, KEY)
    assert (returns.memory_length, returns.memory_range) == (horizon - 1, (horizon - 1, horizon - 1))
    # With one step it would fetch the cue for ever.
    assert (returns.success[0] == 0).all()
    paired = paired_returns(program, run, [0], 64, KEY)
    assert (paired.credit_length, paired.credit_range) == (horizon, (horizon, horizon))
    # What it does without the cue is right in half of the episodes.
    np.testing.assert_allclose(paired.difference[0, RIGHT, -1], 0.5, atol=0.2)


def test_an_agent_that_is_not_greedy():
    # It does not fetch the cue, and would do better if it did.
    program, run = runner("ActiveTMaze-v0", length=3)
    paired = paired_returns(program, run, [0], 64, KEY)
    assert paired.improvable.tolist() == [True]
    assert (paired.credit_lengths.tolist(), paired.credit_length) == ([0], 0)


def test_a_run_on_disk(tmp_path, monkeypatch):
    # Episodes of different lengths, in which nothing is told of success.
    config = small_config(
        env=envs.options("CartPole-v1", max_steps_in_episode=12),
        core=cores.options("lstm", width=8),
        agent=agents.options("ppo", learning_rate=1e-2),
    )
    program = Program(config)
    run: Any = NothingLearned(jax.jit(jax.vmap(program.agent.init))(jax.random.split(KEY, 2)))
    monkeypatch.setattr(estimates, "load_run", lambda folder: (program, run, 0))
    found = estimate(RunFolder(tmp_path), 6, (1, 3, 12), (0, 7, 11), seed=5)
    returns = found.window_returns

    state = jax.tree.map(lambda leaf: leaf[0], run.agent)
    play = jax.jit(lambda key: collect(program.task, program.agent, state, key, 6, "greedy"))
    episodes, outcome = play(jax.random.key(5))
    np.testing.assert_array_equal(returns.returns[-1], outcome["return"])
    np.testing.assert_array_equal(returns.returns[-2], outcome["return"])
    assert np.isnan(returns.success).all()
    distances = found.window_distances
    assert distances.mean[0] > distances.mean[1] > distances.mean[2] == 0
    np.testing.assert_allclose(distances.distance[1], distances_of_three(program, state, episodes), atol=1e-6)

    paired = found.paired_returns
    assert paired.returns.shape == (3, 2, 12)
    still = [int((outcome["length"] > time).sum()) for time in paired.times]
    assert paired.pairs.sum(axis=1).tolist() == still
    assert not np.isnan(paired.returns[0]).any()


def distances_of_three(program: Program, state: Any, episodes: Episodes) -> jax.Array:
    """The same from unrolled networks, all windows side by side."""
    agent: Any = program.agent
    (inputs, start), steps = episode_inputs(episodes), np.arange(3)[:, None] + np.arange(program.task.horizon - 2)
    windows = jax.tree.map(lambda leaf: leaf[steps].reshape(3, -1, *leaf.shape[2:]), inputs)
    windows = Inputs(windows.obs, windows.prev_action.at[0].set(-1), windows.prev_reward.at[0].set(0))
    begins = jnp.zeros(windows.prev_action.shape, bool).at[0].set(True)
    unroll = jax.jit(
        lambda *inputs: jax.nn.softmax(agent.net.apply(state.params, None, *inputs, method="unroll")[1].logits)
    )
    whole, cut = unroll(inputs, start)[2:-1], unroll(windows, begins)[-1]
    distance = abs(cut.reshape(whole.shape) - whole).sum(axis=-1) / 2
    return (distance * episodes.mask[2:]).sum(axis=0) / episodes.length


def in_words(call: Any) -> str:
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_what_is_refused():
    program, run = runner("PassiveTMaze-v0", length=3)
    rising = "allowed are rising integers >= 1, one or more"
    assert in_words(lambda: window_returns(program, run, [2, 2], 4, KEY)) == f"windows are [2, 2]: {rising}"
    assert in_words(lambda: window_distances(program, run, [], 4, KEY)) == f"windows are []: {rising}"
    assert in_words(lambda: window_returns(program, run, [1], 1, KEY)) == "episodes is 1: allowed is an integer >= 2"
    assert in_words(lambda: window_returns(program, run, [1], 2, KEY, seed=2)).startswith("seed is 2: allowed is")
    rising = "allowed are rising integers from 0 to 3, one or more"
    assert in_words(lambda: paired_returns(program, run, [0, 4], 4, KEY)) == f"times are [0, 4]: {rising}"
    assert in_words(lambda: paired_returns(program, run, [0], 1, KEY)) == "pairs is 1: allowed is an integer >= 2"
    said = in_words(lambda: paired_returns(program, run, [0], 2, KEY, discount=1.5))
    assert said == "discount is 1.5: allowed is a number from 0 to 1"


def test_defaults():
    assert [doubled_windows(horizon) for horizon in (1, 2, 8, 9)] == [(1,), (1,), (1, 2, 4), (1, 2, 4, 8)]
    assert spread_times(3) == (0, 1, 2)
    assert spread_times(71) == (0, 10, 20, 30, 40, 50, 60, 70)


def test_memory_length_by_significance():
    # One episode in 40 lost tells nothing; all larger windows have to lose nothing as well.
    returns = np.ones((5, 40), np.float32)
    returns[0, :20] = returns[2, :10] = 0
    returns[3, 0] = 0
    found = WindowReturns((1, 2, 4, 8), 9, returns, returns)
    assert found.worse.tolist() == [True, False, True, False]
    assert (found.memory_length, found.memory_range) == (8, (5, 8))
    # Rounding is no loss.
    same = WindowReturns((1, 2), 9, np.array([[1 - 1e-7] * 3, [1] * 3, [1] * 3]), returns)
    assert (same.memory_length, same.memory_range) == (1, (1, 1))


def test_credit_length_by_intervals(tmp_path):
    # Two other actions: one is behind, surely after 3 steps and perhaps after 2, the other one ties in the end.
    middle = np.array([[np.full(4, np.nan), [-1, 0.5, 1, 1], [1, 1, 0, 0]]])
    band = Interval(middle - 0.6, middle + 0.6)
    paired = PairedReturns((0,), middle, middle, band, np.array([[0, 9, 9]]))
    assert paired.behind.tolist() == [[False, True, False]]
    assert (paired.credit_length, paired.credit_range) == (3, (2, 3))
    draw_estimates(WindowReturns((1, 2), 4, np.ones((3, 5)), np.ones((3, 5))), paired, tmp_path / "lengths.png")
    assert coloured(tmp_path / "lengths.png") == [True, True, True]


def coloured(path: Path) -> list[bool]:
    """Whether the returns, the action that falls behind and the spans are seen in a picture."""
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    known = [(31, 119, 180), (255, 127, 14), (246, 240, 186)]
    return [bool((abs(picture - colour) < 6).all(-1).sum() > 100) for colour in known]
