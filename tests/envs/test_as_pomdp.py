"""Finite tasks that environments write out, against episodes of the environments themselves."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs

# Episodes that are counted, and of these the ones that are followed step by step.
COUNTED, FOLLOWED = 2500, 200
# How often the plan's action is taken instead of a random one.
PLANNED = 0.7
# Standard errors.
BOUND = 5


@partial(jax.jit, static_argnums=0)
def play(env, params, keys, actions):
    """Observations, the first one included, rewards and ends of an episode for each row of actions."""

    def episode(key, actions):
        reset_key, step_key = jax.random.split(key)
        obs, state = env.reset_env(reset_key, params)

        def step(state, inputs):
            key, action = inputs
            obs, state, reward, terminated, _ = env.step_env(key, state, action, params)
            return state, (obs, reward, terminated | env.is_truncated(state, params))

        inputs = jax.random.split(step_key, len(actions)), actions
        later, rewards, ends = jax.lax.scan(step, state, inputs)[1]
        return jnp.concatenate([obs[None], later]), rewards, ends

    return jax.vmap(episode)(keys, actions)


def draw_actions(plan, num_actions):
    """[COUNTED, steps]: mostly those of the plan, else random ones; and the probabilities [steps, actions]."""
    rng = np.random.default_rng(7)
    shape = (COUNTED, len(plan))
    actions = np.where(rng.random(shape) < PLANNED, plan, rng.integers(num_actions, size=shape))
    chances = PLANNED * np.eye(num_actions)[plan] + (1 - PLANNED) / num_actions
    return actions.astype(np.int32), chances


def follow(pomdp, seen, actions, rewards, ends):
    """Filter an episode: what the task says can have led to it must be something at each step."""
    weights: dict[int, float] = {}
    for chance, state, obs in zip(
        pomdp.initial_probability, pomdp.initial_state, pomdp.initial_observation, strict=True
    ):
        if obs == seen[0]:
            weights[int(state)] = weights.get(int(state), 0) + chance
    assert weights, "the first observation cannot be"
    for time, action in enumerate(actions.tolist()):
        after: dict[int, float] = {}
        possible = set()
        for state, weight in weights.items():
            pair = state * pomdp.num_actions + action
            for row in range(pomdp.offsets[pair], pomdp.offsets[pair + 1]):
                if pomdp.observation[row] == seen[time + 1] and pomdp.ended[row] == ends[time]:
                    possible.add(float(pomdp.reward[row]))
                    if abs(pomdp.reward[row] - rewards[time]) < 1e-6:
                        following = int(pomdp.next_state[row])
                        after[following] = after.get(following, 0) + weight * pomdp.probability[row]
        assert possible, f"what is seen after {time + 1} steps, or that the episode ends there or not, cannot be"
        assert after, f"reward {rewards[time]} of step {time + 1} cannot be: possible are {possible}"
        if ends[time]:
            return
        weights = after
    raise AssertionError("the episode has no end")


def expect(pomdp, chances):
    """Probabilities of each observation after t steps and expected rewards of step t; less than 1 after early ends.

    float64 [steps + 1, observations] and [steps].
    """
    shown = len(pomdp.observations)
    states = np.bincount(pomdp.initial_state, pomdp.initial_probability, pomdp.num_states)
    seen = [np.bincount(pomdp.initial_observation, pomdp.initial_probability, shown)]
    rewards = []
    state, action = np.divmod(np.arange(len(pomdp.offsets) - 1), pomdp.num_actions)
    counts = np.diff(pomdp.offsets)
    for chance in chances:
        weight = np.repeat(states[state] * chance[action], counts) * pomdp.probability
        rewards.append(weight @ pomdp.reward)
        seen.append(np.bincount(pomdp.observation, weight, shown))
        states = np.bincount(pomdp.next_state, np.where(pomdp.ended, 0, weight), pomdp.num_states)
    return np.array(seen), np.array(rewards)


RIGHT, UP, LEFT, DOWN = range(4)
NORTH, SOUTH, EAST, WEST = range(4)
TASKS = {
    "passive": ("PassiveTMaze-v0", {"length": 6}, [RIGHT] * 6 + [UP]),
    "active": ("ActiveTMaze-v0", {"length": 4, "penalty": -0.3}, [LEFT] + [RIGHT] * 5 + [DOWN]),
    "far": ("ActiveTMaze-v0", {"length": 2, "oracle_distance": 2, "distract_reward": 0.5}, [LEFT] * 3 + [RIGHT] * 4),
    "cues": ("TMaze-v0", {"length": 4, "oracle_distance": 1, "cue_every": 2}, [LEFT] + [RIGHT] * 5 + [UP]),
    "exposed": (
        "TMaze-v0",
        {"length": 4, "oracle_distance": 1, "expose_position": True, "expose_goal": True, "time_step": True},
        [LEFT] + [RIGHT] * 5 + [UP],
    ),
    "flag": ("RateTMaze-v0", {"length": 3}, [RIGHT, RIGHT, RIGHT, RIGHT, UP]),
    "early flag": ("RateTMaze-v0", {"length": 3, "shortest": 2, "flag_early": True}, [LEFT, RIGHT, RIGHT, RIGHT, DOWN]),
    "again": ("ActionAssociativeRetrieval-v0", {"length": 4}, [1, 2, 2, 1]),
    # To the priest, and on to the eastern end.
    "heaven": ("HeavenHell-v0", {"limit": 15}, [1, 2, 2, 2, 3, 3, 3, 0, 0, 0, 0, 2, 2, 2, 2]),
    "guess": ("HeavenHell-v0", {"limit": 14}, [0, 0, 0] + [3] * 11),
    "bits": ("MemoryLength-v0", {"length": 5, "num_bits": 2}, [0, 1, 0, 1, 1]),
    "bit": ("MemoryLength-v0", {"length": 1}, [1]),
    "umbrella": ("UmbrellaLength-v0", {"length": 3, "distractors": 1}, [0, 1, 1]),
    "catch": ("DelayedCatch-v0", {"rows": 3, "columns": 4, "drops": 2}, [2, 1, 0, 0, 0, 1]),
    "repeat": ("RepeatFirst-v0", {"ranks": 2}, [0] * 7),
    "autoencode": ("Autoencode-v0", {"ranks": 1}, [3, 3, 3, 3, 2, 1, 0]),
    "cards": ("MemoryCards-v0", {"pairs": 2, "limit": 4}, [0, 1, 2, 3]),
    "key": ("KeyToDoor-v0", {"num_apples": 0, "max_frames": (3, 1, 3)}, [0] * 7),
    "colours": ("VisualMatch-v0", {"num_apples": 0, "max_frames": (1, 1, 5), "hue_order": "episode"}, [0] * 7),
}


@pytest.mark.parametrize(("env_id", "options", "plan"), TASKS.values(), ids=TASKS)
def test_episodes_of_the_environment_are_those_of_the_task(env_id, options, plan):
    env, params = envs.make(env_id, **options)
    pomdp = envs.as_pomdp(env, params)
    assert pomdp.sampled == 0
    assert pomdp.horizon == envs.horizon(env, params) == len(plan)
    assert pomdp.num_actions == env.num_actions
    numbers = {obs.tobytes(): number for number, obs in enumerate(pomdp.observations)}
    actions, chances = draw_actions(plan, pomdp.num_actions)
    keys = jax.random.split(jax.random.key(5), COUNTED)
    observations, rewards, ends = jax.device_get(play(env, params, keys, actions))
    steps = 1 + np.argmax(ends, axis=1)
    seen = np.array(
        [
            [numbers.get(np.asarray(obs).tobytes(), -1) if time <= last else -2 for time, obs in enumerate(episode)]
            for episode, last in zip(observations, steps, strict=True)
        ]
    )
    assert pomdp.observations[0].dtype == observations.dtype
    assert -1 not in seen, "an observation that the task does not know"
    for episode in range(FOLLOWED):
        follow(pomdp, seen[episode], actions[episode], rewards[episode], ends[episode])

    probabilities, expected = expect(pomdp, chances)
    counts = np.array([np.bincount(now[now >= 0], minlength=probabilities.shape[1]) for now in seen.T])
    error = BOUND * np.sqrt(COUNTED * probabilities * (1 - probabilities).clip(0)) + BOUND
    # What cannot be is not there at all.
    assert np.all(np.abs(counts - COUNTED * probabilities) <= np.where(probabilities > 0, error, 0))
    rewards = np.where(np.arange(len(plan)) < steps[:, None], rewards, 0)
    error = BOUND * rewards.std(axis=0) / np.sqrt(COUNTED) + 1e-6
    assert np.all(np.abs(rewards.mean(axis=0) - expected) <= error)
