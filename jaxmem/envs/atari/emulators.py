"""A number of emulators, which XLA calls from inside compiled programs."""

from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from ale_py import Action
from ale_py.vector_env import AtariVectorEnv

from jaxmem.config import ConfigError
from jaxmem.envs.atari.ids import AtariOptions


class Shown(NamedTuple):
    """What B emulators give after a call.

    Attributes:
        link: uint8 [B, 8], zeros, see `AtariState`.
        obs: uint8 [B, H, W, C], the frames one after another, the newest last, each with its colours.
        reward: float32 [B], what the game paid.
        terminated: bool [B], whether the game is over.
        truncated: bool [B], whether it reached the time limit.
        lives: int32 [B].
    """

    link: jax.Array
    obs: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    lives: jax.Array


class Emulators:
    """B emulators of one game. They are on the host; compiled programs have their address, so keep them while one runs.

    A game that is over begins anew in the next step, whatever its action.

    Attributes:
        num_actions: how many there are.
        fire: the action that presses fire alone; 0, which does nothing, where there is none.
    """

    def __init__(self, options: AtariOptions, rows: int) -> None:
        """Start `rows` emulators; raises what ale-py raises."""
        vector = AtariVectorEnv(
            options.name,
            rows,
            num_threads=options.threads,
            max_num_frames_per_episode=options.max_frames,
            repeat_action_probability=options.sticky,
            full_action_space=options.full_actions,
            img_height=options.size,
            img_width=options.size,
            grayscale=options.grayscale,
            stack_num=options.stack,
            frameskip=options.frame_skip,
            noop_max=options.noop_max,
            use_fire_reset=options.fire_reset,
            # Done here, as ale-py would begin the whole game anew, and would not tell the true score.
            episodic_life=False,
            reward_clipping=False,
        )
        meanings = list(vector.ale.get_action_set())
        self.num_actions = len(meanings)
        self.fire = meanings.index(Action.FIRE) if Action.FIRE in meanings else 0
        # Whoever traces the first call may be inside a trace already: what is made here must not belong to it.
        with jax.ensure_compile_time_eval():
            calls: tuple[Any, ...] = vector.xla()
        _, call_reset, call_step = calls
        # This process's address of the emulators. A state has but the difference to it, which is zero: one that comes
        # from a checkpoint cannot lead anywhere else.
        address = np.frombuffer(vector.ale.handle(), np.uint8)

        def shown(handle: jax.Array, obs: jax.Array, *rest: jax.Array) -> Shown:
            # [B, stack, H, W] or [B, stack, H, W, 3]: colours stay beside their frame.
            obs = jnp.moveaxis(obs, 1, 3).reshape(rows, options.size, options.size, -1)
            return Shown(jnp.broadcast_to(handle ^ address, (rows, 8)), obs, *rest)

        @jax.custom_batching.custom_vmap
        def reset(seeds: jax.Array) -> Shown:
            handle, (obs, info) = call_reset(jnp.asarray(address), seeds)
            nothing, no = jnp.zeros((rows,), jnp.float32), jnp.zeros((rows,), bool)
            return shown(handle, obs, nothing, no, no, info["lives"])

        @jax.custom_batching.custom_vmap
        def step(link: jax.Array, action: jax.Array) -> Shown:
            handle, (obs, reward, terminated, truncated, info) = call_step(link[0] ^ address, action)
            return shown(handle, obs, reward.astype(jnp.float32), terminated, truncated, info["lives"])

        def refuse(*_: object) -> NoReturn:
            raise ConfigError(
                f"{options.id} cannot be mapped: allowed is no vmap, reset_rows and step_rows play many games at once"
            )

        reset.def_vmap(refuse)
        step.def_vmap(refuse)
        self._vector, self._reset, self._step = vector, reset, step

    def reset(self, seeds: jax.Array) -> Shown:
        """Begin a game in each; `seeds`, int32 [B] from 0, decide no-ops and sticky actions of this and later games."""
        return self._reset(seeds)

    def step(self, link: jax.Array, action: jax.Array) -> Shown:
        """One step of each, after the call that gave `link`; `action` is int32 [B]."""
        return self._step(link, action)
