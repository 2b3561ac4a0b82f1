"""The law of memory cores, as a check that anybody can call on a core of their own."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.cores.protocol import Core, lacks_nothing

TOLERANCE = 1e-5
"""The most that numbers which should be equal may differ, in float32."""

QUICK: Any = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""Compiler options for checks whose time is spent on compiling."""

_TIME, _ROWS = 16, 6
_FIRST, _CHUNK = 1, 5
_CARRIED = 5
_EPISODES = (5, 1, 7)


def check_law(core: Core, input_width: int | None = None, *, remembers: bool = True, params: Any = None) -> None:
    """Check that `unroll` is `step` scanned, and that a start hides what came before.

    Runs the checks below in float32 with dropout off, on six or two rows of at most 16 steps. That takes seconds,
    nearly all of them to compile.

    Args:
        core: the core; its `max_length` may be anything.
        input_width: width of the inputs; the core's width if None.
        remembers: whether every step of the episode so far, up to `max_length`, must influence the output; where False,
            at least one must not.
        params: variables of the core; N(0, 0.3^2) if None, large enough that every part matters.

    Raises:
        ConfigError: `core` is not a core, or lacks a method that cores have.
        AssertionError: one line that says what is broken, and by how much.
    """
    if not isinstance(core, Core):
        raise ConfigError(f"core is {core!r}: allowed is an object whose class is a subclass of jaxmem.cores.Core")
    lacks_nothing(type(core))
    width = core.width if input_width is None else input_width
    params = random_parameters(core, width) if params is None else params
    check_shapes(core, params, width)
    check_unroll(core, params, width)
    check_episodes(core, params, width)
    check_carried(core, params, width)
    check_reach(core, params, width, remembers)


def check_shapes(core: Core, params: Any, width: int) -> None:
    """States keep their structure, shapes and dtypes and lead with the rows; outputs are [..., width] in `dtype`."""
    x, start = sequence(1, 2, 3, width)

    initial = jax.eval_shape(lambda: core.initial_state(3))
    for leaf in jax.tree.leaves(initial):
        _expect(core, leaf.shape[:1] == (3,), f"initial_state(3) has a leaf of shape {leaf.shape}, expected (3, ...)")
    for method, state, inputs in (("step", initial, (x[0], start[0])), ("unroll", None, (x, start))):
        state, y = jax.eval_shape(partial(core.apply, method=method), params, state, *inputs)
        same = jax.tree.structure(state) == jax.tree.structure(initial)
        _expect(core, same, f"{method} returns a state that is not built like that of initial_state")
        for new, old in zip(jax.tree.leaves(state), jax.tree.leaves(initial), strict=True):
            kept = (new.shape, new.dtype) == (old.shape, old.dtype)
            _expect(core, kept, f"{method} turns a state leaf {_leaf(old)} into {_leaf(new)}")
        expected = jax.ShapeDtypeStruct((*inputs[1].shape, core.width), core.dtype)
        right = (y.shape, y.dtype) == (expected.shape, expected.dtype)
        _expect(core, right, f"{method} returns {_leaf(y)}, expected {_leaf(expected)}")


def check_unroll(core: Core, params: Any, width: int) -> None:
    """`unroll` from None, from the initial state and in chunks is `step` scanned, and what follows from the states is.

    Rows start episodes at different steps: one nowhere, one in the first step, one in the last, one twice in a row.
    """
    x, _ = sequence(1, _TIME, _ROWS, width)
    start = staggered(_TIME, _ROWS)
    more, no_start = sequence(2, core.max_length + 2, _ROWS, width)

    def run(params: Any) -> tuple[dict[str, jax.Array], jax.Array]:
        initial = core.initial_state(_ROWS)
        unroll: Any = partial(core.apply, params, method="unroll")
        # States need not be equal bit for bit where they are masked: what follows from them must be.
        found = {
            "step": scan_steps(core, params, initial, x, start),
            "unroll from None": unroll(None, x, start),
            "unroll from initial_state": unroll(initial, x, start),
        }
        state, y = unroll(initial, x[:_FIRST], start[:_FIRST])
        chunks = [leaf[_FIRST:].reshape(-1, _CHUNK, *leaf.shape[1:]) for leaf in (x, start)]
        state, rest = jax.lax.scan(lambda state, chunk: unroll(state, *chunk), state, chunks)
        y = jnp.concatenate([y, rest.reshape(-1, *y.shape[1:])])
        found[f"unroll in chunks of {_FIRST} and then {_CHUNK}"] = state, y
        states: Any = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *(state for state, _ in found.values()))
        side_by_side = [jnp.tile(a, (1, len(found)) + (1,) * (a.ndim - 2)) for a in (more, no_start)]
        _, follow = scan_steps(core, params, states, *side_by_side)
        return {name: y for name, (_, y) in found.items()}, follow

    outputs, follow = _compiled(run)(params)
    expected = outputs.pop("step")
    after = jnp.split(follow, 1 + len(outputs), axis=1)
    for (name, y), follows in zip(outputs.items(), after[1:], strict=True):
        _expect_equal(core, f"{name} differs from step scanned over time", y, expected)
        _expect_equal(core, f"steps after {name} differ from steps after step", follows, after[0])


def check_episodes(core: Core, params: Any, width: int) -> None:
    """Episodes in one sequence are episodes alone, in outputs and in gradients by parameters and inputs."""
    x, start = sequence(3, sum(_EPISODES), 2, width)
    weight = jax.random.normal(jax.random.key(4), (*start.shape, core.width))
    begins = np.cumsum((0, *_EPISODES[:-1]))
    start = start.at[begins].set(True)
    longest = max(_EPISODES)
    no_start = jnp.zeros((longest, 2), bool)

    def together(learned: Any) -> Any:
        y = outputs(core, learned["params"], learned["x"], start)
        return (y * weight).sum(), y

    def alone(learned: Any) -> Any:
        # Each episode alone, padded at its end to one length.
        episodes = []
        for begin, length in zip(begins, _EPISODES, strict=True):
            episodes.append(jnp.pad(learned["x"][begin : begin + length], ((0, longest - length), (0, 0), (0, 0))))
        apart = jax.vmap(lambda x: outputs(core, learned["params"], x, no_start))(jnp.stack(episodes))
        y = jnp.concatenate([y[:length] for y, length in zip(apart, _EPISODES, strict=True)])
        return (y * weight).sum(), y

    def run(learned: Any) -> Any:
        return [jax.value_and_grad(f, has_aux=True)(learned) for f in (together, alone)]

    ((_, y_together), of_together), ((_, y_alone), of_alone) = _compiled(run)({"params": params, "x": x})
    names = "episodes in one sequence", "the episodes alone"
    _expect_equal(core, f"outputs of {names[0]} differ from those of {names[1]}", y_together, y_alone)
    _expect_equal_gradients(core, *names, of_together, of_alone)


def check_carried(core: Core, params: Any, width: int) -> None:
    """From a state that other parameters left, `unroll` is `step` scanned, in outputs and in gradients by parameters.

    That is where a learner of its own latest steps begins: its parameters have moved since the state was made.
    """
    x, _ = sequence(6, 2 * _CARRIED, _ROWS, width)
    start = staggered(2 * _CARRIED, _ROWS)
    weight = jax.random.normal(jax.random.key(7), (_CARRIED, _ROWS, core.width))

    def run(params: Any) -> Any:
        state, _ = scan_steps(core, params, core.initial_state(_ROWS), x[:_CARRIED], start[:_CARRIED])

        def unrolled(learned: Any) -> Any:
            y: Any = core.apply(learned["params"], state, x[_CARRIED:], start[_CARRIED:], method="unroll")[1]
            return (y * weight).sum(), y

        def stepped(learned: Any) -> Any:
            y = scan_steps(core, learned["params"], state, x[_CARRIED:], start[_CARRIED:])[1]
            return (y * weight).sum(), y

        moved = {"params": jax.tree.map(lambda p: 0.8 * p, params)}
        return [jax.value_and_grad(f, has_aux=True)(moved) for f in (unrolled, stepped)]

    ((_, y), of_unroll), ((_, expected), of_steps) = _compiled(run)(params)
    names = "unroll from a state of other parameters", "step scanned over time"
    _expect_equal(core, f"{names[0]} differs from {names[1]}", y, expected)
    _expect_equal_gradients(core, *names, of_unroll, of_steps)


def check_reach(core: Core, params: Any, width: int, remembers: bool = True) -> None:
    """An output depends on its episode up to now, and on nothing from the future, another row or an episode before."""
    time, begin, now = 10, 3, 7
    x, start = sequence(5, time, 2, width)
    start = start.at[0].set(True).at[begin, 0].set(True)

    begins_beside = start.at[now - 1, 1].set(True)

    def output(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, y_beside = jax.vmap(lambda start: outputs(core, params, x, start))(jnp.stack([start, begins_beside]))
        # A start is no number that gradients flow from.
        return y[now, 0].sum(), jnp.abs(y - y_beside)[:, 0].max()

    gradient, beside = _compiled(jax.grad(output, has_aux=True))(x)
    _expect(core, beside <= TOLERANCE, f"an output depends on when another row begins an episode, by {beside:.2g}")
    influence = np.abs(np.asarray(gradient)).max(axis=-1)
    forbidden = {
        "another row": influence[:, 1],
        "the episode before": influence[:begin, 0],
        "the future": influence[now + 1 :, 0],
    }
    for what, gradient in forbidden.items():
        _expect(core, (gradient == 0).all(), f"an output depends on {what}, by a gradient of {gradient.max():.2g}")
    _expect(core, influence[now, 0] > 0, "an output does not depend on the input of its own step")
    past = influence[max(begin, now + 1 - core.max_length) : now, 0]
    if remembers:
        lost = f"an output does not depend on {(past == 0).sum()} of the {past.size} steps of its episode before it"
        _expect(core, (past > 0).all(), lost)
    else:
        _expect(core, not (past > 0).all(), "an output depends on every step of its episode, but should not remember")


def random_parameters(core: Core, input_width: int | None = None) -> Any:
    """Parameters N(0, 0.3^2), without compiling the core's own initialisation."""
    width = core.width if input_width is None else input_width
    x, start = sequence(0, 1, 1, width)
    shapes = jax.eval_shape(lambda: core.init(jax.random.key(0), core.initial_state(1), x[0], start[0], method="step"))
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda s: jnp.asarray(rng.normal(scale=0.3, size=s.shape), jnp.float32), shapes)


def sequence(seed: int, time: int, batch: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Random inputs [T, B, width] and no episode start [T, B]."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(time, batch, width)).astype(np.float32)
    return jnp.asarray(x), jnp.zeros((time, batch), bool)


def staggered(time: int, batch: int) -> jax.Array:
    """Episode starts [T, B]: none, the first step, the last step, two in a row, then random ones."""
    start = np.random.default_rng(3).random((time, batch)) < 0.15
    start[:, :4] = False
    start[0, 1] = True
    start[-1, 2] = True
    start[time // 2 : time // 2 + 2, 3] = True
    return jnp.asarray(start)


def outputs(core: Core, params: Any, x: jax.Array, start: jax.Array) -> Any:
    """Outputs of `core.unroll` from the initial state."""
    return core.apply(params, None, x, start, method="unroll")[1]


def scan_steps(core: Core, params: Any, state: Any, x: jax.Array, start: jax.Array) -> Any:
    """`core.step` scanned over time."""

    def body(state: Any, inputs: Any) -> Any:
        return core.apply(params, state, *inputs, method="step")

    return jax.lax.scan(body, state, (x, start))


def _compiled(function: Any) -> Any:
    def exact(*args: Any) -> Any:
        # Matrix products of GPUs and TPUs are shorter than float32 otherwise.
        with jax.default_matmul_precision("float32"):
            return function(*args)

    return jax.jit(exact, compiler_options=QUICK)


def _leaf(leaf: Any) -> str:
    return f"{leaf.dtype.name}{list(leaf.shape)}"


def _expect(core: Core, holds: Any, otherwise: str) -> None:
    if not holds:
        raise AssertionError(f"{type(core).__name__} breaks the law of cores: {otherwise}")


def _expect_equal(core: Core, what: str, got: jax.Array, expected: jax.Array) -> None:
    error = np.abs(np.asarray(got) - np.asarray(expected)).max()
    # Not `error > TOLERANCE`, which is False for NaN.
    _expect(core, error <= TOLERANCE, f"{what} by {error:.2g} (allowed is {TOLERANCE:g})")


def _expect_equal_gradients(core: Core, of: str, instead: str, got: Any, expected: Any) -> None:
    """Of two dicts of gradients by name, relative to the greatest one."""
    # NumPy, since JAX would compile each operation for each shape of a leaf.
    got, expected = (jax.tree.map(np.asarray, tree) for tree in (got, expected))
    scale = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(expected)) or 1.0
    for (path, a), b in zip(jax.tree.leaves_with_path(got), jax.tree.leaves(expected), strict=True):
        by = path[0].key + jax.tree_util.keystr(path[1:])
        what = f"the gradient by {by} of {of} differs from that of {instead}, relatively,"
        _expect_equal(core, what, a / scale, b / scale)
