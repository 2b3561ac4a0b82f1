"""Finite tasks found by trying: every state of an environment, every action, every outcome."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.envs import registry
from jaxmem.envs.pomdp import Beginning, Builder, FinitePOMDP, Outcome

# State-action pairs, times draws, that are tried at once.
_AT_ONCE = 2**15
_MOST_PAIRS = 1024
# A fraction is believed that lies within so many standard errors of what was counted.
_STANDARD_ERRORS = 4.0
_DENOMINATORS = range(1, 101)
# How much better larger denominators have to fit, in squared standard errors.
_PER_DENOMINATOR = 2.0
# From here on draws that are mostly different show a continuum.
_ENOUGH_DRAWS = 1000


def explore(env: Any, params: Any, *, draws: int = 16_384, max_states: int = 200_000) -> FinitePOMDP:
    """Write out a gymnax environment as a finite task.

    What is certain is enumerated: whatever the traced `reset_env` or `step_env` does not use its key for is computed
    once for each state and action, and an environment with `layouts(params)` begins in each of its layouts. What is
    random is drawn `draws` times for each state and action. An outcome that is rarer than about `3 / draws` can then be
    missed, and probabilities are replaced by the simplest fractions of one denominator up to 100 that agree with what
    was counted (within 4 standard errors), where those add up to 1. `FinitePOMDP.sampled` says so.

    Args:
        env: a gymnax environment with discrete actions.
        params: its params.
        draws: how often each random outcome is drawn.
        max_states: give up above that.

    Raises:
        ConfigError: actions that are not discrete, no horizon, a random key within the state, or too many states.
    """
    actions = getattr(env.action_space(params), "n", None)
    if actions is None:
        raise ConfigError(f"environment {env.name!r} has actions that are no integers: it cannot be written out")
    # A time limit below the one that is stated ends episodes as well.
    builder = Builder(int(actions), registry.horizon(env, params), max_states)
    try:
        states, random_begin = _begin(env, params, draws, builder)
        random_step = _grow(env, params, draws, builder, states, int(actions))
    except ConfigError as error:
        raise ConfigError(f"environment {env.name!r} cannot be written out: {error}") from error
    except jax.errors.ConcretizationTypeError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"environment {env.name!r} cannot be written out, as it cannot be traced: {reason}"
        ) from error
    return builder.build(draws if random_begin or random_step else 0)


def _begin(env: Any, params: Any, draws: int, builder: Builder) -> tuple[Any, bool]:
    """Add the beginnings: their states that are new, stacked, and whether they were drawn."""
    drawn = False
    if hasattr(env, "layouts"):
        chances, layouts = zip(*env.layouts(params), strict=True)
        obs, states = jax.device_get(begin_all(env, params, layouts))
    else:
        drawn = _uses_key(lambda key: env.reset_env(key, params))
        keys = jax.random.split(jax.random.key(0), draws if drawn else 1)
        _refuse_keys(jax.eval_shape(env.reset_env, keys[0], params)[1])
        obs, states = jax.device_get(jax.jit(jax.vmap(lambda key: env.reset_env(key, params)))(keys))
        chances = None
    _refuse_keys(states)
    state_rows, seen = _rows(states), shown(obs, batch=1)
    if chances is None:
        first, counts = _count(np.concatenate([state_rows, _rows(obs)], axis=1))
        chances = _chances(counts, len(state_rows))
    else:
        first = range(len(state_rows))
    found = builder.begin(
        [Beginning(chance, state_rows[row].tobytes(), seen[row]) for chance, row in zip(chances, first, strict=True)]
    )
    return _take(states, state_rows, found), drawn


def begin_all(env: Any, params: Any, layouts: Sequence[Any]) -> tuple[Any, Any]:
    """Episodes from several layouts: observations and states, stacked."""
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *layouts)
    return jax.jit(jax.vmap(lambda layout: env.reset_to(layout, params)))(stacked)


def _grow(env: Any, params: Any, draws: int, builder: Builder, states: Any, actions: int) -> bool:
    """Add the outcomes of all actions in all states that can be reached; whether any were drawn."""
    one = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), states)
    step = _step(env, params)
    drawn = _uses_key(lambda key: step(key, one, jnp.int32(0)))
    count = draws if drawn else 1
    pairs_at_once = min(_MOST_PAIRS, max(1, _AT_ONCE // count))
    over_keys = jax.vmap(step, (0, None, None))
    run = jax.jit(jax.vmap(over_keys, (None, 0, 0)))
    keys = jax.random.split(jax.random.key(1), count)
    for _ in range(registry.horizon(env, params)):
        rows = _rows(states)
        if not len(rows):
            break
        pairs = list(itertools.product(range(len(rows)), range(actions)))
        reached: list[Any] = []
        for begin in range(0, len(pairs), pairs_at_once):
            part = pairs[begin : begin + pairs_at_once]
            # Always the same number of pairs, so that one program does for all.
            padded = np.array(part + part[-1:] * (pairs_at_once - len(part)))
            batch = jax.tree.map(lambda leaf, chosen=padded[:, 0]: leaf[chosen], states)
            obs, after, reward, ended = jax.device_get(run(keys, batch, jnp.asarray(padded[:, 1], jnp.int32)))
            reached.append(_add(builder, part, rows, (obs, after, reward, ended)))
        states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *reached)
    return drawn


def _add(builder: Builder, pairs: Sequence[tuple[int, int]], rows: np.ndarray, found: tuple) -> Any:
    """Add the outcomes of some states and actions; the states after them that are new."""
    obs, after, reward, ended = found
    draws = reward.shape[1]
    after_rows = _rows(after, batch=2)
    everything = np.concatenate([after_rows, _rows(obs, batch=2), _rows((reward, ended), batch=2)], axis=2)
    seen, chosen, new = shown(obs, batch=2), [], set()
    for pair, (state, action) in enumerate(pairs):
        first, counts = ([0], [1]) if draws == 1 else _count(everything[pair])
        outcomes = []
        for draw, chance in zip(first, _chances(counts, draws), strict=True):
            at = pair, draw
            key = after_rows[at].tobytes()
            outcomes.append(Outcome(chance, key, seen[at], _decimal(reward[at]), bool(ended[at])))
            if not ended[at]:
                chosen.append((key, at))
        new.update(builder.add(rows[state].tobytes(), action, outcomes))
    places = {key: at for key, at in chosen if key in new}
    index = np.array(list(places.values()), dtype=np.int64).reshape(-1, 2)
    return jax.tree.map(lambda leaf: leaf[index[:, 0], index[:, 1]], after)


def _decimal(reward: np.floating) -> float:
    """What somebody wrote who meant this float32: 0.1 and not 0.10000000149, with which sums that tie would not."""
    return float(str(np.float32(reward)))


def _step(env: Any, params: Any) -> Callable[..., tuple]:
    """A step as (obs, state, reward, whether the episode ends)."""

    def step(key: jax.Array, state: Any, action: jax.Array) -> tuple:
        obs, state, reward, terminated, _ = env.step_env(key, state, action, params)
        ended = jnp.asarray(terminated, bool) | jnp.asarray(env.is_truncated(state, params), bool)
        return obs, state, jnp.asarray(reward, jnp.float32).reshape(()), ended.reshape(())

    return step


def _uses_key(function: Callable[[jax.Array], Any]) -> bool:
    """Whether what `function` gives depends on its key, as far as its trace tells."""
    jaxpr = jax.make_jaxpr(function)(jax.random.key(0)).jaxpr
    return 0 in _used(jaxpr, set(range(len(jaxpr.outvars))))


def _used(jaxpr: Any, outputs: set[int]) -> set[int]:
    """Which inputs some outputs of a traced function depend on."""
    needed = {id(jaxpr.outvars[number]) for number in outputs}
    for eqn in reversed(jaxpr.eqns):
        wanted = {number for number, var in enumerate(eqn.outvars) if id(var) in needed}
        if not wanted:
            continue
        inner = eqn.params.get("jaxpr") if eqn.primitive.name in ("jit", "pjit") else None
        used = range(len(eqn.invars)) if inner is None else _used(inner.jaxpr, wanted)
        needed.update(id(eqn.invars[number]) for number in used)
    return {number for number, var in enumerate(jaxpr.invars) if id(var) in needed}


def _refuse_keys(states: Any) -> None:
    if any(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in jax.tree.leaves(states)):
        raise ConfigError(
            "its state holds a random key; allowed is randomness from the key that a step is given, or `as_pomdp`"
        )


def _rows(tree: Any, batch: int = 1) -> np.ndarray:
    """What is in a tree as bytes: uint8 [*batch, bytes]."""
    leaves = [np.ascontiguousarray(leaf) for leaf in jax.tree.leaves(tree)]
    shape = leaves[0].shape[:batch]
    flat = [leaf.reshape(*shape, math.prod(leaf.shape[batch:])) for leaf in leaves]
    return np.concatenate([_bytes(leaf) for leaf in flat], axis=batch)


def _bytes(leaf: np.ndarray) -> np.ndarray:
    # 0.0 and -0.0 are the same number.
    plain = leaf + 0.0 if np.issubdtype(leaf.dtype, np.floating) else leaf
    return np.ascontiguousarray(plain.astype(leaf.dtype)).view(np.uint8)


def shown(obs: Any, batch: int) -> np.ndarray:
    """Observations [*batch, ...] as a finite task has them: arrays as they are, trees of them as bytes."""
    return obs if isinstance(obs, np.ndarray) else _rows(obs, batch)


def _count(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each distinct row is first, in that order, and how often it is there."""
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[-1])))[:, 0]
    _, first, counts = np.unique(whole, return_index=True, return_counts=True)
    order = np.argsort(first)
    return first[order], counts[order]


def _chances(counts: Sequence[int] | np.ndarray, draws: int) -> list[float]:
    """Probabilities of what was counted: fractions of one denominator up to 100 that fit it well and simply, if any.

    Neighbours such as 7/20 and 6/17 cannot be told apart for sure; what is symmetric stays so.

    Raises:
        ConfigError: for so many different outcomes that there must be far more.
    """
    if draws >= _ENOUGH_DRAWS and len(counts) > draws / 2:
        raise ConfigError(f"{draws} draws gave {len(counts)} different outcomes; allowed is a finite task")
    shares = np.asarray(counts) / draws
    errors = np.maximum(np.sqrt(shares * (1 - shares) / draws), 1e-12)
    found, least = shares, np.inf
    for denominator in _DENOMINATORS:
        parts = np.rint(shares * denominator)
        off = float(np.max(abs(parts / denominator - shares) / errors))
        score = off**2 + _PER_DENOMINATOR * math.log(denominator)
        if parts.min() > 0 and parts.sum() == denominator and off <= _STANDARD_ERRORS and score < least:
            found, least = parts / denominator, score
    return found.tolist()


def _take(states: Any, rows: np.ndarray, keys: Sequence[Any]) -> Any:
    """The states whose bytes are `keys`."""
    places = {row.tobytes(): number for number, row in reversed(list(enumerate(rows)))}
    index = np.array([places[key] for key in keys], dtype=np.int64)
    return jax.tree.map(lambda leaf: leaf[index], states)
