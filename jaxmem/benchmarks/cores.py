"""Time, operations and memory of acting and learning with each memory core."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem import agents, cores, envs
from jaxmem.agents.ddqn import DoubleDQN
from jaxmem.benchmarks.program import Program, build
from jaxmem.benchmarks.timing import Repeats, Timing, interleave
from jaxmem.networks import Inputs, MemoryNet, NetworkOptions, first_inputs, parameter_count
from jaxmem.replay import Episodes
from jaxmem.training import loop
from jaxmem.training.options import LoopOptions, RunConfig


@dataclass(frozen=True)
class CoreBench:
    """What to measure.

    Attributes:
        cores: registered names.
        lengths: steps of an episode, T.
        batch_size: episodes in an update.
        act_batch: rows that act side by side.
        width: width of the core; the embeddings share it in halves.
        dropout: a rate with which cores that have dropout learn once more, besides the rate 0; or None.
        matmul: rows and columns of the matrices whose product sets the scale for learning.
        repeats: how often.
    """

    cores: tuple[str, ...]
    lengths: tuple[int, ...]
    batch_size: int
    act_batch: int
    width: int
    dropout: float | None
    matmul: int
    repeats: Repeats

    def cases(self) -> list["Case"]:
        """Every core at every length, without dropout and then with it."""
        cases = []
        for core in self.cores:
            has_dropout = any(field.name == "dropout" for field in dataclasses.fields(cores.options(core)))
            rates = [0.0 if has_dropout else None]
            if has_dropout and self.dropout:
                rates.append(self.dropout)
            cases += [Case(core, rate, length) for rate in rates for length in self.lengths]
        return cases


@dataclass(frozen=True)
class Case:
    """A core, the dropout it learns with (None if it has none), and the steps of an episode."""

    core: str
    dropout: float | None
    length: int

    def __str__(self) -> str:
        return f"{self.core}, T = {self.length}" + (f", dropout {self.dropout}" if self.dropout else "")


@dataclass(frozen=True)
class Acting:
    """An episode played by B rows: the program, and the times of whole episodes."""

    program: Program
    timing: Timing


UPDATES = 4
"""Updates in a timed call."""


@dataclass(frozen=True)
class Learning:
    """An update: the program, its times, and the best operations per second of the matrix product beside it."""

    program: Program
    timing: Timing
    matmul_rate: float


@dataclass(frozen=True)
class Figures:
    """All that was measured of one case; acting is measured without dropout only."""

    case: Case
    parameters: int
    acting: Acting | None
    learning: Learning


def make_agent(bench: CoreBench, case: Case) -> DoubleDQN:
    """Double DQN for a passive T-Maze of `case.length` steps, as the training loop makes it."""
    options = {} if case.dropout is None else {"dropout": case.dropout}
    config = RunConfig(
        env=envs.options("PassiveTMaze-v0", length=case.length - 1),
        core=cores.options(case.core, width=bench.width, **options),
        agent=agents.options("ddqn", batch_size=bench.batch_size),
        network=NetworkOptions(obs_embed=bench.width - bench.width // 2, action_embed=bench.width // 2),
        loop=LoopOptions(episodes=1),
    )
    agent = loop.Program(config).agent
    assert isinstance(agent, DoubleDQN)
    return agent


def measure(bench: CoreBench, case: Case) -> Figures:
    """Compile and time acting and learning."""
    agent = make_agent(bench, case)
    # One compilation instead of one an operation.
    state = jax.jit(agent.init)(jax.random.key(0))
    return Figures(
        case=case,
        parameters=parameter_count(state.params),
        acting=None if case.dropout else _act(bench, case, agent.net, state.params, agent.example),
        learning=_learn(bench, case, agent, state),
    )


def episode(net: Any, length: int) -> Callable[[Any, jax.Array], jax.Array]:
    """A function of parameters and observations [T, B, ...] that acts greedily for T steps and returns the actions.

    The network is a `MemoryNet` or a `PolicyNet`. Memory and chosen actions are carried from step to step, as in
    collection; there is no environment.
    """
    apply: Any = net.apply

    def play(params: Any, obs: jax.Array) -> jax.Array:
        rows = obs.shape[1]

        def step(carry: tuple, inputs_t: tuple[jax.Array, jax.Array]) -> tuple[tuple, jax.Array]:
            memory, inputs = carry
            t, obs = inputs_t
            start = jnp.full((rows,), t == 0)
            memory, q = apply(params, memory, Inputs(obs, *inputs[1:]), start, method="step")
            action = jnp.argmax(q, axis=-1).astype(jnp.int32)
            return (memory, Inputs(obs, action, inputs.prev_reward)), action

        carry = (net.initial_state(rows), first_inputs(obs[0]))
        return jax.lax.scan(step, carry, (jnp.arange(length), obs))[1]

    return play


def episodes_like(example: Inputs, length: int, batch_size: int) -> Episodes:
    """A batch of made-up episodes that all take `length` steps: what a computation costs does not depend on values."""
    key = jax.random.key(1)
    return Episodes(
        obs=jax.random.normal(key, (length + 1, batch_size, *example.obs.shape[1:])).astype(example.obs.dtype),
        action=jnp.zeros((length, batch_size), jnp.int32),
        log_prob=jnp.zeros((length, batch_size)),
        deviated=jnp.zeros((length, batch_size), bool),
        reward=jax.random.normal(key, (length, batch_size)),
        length=jnp.full((batch_size,), length, jnp.int32),
        terminated=jnp.ones((batch_size,), bool),
    )


def _act(bench: CoreBench, case: Case, net: MemoryNet, params: Any, example: Inputs) -> Acting:
    obs = episodes_like(example, case.length, bench.act_batch).obs[:-1]
    program = build(episode(net, case.length), params, obs)
    timing = interleave({"act": lambda: program.call(params, obs)}, bench.repeats)["act"]
    return Acting(program, timing)


def _learn(bench: CoreBench, case: Case, agent: Any, state: Any) -> Learning:
    episodes = episodes_like(agent.example, case.length, bench.batch_size)
    program, update = updates(agent.update, state, episodes)
    square = jax.random.normal(jax.random.key(2), (bench.matmul, bench.matmul))
    product = build(jnp.matmul, square, square)
    times = interleave({"matmul": lambda: product.call(square, square), "update": update}, bench.repeats)
    one = times["update"].share(UPDATES)
    return Learning(replace(program, flops=program.flops / UPDATES), one, product.flops / min(times["matmul"].seconds))


def updates(
    update: Callable[[Any, Any, jax.Array], tuple[Any, Any]], state: Any, batch: Any
) -> tuple[Program, Callable[[], Any]]:
    """`UPDATES` updates on the same batch: the program, and a function that goes on with them.

    An `update` is a function of an agent's state, a batch and a key, which gives the new state and metrics.

    As in training, updates are made in a compiled loop, and the old state's memory becomes the new one's; `state` is
    gone with the first call. With one update a call, a CPU would spend a fifth of the time on fetching temporary memory
    from the operating system.
    """
    key = jax.random.key(2)

    def loop(state: Any, batch: Any, key: jax.Array) -> Any:
        def one(index: jax.Array, state: Any) -> Any:
            return update(state, batch, jax.random.fold_in(key, index))[0]

        return jax.lax.fori_loop(0, UPDATES, one, state)

    program = build(loop, state, batch, key, donate=(0,))

    def go_on() -> Any:
        nonlocal state
        state = program.call(state, batch, key)
        return jax.tree.leaves(state)[0]

    return program, go_on
