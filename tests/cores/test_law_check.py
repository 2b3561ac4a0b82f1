"""The check of the law: what is broken is found, and told in one line."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jaxmem import cores
from jaxmem.config import ConfigError, choice


class Leaky(cores.Core):
    """A leaky sum of projected inputs, sound or with one fault."""

    fault: str = choice(
        "none", ["none", "start", "state", "future", "rows", "starts", "gradient", "nan", "blind", "dtype"]
    )

    def setup(self) -> None:
        self.project = nn.Dense(self.width)

    def initial_state(self, batch_size: int) -> jax.Array:
        return jnp.zeros((batch_size, self.width))

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        if self.fault == "starts":
            start = jnp.full_like(start, start.any())
        if self.fault != "start":
            state = cores.reset_rows(state, self.initial_state(x.shape[0]), start)
        projected = self.project(x)
        if self.fault == "rows":
            projected += projected.mean(0)
        state = 0.9 * state + (0 if self.fault == "blind" else projected)
        return state.astype(jnp.bfloat16) if self.fault == "dtype" else state, state

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        if self.fault == "future":
            x = x + jnp.roll(x, -1, axis=0)
        if state is None or self.fault == "state":
            state = self.initial_state(x.shape[1])

        def body(state: Any, inputs: Any) -> tuple[Any, jax.Array]:
            t, x, start = inputs
            state, y = self._step(state, x, start, deterministic)
            if self.fault == "gradient":
                # The forward pass is right, but the past is learned from in the first steps alone.
                state = jnp.where(t < 3, state, jax.lax.stop_gradient(state))
            return state, y * (jnp.nan if self.fault == "nan" else 1)

        return jax.lax.scan(body, state, (jnp.arange(x.shape[0]), x, start))


@pytest.mark.parametrize("input_width", [None, 3])
def test_a_sound_core_passes(input_width):
    cores.check_law(Leaky(4, 100), input_width)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("start", "outputs of episodes in one sequence differ from those of the episodes alone by "),
        ("state", "unroll in chunks of 1 and then 5 differs from step scanned over time by "),
        ("future", "unroll from None differs from step scanned over time by "),
        ("rows", "an output depends on another row, by a gradient of "),
        ("starts", "an output depends on when another row begins an episode, by "),
        ("gradient", "the gradient by params['params']['project']['bias'] of episodes in one sequence differs from "),
        ("nan", "unroll from None differs from step scanned over time by nan (allowed is 1e-05)"),
        ("blind", "an output does not depend on the input of its own step"),
        ("dtype", "step turns a state leaf float32[3, 4] into bfloat16[3, 4]"),
    ],
)
def test_a_fault_is_told_in_one_line(fault, message):
    with pytest.raises(AssertionError) as error:
        cores.check_law(Leaky(4, 3, fault=fault))
    assert str(error.value).startswith(f"Leaky breaks the law of cores: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("core", "message"),
    [
        (Leaky, "core is <class 'test_law_check.Leaky'>: allowed is an object whose class is a subclass of"),
        (cores.Core(4, 20), "Core lacks initial_state, _step, _unroll: every core has its own"),
    ],
)
def test_what_is_no_core_is_told_in_one_line(core, message):
    with pytest.raises(ConfigError, match=message):
        cores.check_law(core)


class Forgetful(Leaky):
    """Has no memory."""

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        return state, self.project(x)


def test_what_must_be_remembered_is_the_callers_word():
    cores.check_law(Forgetful(4, 20), remembers=False)
    with pytest.raises(AssertionError, match="does not depend on 4 of the 4 steps of its episode before it"):
        cores.check_law(Forgetful(4, 20))
    with pytest.raises(AssertionError, match="depends on every step of its episode, but should not remember"):
        cores.check_law(Leaky(4, 20), remembers=False)


class Recomputing(cores.Core):
    """A leaky sum of projected inputs that is projected anew when a chunk begins."""

    def setup(self) -> None:
        self.project = nn.Dense(self.width, use_bias=False)

    def initial_state(self, batch_size: int) -> Any:
        return jnp.zeros((batch_size, self.width)), jnp.zeros((batch_size, self.width))

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        given, projected = cores.reset_rows(state, self.initial_state(x.shape[0]), start)
        projected = 0.9 * projected + self.project(x)
        return (0.9 * given + x, projected), projected

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        given, _ = self.initial_state(x.shape[1]) if state is None else state

        def body(state: Any, inputs: Any) -> tuple[Any, jax.Array]:
            x, start = inputs
            return self._step(state, x, start, deterministic)

        return jax.lax.scan(body, (given, self.project(given)), (x, start))


def test_states_outlive_the_parameters_that_made_them():
    # Right as long as parameters stay the same.
    with pytest.raises(AssertionError, match="unroll from a state of other parameters differs from step scanned over"):
        cores.check_law(Recomputing(4, 3))
