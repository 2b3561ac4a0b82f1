"""Models that redistribute rewards: what they see, what they give, and that they learn where rewards come from."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK
from gymnax.environments import spaces
from support import assert_same_bits, small_config

from jaxmem import agents, cores
from jaxmem.config import ConfigError
from jaxmem.networks import NetworkOptions, episode_inputs, first_inputs
from jaxmem.redistribution import Redistribution, RedistributionOptions
from jaxmem.replay import Episodes
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program

STEPS, ROWS, ACTIONS = 6, 64, 3
DECISIVE = 1


def model(kind: str, **options: Any) -> Redistribution:
    parts = NetworkOptions(obs_embed=6, action_embed=2, reward_embed=2, head=(16,)).parts(
        cores.options("gru", width=8), spaces.Box(-1, 1, (2,)), spaces.Discrete(ACTIONS), STEPS + 1
    )
    made = RedistributionOptions(kind=kind, **options).make(parts, first_inputs(jnp.zeros((1, 2))))
    assert made is not None
    return made


def episodes() -> Episodes:
    """What is done in one early step decides what is paid at the end; rows are 6, 5 and 4 steps long."""
    rng = np.random.default_rng(0)
    length = 6 - np.arange(ROWS) % 3
    action = rng.integers(0, ACTIONS, (STEPS, ROWS))
    mask = np.arange(STEPS)[:, None] < length
    last = np.arange(STEPS)[:, None] == length - 1
    obs = np.zeros((STEPS + 1, ROWS, 2))
    # The end is seen coming: then alone, what was done before is of interest.
    obs[:-1, :, 0] = last
    obs[DECISIVE, :, 1] = 1
    return Episodes(
        obs=jnp.asarray(obs, jnp.float32),
        action=jnp.asarray(action, jnp.int32),
        log_prob=jnp.zeros((STEPS, ROWS)),
        deviated=jnp.zeros((STEPS, ROWS), bool),
        reward=jnp.asarray(last * (action[DECISIVE] == 2) * mask, jnp.float32),
        length=jnp.asarray(length, jnp.int32),
        terminated=jnp.ones((ROWS,), bool),
    )


BATCH = episodes()


@pytest.mark.parametrize("kind", ["rudder", "synthetic"])
def test_the_decisive_step_is_paid_at_once(kind):
    made = model(kind, learning_rate=1e-2, updates=300, alpha=1.0)

    def train(key: jax.Array) -> Any:
        state = made.init(key)
        learned = made.learn(state, lambda _: BATCH, key)
        return made.apply(state, BATCH), made.apply(learned, BATCH)

    (fresh, first), (found, last) = jax.jit(train, compiler_options=QUICK)(jax.random.key(0))
    assert last["redistribution_error"] < 0.1 * first["redistribution_error"]
    good = np.asarray(BATCH.action[DECISIVE] == 2)
    reward = np.asarray(found.reward)
    gain = reward[:, good].mean(axis=1) - reward[:, ~good].mean(axis=1)
    assert gain[DECISIVE] > 0.5
    assert np.abs(gain[[0, 2]]).max() < 0.2
    fresh_reward = np.asarray(fresh.reward)
    assert abs((fresh_reward[:, good].mean(axis=1) - fresh_reward[:, ~good].mean(axis=1))[DECISIVE]) < 0.1
    assert_same_bits(found.paid, BATCH.reward)
    assert (reward[~np.asarray(BATCH.mask)] == 0).all()
    if kind == "rudder":
        np.testing.assert_allclose(found.returns, BATCH.returns, atol=1e-5)


@pytest.fixture(scope="module")
def apply():
    made = model("rudder", share=0.25, by_quality=False)
    state = made.init(jax.random.key(0))
    # As it is made, the head gives almost nothing.
    state = replace(state, params=jax.tree.map(lambda leaf: leaf + 0.3, state.params))
    return jax.jit(partial(made.apply, state), compiler_options=QUICK)


def test_a_step_is_judged_by_what_was_seen_and_done_up_to_it(apply):
    time = 2
    other = replace(
        BATCH,
        obs=BATCH.obs.at[time + 1 :].add(0.5),
        action=BATCH.action.at[time + 1 :].set(0),
    )
    one, two = apply(BATCH)[0].reward, apply(other)[0].reward
    assert_same_bits(one[: time + 1], two[: time + 1])
    assert (one[time + 1 :] != two[time + 1 :]).any()
    acted = replace(BATCH, action=BATCH.action.at[time].set(0))
    assert (one[time] != apply(acted)[0].reward[time]).any()


def test_a_share_moves_and_the_rest_stays(apply):
    found, _ = apply(BATCH)
    whole = model("rudder", share=1.0, by_quality=False)
    state = whole.init(jax.random.key(0))
    state = replace(state, params=jax.tree.map(lambda leaf: leaf + 0.3, state.params))
    moved, _ = jax.jit(whole.apply, compiler_options=QUICK)(state, BATCH)
    np.testing.assert_allclose(found.reward, 0.25 * moved.reward + 0.75 * BATCH.reward, atol=1e-5)
    np.testing.assert_allclose(found.returns, BATCH.returns, atol=1e-5)


@pytest.mark.parametrize(("error", "quality"), [(0.0, 1.0), (0.25, 0.75), (1.0, 0.0), (4.0, 0.0)])
def test_what_a_model_does_not_explain_stays(error, quality):
    """`error` is that of the last predictions, as a share of the variance of the returns."""
    made: Any = model("rudder")
    returns = BATCH.returns
    said = jnp.broadcast_to(returns + jnp.sqrt(error * jnp.var(returns)), (STEPS, ROWS))
    np.testing.assert_allclose(made.quality(said, BATCH), quality, atol=1e-6)
    share = model("rudder", share=quality, by_quality=False)
    np.testing.assert_allclose(made.rewards(said, BATCH), share.rewards(said, BATCH), atol=1e-5)


def test_where_all_returns_are_the_same_nothing_is_explained():
    made: Any = model("rudder")
    same = replace(BATCH, reward=jnp.zeros_like(BATCH.reward))
    assert float(made.quality(jnp.zeros((STEPS, ROWS)), same)) == 0


def test_memory_sees_what_was_paid(apply):
    found, _ = apply(BATCH)
    assert (found.reward != BATCH.reward).any()
    assert_same_bits(episode_inputs(found), episode_inputs(BATCH))


class Summing:
    """Acts as another agent; its state is the sums of the rewards that it was to learn from, and of those paid."""

    metric_names = ()
    batch_size = 4
    context = None

    def __init__(self, actor: Any, actor_state: Any) -> None:
        self.actor, self.actor_state, self.initial_carry = actor, actor_state, actor.initial_carry

    def act(self, state: Any, *arguments: Any, **options: Any) -> Any:
        return self.actor.act(self.actor_state, *arguments, **options)

    def prepare(self, state: Any, unroll: Any, key: jax.Array) -> Any:
        return unroll

    def update(self, state: Any, batch: Any, *_: Any) -> tuple[Any, dict]:
        paid: Any = batch.paid if isinstance(batch, Episodes) else batch.inputs.prev_reward[1:]
        return (state[0] + jnp.sum(batch.reward), state[1] + jnp.sum(paid)), {}


@pytest.mark.parametrize("name", ["ddqn", "vtrace"])
def test_a_learner_gets_its_rewards_from_the_model_which_learns_beside_it(name):
    options = RedistributionOptions(kind="synthetic", alpha=0.0, beta=2.0, batch_size=4)
    loop = LoopOptions(episodes=8, collect=4, updates=2, random_episodes=6)
    program = Program(small_config(agent=agents.options(name), redistribution=options, loop=loop, seeds=1))

    def train(key: jax.Array) -> Any:
        run = jax.tree.map(lambda leaf: leaf[0], program.init(key))
        window = replace(run.window, metrics={"redistribution_error": jnp.zeros(())})
        learner: Any = replace(program.learner, agent=Summing(program.agent, run.agent))  # pyright: ignore[reportArgumentType]
        return run, learner.iterate(replace(run, agent=(jnp.zeros(()), jnp.zeros(())), window=window), (0.0, 0.0))

    before, after = jax.jit(train, compiler_options=QUICK)(jax.random.key(0))
    learned, paid = after.agent
    assert paid != 0
    np.testing.assert_allclose(learned, 2 * paid, rtol=1e-6)
    assert "redistribution_error" in before.window.metrics
    assert after.window.metrics["redistribution_error"] > 0
    parameters = (jax.tree.leaves(run.redistribution.params) for run in (before, after))
    assert all((one != two).any() for one, two in zip(*parameters, strict=True))


def test_without_a_model_a_run_holds_nothing_of_it():
    run = jax.eval_shape(Program(small_config()).init, jax.random.key(0))
    assert run.redistribution == ()
    assert "redistribution_error" not in run.window.metrics


def test_unrolls_that_are_no_whole_episodes_are_refused():
    config = small_config(agent=agents.options("vtrace"), loop=LoopOptions(unroll=5))
    with pytest.raises(
        ConfigError, match=r"^redistribution.kind is 'rudder': it needs whole episodes, allowed is loop.unroll none$"
    ):
        replace(config, redistribution=RedistributionOptions(kind="rudder"))
