"""Action Associative Retrieval: act as one likes, wait, then act the same way."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.envs.policies import ScriptedPolicy
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome
from jaxmem.envs.probes.base import Probe, Step, check_seed, int32, random_seed, seed_space
from jaxmem.envs.ternary import NOISES, ternary_noise

NOTHING = 2


@struct.dataclass
class ActionAssociativeRetrievalParams:
    """`length` is N, the steps of an episode, at least 2; it may be an array, to `vmap` over lengths."""

    length: int | jax.Array = 90


@struct.dataclass
class ActionAssociativeRetrievalState:
    """State of an episode.

    Attributes:
        first: int32, the first action: 0, 1, or 2 for nothing; 2 before it.
        seed: uint32, decides the noise.
        time: int32, steps taken.
    """

    first: jax.Array
    seed: jax.Array
    time: jax.Array


@struct.dataclass
class ActionAssociativeRetrievalLayout:
    """What is random in an episode: `seed`, an integer from 0 to 2^32 - 1 of any dtype; decides the noise."""

    seed: Any = 0


@dataclasses.dataclass(frozen=True)
class ActionAssociativeRetrieval(
    Probe[ActionAssociativeRetrievalState, ActionAssociativeRetrievalParams, ActionAssociativeRetrievalLayout]
):
    """Action Associative Retrieval (Cherepanov et al. 2023, arXiv 2306.09459).

    The first action, 0 or 1 as one likes, leads from one state to another; the same action, and no other, leads back
    on the last step. There is nothing to do in between. Every episode takes N = `params.length` steps.

    What is remembered is an action, and nothing that is seen tells which it was. As nothing forbids to begin alike
    always, success alone shows no memory. The paper's criterion does: the probability of a last action 0 after a first
    0, plus that of 1 after 1, is above 1; see Info.

    Observation, float32 [3], after t steps:
        * state: 1 if 0 < t < N and the first action was 0 or 1, else 0;
        * flag: 1 if t == N - 1, which is when to repeat the action, else 0;
        * noise: -1, 0 or +1, uniform and independent of all else, drawn anew for each observation.

    Action:
        0 or 1; or 2, which does nothing. Between the first and the last, 0 and 1 do nothing either. (In the released
        code they lead back and forth, so that the state in sight could be made to say which the first action was.)

    Reward, float32:
        On step N +1 if the action is the first one, and that was 0 or 1, else -1; before, 0.

    End:
        `terminated` on step N exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on step N with a reward of +1, else 0.0.
        * `first_0` and `first_1`, float32: 1.0 on step N if that was the first action, else 0.0.
        * `kept_0` and `kept_1`, float32: 1.0 on step N if that was the first action and the last, else 0.0. Their means
          over those of `first_0` and `first_1` are the probabilities of the criterion.
        * `discount`, float32: 0.0 on step N, else 1.0.

    State, params, layout:
        `ActionAssociativeRetrievalState`, `ActionAssociativeRetrievalParams`, `ActionAssociativeRetrievalLayout`. The
        key of a reset decides the layout, and the layout's seed all noise: `step_env` is deterministic.
    """

    episode_metrics: ClassVar[tuple[str, ...]] = ("success", "first_0", "kept_0", "first_1", "kept_1")

    @property
    def default_params(self) -> ActionAssociativeRetrievalParams:
        """Params of 90 steps."""
        return ActionAssociativeRetrievalParams()

    def step_env(
        self,
        key: jax.Array,
        state: ActionAssociativeRetrievalState,
        action: int | float | jax.Array,
        params: ActionAssociativeRetrievalParams,
    ) -> Step[ActionAssociativeRetrievalState]:
        """Take one step without resetting; `key` is not used."""
        action = int32(action)
        first = jnp.where(state.time == 0, action, state.first)
        state = dataclasses.replace(state, first=first, time=state.time + 1)
        kept = (action == first) & (first != NOTHING)
        reward = jnp.where(self.is_terminated(state, params), jnp.where(kept, 1, -1), 0)
        obs, state, reward, done, info = self._stepped(state, reward, kept, params)
        for choice in (0, 1):
            info[f"first_{choice}"] = (done & (first == choice)).astype(jnp.float32)
            info[f"kept_{choice}"] = (done & kept & (first == choice)).astype(jnp.float32)
        return obs, state, reward, done, info

    def scripted_policies(self, params: ActionAssociativeRetrievalParams) -> dict[str, ScriptedPolicy]:
        """`oracle`: draws 0 or 1 for its first action, does nothing in between, and repeats the action at the end.

        It carries the action in its memory, int32 [].
        """

        def init(key: jax.Array, obs: Any, state: ActionAssociativeRetrievalState) -> jax.Array:
            return int32(jax.random.bits(key, (), jnp.uint32) & 1)

        def act(
            key: jax.Array, carry: jax.Array, obs: Any, state: ActionAssociativeRetrievalState
        ) -> tuple[jax.Array, jax.Array]:
            acts = (state.time == 0) | (state.time == int32(params.length) - 1)
            return carry, jnp.where(acts, carry, NOTHING)

        return {"oracle": ScriptedPolicy(init, act)}

    def as_pomdp(self, params: ActionAssociativeRetrievalParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out; noise is drawn when it is shown."""
        steps, chance = int(params.length), 1 / len(NOISES)

        def seen(first: int, time: int) -> list[np.ndarray]:
            acted = 0 < time < steps and first != NOTHING
            return [np.array([acted, time == steps - 1, noise], np.float32) for noise in NOISES]

        def step(state: tuple[int, int], action: int) -> list[Outcome]:
            first, time = state
            first, time = (action if time == 0 else first), time + 1
            done = time == steps
            reward = (1.0 if action == first != NOTHING else -1.0) if done else 0.0
            return [Outcome(chance, (first, time), obs, reward, done) for obs in seen(first, time)]

        begin = [Beginning(chance, (NOTHING, 0), obs) for obs in seen(NOTHING, 0)]
        return FinitePOMDP.from_rules(begin, step, 3, steps)

    def action_space(self, params: ActionAssociativeRetrievalParams | None = None) -> spaces.Discrete:
        """Two actions, and none."""
        return spaces.Discrete(3)

    def observation_space(self, params: ActionAssociativeRetrievalParams | None = None) -> spaces.Box:
        """Bounds of the observation."""
        bounds = (jnp.array([0, 0, -1], jnp.float32), jnp.array([1, 1, 1], jnp.float32))
        return spaces.Box(*bounds, (3,), jnp.float32)

    def state_space(self, params: ActionAssociativeRetrievalParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        return spaces.Dict(
            {
                "first": spaces.Box(0, NOTHING, (), jnp.int32),
                "seed": seed_space(),
                "time": spaces.Box(0, params.length, (), jnp.int32),
            }
        )

    def _steps(self, params: ActionAssociativeRetrievalParams) -> int | jax.Array:
        return params.length

    def _draw(self, key: jax.Array, params: ActionAssociativeRetrievalParams) -> ActionAssociativeRetrievalLayout:
        return ActionAssociativeRetrievalLayout(random_seed(key))

    def _check(self, layout: ActionAssociativeRetrievalLayout) -> None:
        check_seed(layout.seed)

    def _begin(
        self, layout: ActionAssociativeRetrievalLayout, params: ActionAssociativeRetrievalParams
    ) -> ActionAssociativeRetrievalState:
        return ActionAssociativeRetrievalState(int32(NOTHING), jnp.asarray(layout.seed, jnp.uint32), int32(0))

    def _observe(self, state: ActionAssociativeRetrievalState, params: ActionAssociativeRetrievalParams) -> jax.Array:
        steps = int32(params.length)
        # Before the first action `first` says nothing was done.
        acted = (state.first != NOTHING) & (state.time < steps)
        noise = ternary_noise(state.seed, state.time)
        return jnp.stack([int32(acted), int32(state.time == steps - 1), noise]).astype(jnp.float32)
