"""Steps that a trained agent plays, and what its network says and remembers in them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxmem.agents import Unroll
from jaxmem.agents.base import Params
from jaxmem.analysis.looking.maps import map_names, unrolled
from jaxmem.config import ConfigError
from jaxmem.exploration import DeviationOptions, Deviations
from jaxmem.networks import CENTRE, Inputs, PolicyValue, PolicyValueOutputs
from jaxmem.training.evaluate import check_seed
from jaxmem.training.loop import Program
from jaxmem.training.play import begin, play
from jaxmem.training.state import Run


@struct.dataclass
class Moments:
    """N steps, each with what the network needs to be asked about it again.

    Attributes:
        memory: the network's memory before the step, a pytree of arrays [N, ...].
        inputs: what is seen in it, [N, ...].
        start: bool [N], whether it begins an episode.
    """

    memory: Any
    inputs: Inputs
    start: jax.Array


@dataclass(frozen=True)
class Watched:
    """T steps of B rows, time-major; episodes begin and end inside. Arrays are NumPy's, but for the memory's.

    Attributes:
        net: the network of the agent that played, a `PolicyValue`.
        params: its variables.
        memory: its memory of B rows before the first step. That before any other one is made again by `moments`: held
            for all steps at once, a transformer's caches would fill a machine.
        inputs: what was seen, [T, B, ...]; observations are pictures [T, B, H, W, C].
        start: bool [T, B], the steps that begin an episode.
        ended: bool [T, B], the steps that ended one.
        mask: bool [T, B], the steps in which something was done; where it is False, the last observation of an episode
            that a time limit cut off is shown.
        episode: int [T, B], number of the episode that a step belongs to, from 0 on, distinct over all rows.
        action: int32 [T, B].
        reward: float32 [T, B].
        logits: float32 [T, B, A], of the policy.
        value: float32 [T, B]; of a critic with several kinds of reward, their sum.
        maps: float32 [T, B, N, h, w], attention maps; None where the core has none.
        names: of the N maps.
    """

    net: PolicyValue
    params: Params
    memory: Any
    inputs: Inputs
    start: np.ndarray
    ended: np.ndarray
    mask: np.ndarray
    episode: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    logits: np.ndarray
    value: np.ndarray
    maps: np.ndarray | None
    names: tuple[str, ...]

    @property
    def obs(self) -> np.ndarray:
        """Observations [T, B, H, W, C]."""
        return np.asarray(self.inputs.obs)

    def seen_by(self, params: Params) -> "Watched":
        """The same steps, as the network says and remembers them with other variables: these did not play them."""
        logits, value, maps = jax.device_get(_say(self.net, params, self.memory, self.inputs, self.start))
        return replace(self, params=params, logits=logits, value=value, maps=maps)

    def moments(self, step: np.ndarray, row: np.ndarray) -> Moments:
        """The moments at N steps, int [N], of N rows, int [N]; any may be asked for twice."""
        time, rows = self.start.shape
        chosen, place = np.unique(step * rows + row, return_inverse=True)
        slot = np.full(time * rows, len(chosen), np.int32)
        slot[chosen] = np.arange(len(chosen))
        memory = _memories(
            self.net, self.params, self.memory, self.inputs, self.start, slot.reshape(time, rows), len(chosen)
        )
        return Moments(
            memory=jax.tree.map(lambda leaf: leaf[place], memory),
            inputs=jax.tree.map(lambda leaf: jnp.asarray(leaf[step, row]), self.inputs),
            start=jnp.asarray(self.start[step, row]),
        )


def watch(program: Program, run: Run, steps: int, rows: int, key: jax.Array, seed: int = 0) -> Watched:
    """Play with one seed of a trained run, as it explores at the end of training, and note what its network says.

    What is played is what evaluations play: of games, whole ones.

    Args:
        program: the run's program.
        run: its state, which is only read.
        steps: number of steps, T.
        rows: number of rows, B.
        key: randomness of environment and agent.
        seed: which seed of the run.

    Raises:
        ConfigError: if the agent has no policy and value, the environment shows no pictures, or the run no such seed.
    """
    check_seed(program, seed)
    _check_network(program)
    _check_pictures(program)
    state = jax.tree.map(lambda leaf: leaf[seed], run.agent)
    unroll, cut = _play(program, steps, rows, state, key)
    net = program.agent.net  # pyright: ignore[reportAttributeAccessIssue]
    # What comes after the last step was not played.
    inputs, start = jax.tree.map(lambda leaf: leaf[:-1], (unroll.inputs, unroll.start))
    logits, value, maps = jax.device_get(_say(net, state.params, unroll.memory, inputs, start))
    inputs, start, mask, terminated = jax.device_get((inputs, start, unroll.mask, unroll.terminated))
    cut_next = np.concatenate([~mask[1:], np.asarray(cut)[None]])
    return Watched(
        net=net,
        params=state.params,
        memory=unroll.memory,
        inputs=inputs,
        start=start,
        ended=mask & (terminated | cut_next),
        mask=mask,
        episode=episode_numbers(start),
        action=np.asarray(unroll.action),
        reward=np.asarray(unroll.reward),
        logits=logits,
        value=value,
        maps=maps,
        names=map_names(net),
    )


def first_params(program: Program, trained: Params, seed: int = 0) -> Params:
    """The variables that the network of one seed of a run had before training, but with the centre of the trained ones.

    The centre is what is taken off the inputs: with another one, the network would be shown something else.
    """
    # As `Program.init` splits keys; all of it would begin episodes, too.
    key = jax.random.split(jax.random.key(program.config.seed), program.config.seeds)[seed]
    first = jax.jit(program.agent.init)(jax.random.split(key, 4)[0]).params
    return {**first, CENTRE: trained[CENTRE]} if CENTRE in trained else first


def in_blocks(function: Callable[[Any], Any], rows: Any, block: int, advance: Callable[[int], None]) -> Any:
    """A function of rows that is called on some at a time, so that one hears how far it is.

    Args:
        function: of a pytree of arrays [block, ...], to arrays [block, ...].
        rows: the same of N rows.
        block: how many are given to one call.
        advance: called with the number of rows that are done.

    Returns:
        What the function gave, of N rows, in NumPy arrays.
    """
    count = len(jax.tree.leaves(rows)[0])
    parts = []
    for first in range(0, count, block):
        # The last block is filled up with the last row, so that nothing is compiled a second time.
        index = np.minimum(np.arange(first, first + block), count - 1)
        parts.append(jax.device_get(function(jax.tree.map(lambda leaf, index=index: leaf[index], rows))))
        advance(min(first + block, count))
    return jax.tree.map(lambda *found: np.concatenate(found)[:count], *parts)


def episode_numbers(start: np.ndarray) -> np.ndarray:
    """Numbers of the episodes that steps belong to, int [T, B], where `start`, bool [T, B], begins one in each row."""
    own = np.cumsum(start, axis=0) - 1
    counts = own[-1] + 1
    return own + np.cumsum(counts) - counts


def total_value(value: jax.Array) -> jax.Array:
    """Values [T, B], or [T, B, K] of K kinds of reward, which add up: [T, B]."""
    return value if value.ndim == 2 else jnp.sum(value, axis=-1)


def _check_network(program: Program) -> None:
    if not isinstance(getattr(program.agent, "net", None), PolicyValue):
        name = program.config.agent.name
        raise ConfigError(f"agent.name is {name!r}: allowed is one with a policy and a state value, vtrace or ppo")


def _check_pictures(program: Program) -> None:
    task = program.task
    shape = task.env.observation_space(task.params).shape
    if len(shape) != 3:
        raise ConfigError(
            f"observations of {program.config.env.id} have the shape {list(shape)}: allowed are pictures [H, W, C]"
        )


@partial(jax.jit, static_argnums=(0, 1, 2))
def _play(program: Program, steps: int, rows: int, state: Any, key: jax.Array) -> tuple[Unroll, jax.Array]:
    task, agent = program.eval_task, program.agent
    deviations = Deviations(DeviationOptions(), task.horizon, task.actions.size)
    begin_key, play_key = jax.random.split(key)
    actors = begin(task, agent, begin_key, rows, deviations)
    actors, unroll, _, _ = play(task, agent, state, actors, play_key, steps, (1.0, 0.0), deviations)
    return unroll, actors.cut


@partial(jax.jit, static_argnums=0)
def _say(
    net: PolicyValue, params: Params, memory: Any, inputs: Inputs, start: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Logits, values and maps of all steps: by the law of cores, one step at a time gives what an unroll gives."""

    def step(memory: Any, seen: tuple[Inputs, jax.Array]) -> tuple[Any, tuple]:
        inputs, start = jax.tree.map(lambda leaf: leaf[None], seen)
        memory, said, maps = unrolled(net, params, memory, inputs, start)
        said = PolicyValueOutputs(said.logits, total_value(said.value))
        return memory, jax.tree.map(lambda leaf: leaf[0], (*said, maps))

    return jax.lax.scan(step, memory, (inputs, start))[1]


@partial(jax.jit, static_argnums=(0, 6))
def _memories(
    net: PolicyValue, params: Params, memory: Any, inputs: Inputs, start: jax.Array, slot: jax.Array, count: int
) -> Any:
    """Memories before steps, in the places [count] that `slot`, int32 [T, B], gives them; `count` is none."""

    def step(carry: tuple, seen: tuple) -> tuple[tuple, None]:
        memory, kept = carry
        inputs, start, slot = seen
        kept = jax.tree.map(lambda all, own: all.at[slot].set(own, mode="drop"), kept, memory)
        memory, _ = net.apply(params, memory, inputs, start, method="step")
        return (memory, kept), None

    kept = jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape[1:]), leaf.dtype), memory)
    return jax.lax.scan(step, (memory, kept), (inputs, start, slot))[0][1]
