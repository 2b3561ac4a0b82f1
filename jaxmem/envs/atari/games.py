"""The environment: rows of one Atari game."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from jaxmem.envs.atari.emulators import Emulators
from jaxmem.envs.atari.ids import AtariOptions
from jaxmem.envs.probes.base import NoParams

Stepped = tuple[jax.Array, "AtariState", jax.Array, jax.Array, jax.Array, dict[str, jax.Array]]


@struct.dataclass
class AtariState:
    """What is known of B games beside their emulators; of one game, the same without the axis B.

    Attributes:
        link: uint8 [B, 8], zeros that come from the last call of the emulators: they put the next one after it.
        score: float32 [B], what the game has paid so far.
        lives: int32 [B], those left; 0 in games that have none.
        terminated: bool [B], whether the last step ended the episode for good.
        truncated: bool [B], whether the time limit did.
        over: bool [B], whether the whole game is over, so that the next step begins another one.
        lost: bool [B], whether the last step lost a life of a game that goes on.
    """

    link: jax.Array
    score: jax.Array
    lives: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    over: jax.Array
    lost: jax.Array


class AtariGame(Environment[Any, Any]):
    """A game of the Arcade Learning Environment, many at once: `reset_rows` and `step_rows`.

    gymnax's methods play one game, and cannot be mapped. Emulators are not part of the state: from one state there is
    one way on, and there is one line of play for each number of rows. Whoever plays two of them makes two environments.

    Observation:
        uint8 [B, size, size, stack], times 3 in colour; the newest frame last.

    Action:
        int32 [B]; those that do something in the game, or all 18.

    Reward:
        float32 [B], what the game pays, or its sign.

    End:
        `terminated` where the game is over, or with `episodic_life` where a life is lost; `truncated` after
        `max_frames`. The step after it shows the first observation of the next episode, does nothing else and pays
        nothing, whatever the action.

    Info:
        `score`, float32 [B]: the true score of the whole game so far; NaN with `episodic_life`, whose episodes are
        parts of games. `lives`, int32 [B].

    Attributes:
        options: the game and how it is played.
    """

    episode_metrics: ClassVar[tuple[str, ...]] = ("score",)

    def __init__(self, options: AtariOptions) -> None:
        self.options = options
        self._emulators: dict[int, Emulators] = {}
        # That of gymnax's methods; it also knows the actions.
        self._single = self._of(1)
        # gymnax compiles them with the environment as a static argument, which would keep the emulators for ever.
        self._compiled_reset, self._compiled_step = jax.jit(self.reset_env), jax.jit(self._auto_reset)

    def reset_rows(self, key: jax.Array, rows: int, params: NoParams) -> tuple[jax.Array, AtariState]:
        """Begin a game in each of `rows` rows; whatever was played in as many rows before is gone.

        `key` decides all that is random in these games and in those that follow them.
        """
        seeds = jax.random.randint(key, (rows,), 0, jnp.iinfo(jnp.int32).max, jnp.int32)
        shown = self._of(rows).reset(seeds)
        never = (jnp.zeros((rows,), bool) for _ in range(4))
        return shown.obs, AtariState(shown.link, jnp.zeros((rows,), jnp.float32), shown.lives, *never)

    def step_rows(self, state: AtariState, action: jax.Array, params: NoParams) -> Stepped:
        """One step of all rows: observation, state, reward, terminated, truncated, info."""
        emulators, options = self._of(action.shape[0]), self.options
        ended = state.terminated | state.truncated
        # Where just a life was lost the emulator would act: it is to do what it does at the beginning of a game.
        # Whoever was trained so never learned to press fire, and would wait for ever in whole games.
        if options.fire_reset:
            action = jnp.where(ended | state.lost, emulators.fire, action)
        else:
            action = jnp.where(ended, 0, action)
        shown = emulators.step(state.link, action.astype(jnp.int32))
        score = jnp.where(state.over, 0, state.score) + shown.reward
        # Without lives and not over: a game that will say so in a moment.
        lost = ~state.over & (shown.lives > 0) & (shown.lives < state.lives)
        terminated = shown.terminated | lost if options.episodic_life else shown.terminated
        after = AtariState(
            link=shown.link,
            score=score,
            lives=shown.lives,
            terminated=terminated,
            truncated=shown.truncated & ~terminated,
            over=shown.terminated | shown.truncated,
            lost=lost,
        )
        reward = jnp.sign(shown.reward) if options.clip_rewards else shown.reward
        # At the end of a life the game goes on: that is no score of a game.
        said = jnp.full_like(score, jnp.nan) if options.episodic_life else score
        info = {"score": said, "lives": shown.lives}
        return shown.obs, after, jnp.where(ended, 0, reward), after.terminated, after.truncated, info

    def reset_env(self, key: jax.Array, params: NoParams) -> tuple[jax.Array, AtariState]:
        """Begin one game."""
        return _first(self.reset_rows(key, 1, params))

    def step_env(
        self, key: jax.Array, state: AtariState, action: int | float | jax.Array, params: NoParams
    ) -> tuple[jax.Array, AtariState, jax.Array, jax.Array, dict[str, jax.Array]]:
        """One step of one game; `key` is not used."""
        rows = jax.tree.map(lambda leaf: leaf[None], state)
        obs, state, reward, terminated, _, info = _first(self.step_rows(rows, jnp.asarray(action)[None], params))
        return obs, state, reward, terminated, info

    def reset(self, key: jax.Array, params: NoParams | None = None) -> tuple[jax.Array, AtariState]:
        """gymnax's reset of one game."""
        return self._compiled_reset(key, NoParams() if params is None else params)

    def step(
        self, key: jax.Array, state: AtariState, action: int | float | jax.Array, params: NoParams | None = None
    ) -> Stepped:
        """gymnax's step of one game: where an episode ends, the next one begins at once."""
        return self._compiled_step(key, state, action, NoParams() if params is None else params)

    def _auto_reset(
        self, key: jax.Array, state: AtariState, action: int | float | jax.Array, params: NoParams
    ) -> Stepped:
        obs, state, reward, terminated, info = self.step_env(key, state, action, params)
        truncated = state.truncated
        said = {"terminated": terminated, "truncated": truncated, "final_observation": obs}
        obs, state = jax.lax.cond(
            terminated | truncated, lambda: self.step_env(key, state, action, params)[:2], lambda: (obs, state)
        )
        return obs, state, reward, terminated, truncated, info | said

    def is_terminated(self, state: AtariState, params: NoParams) -> jax.Array:
        """Whether the last step ended the episode for good."""
        return state.terminated

    def is_truncated(self, state: AtariState, params: NoParams) -> jax.Array:
        """Whether the last step reached the time limit."""
        return state.truncated

    def horizon(self, params: NoParams) -> int:
        """The most steps of an episode."""
        return self.options.horizon

    @property
    def default_params(self) -> Any:
        """Nothing: all that can be chosen is in the options."""
        return NoParams()

    @property
    def name(self) -> str:
        """Id of the game."""
        return self.options.id

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return self._single.num_actions

    def action_space(self, params: NoParams | None = None) -> spaces.Discrete:
        """The game's own actions, or all 18."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: NoParams | None = None) -> spaces.Box:
        """Bytes [size, size, stack], times 3 in colour."""
        options = self.options
        channels = options.stack * (1 if options.grayscale else 3)
        return spaces.Box(0, 255, (options.size, options.size, channels), jnp.uint8)

    def _of(self, rows: int) -> Emulators:
        if rows not in self._emulators:
            self._emulators[rows] = Emulators(self.options, rows)
        return self._emulators[rows]


def _first(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[0], tree)
