"""Linear recurrent unit (Orvieto et al. 2023, arXiv:2303.06349)."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, choice, number
from jaxmem.cores.linear import LinearCore, LinearLayer
from jaxmem.cores.time_constants import log_time_constants


class LRULayer(LinearLayer):
    """A diagonal recurrence with constant decays, whose moduli cannot leave (0, 1).

        lambda = exp(-exp(nu) + i exp(theta))
        h' = lambda * h + exp(gamma) * B x
        y = Re(C h) + D * x

    With `max_phase` 0 all of it is real and there is no theta. B has N(0, 1 / (2 width)) in each part, C has
    N(0, 1 / units), D has N(0, 1). exp(gamma) is sqrt(1 - |lambda|^2) at first, so that white noise as an input makes
    states of one size, whatever their decay; or 1 with `unit_gain`, so that a single input leaves a trace of one size.
    """

    ring: tuple[float, float] | None
    max_phase: float
    unit_gain: bool

    def setup(self) -> None:
        """Parameters, float32."""
        shape, parts = (self.units,), 2 if self.max_phase else 1
        self.nu = self.param("nu", self._initial_nu, shape)
        if self.max_phase:
            self.theta = self.param("theta", self._initial_theta, shape)
        nu = self.nu
        of_noise = jnp.zeros_like(nu) if self.unit_gain else 0.5 * jnp.log(-jnp.expm1(-2 * jnp.exp(nu)))
        self.gamma = self.param("gamma", lambda key: of_noise)
        normal = nn.initializers.normal
        self.input = nn.Dense(
            parts * self.units, use_bias=False, dtype=self.dtype, kernel_init=normal((2 * self.width) ** -0.5)
        )
        self.output = nn.Dense(self.width, use_bias=False, dtype=self.dtype, kernel_init=normal(self.units**-0.5))
        self.skip = self.param("skip", normal(1.0), (self.width,))

    def _initial_nu(self, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        if self.ring is None:
            return -log_time_constants(key, shape, self.longest)
        low, high = (radius**2 for radius in self.ring)
        # Lemma 3.2. A modulus of exactly 0 or 1 would have no finite logarithm.
        squared = jnp.clip(jax.random.uniform(key, shape, minval=low, maxval=high), 1e-6, 1 - 1e-6)
        return jnp.log(-0.5 * jnp.log(squared))

    def _initial_theta(self, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return jnp.log(jax.random.uniform(key, shape, minval=1e-6 * self.max_phase, maxval=self.max_phase))

    def drive(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inputs [M, width] -> lambda [units] and the projected inputs [M, units]."""
        projected = self.input(x).astype(jnp.float32)
        modulus, scale = jnp.exp(-jnp.exp(self.nu)), jnp.exp(self.gamma)
        if not self.max_phase:
            return modulus, scale * projected
        phase = jnp.exp(self.theta)
        real, imaginary = jnp.split(projected, 2, axis=-1)
        decay = jax.lax.complex(modulus * jnp.cos(phase), modulus * jnp.sin(phase))
        return decay, jax.lax.complex(scale * real, scale * imaginary)

    def read(self, hidden: jax.Array, x: jax.Array) -> jax.Array:
        """State [M, units] and inputs [M, width] -> outputs [M, width]."""
        # Re(C h) is a real product with both parts of h; the sign of C's imaginary part is arbitrary.
        parts = jnp.concatenate([hidden.real, hidden.imag], axis=-1) if self.max_phase else hidden
        return self.output(parts.astype(self.dtype)) + self.skip.astype(self.dtype) * x


class LRU(LinearCore):
    """Linear recurrent units in blocks, each with norm, GELU and gated linear unit; the input may be of any width.

    Time constants are -1 / log |lambda| in steps. Where they are spread, they are log-uniform from 1 to `reach` times
    `max_length` at first; on a ring, lambda is uniform on the ring between `r_min` and `r_max`, as in the paper.

    Attributes:
        layers: number of blocks.
        state_width: complex numbers in the state of a layer (real ones if `max_phase` is 0); the width if none.
        reach: longest time constant at first, as a multiple of `max_length`, where time constants are spread.
        scan: associative (in parallel over time), sequential (one step after the other; the faster one on CPUs), or
            auto, which takes the faster one.
        block: what is around each recurrence: gated (norm, GELU, gated linear unit, sum) or bare (nothing).
        spectrum: spread (log-uniform time constants) or ring (the paper's).
        r_min: inner radius of the ring.
        r_max: outer radius of the ring.
        max_phase: phases of lambda are uniform up to this at first, at most 2 pi as in the paper; 0 makes all real.
        gain: how large inputs are at first: noise (states are of one size where inputs are white noise, the paper's) or
            unit (a single input leaves a trace of one size, however long it lasts; for rare cues among inputs that
            embed to nothing, see `network.centre`).
    """

    spectrum: str = choice("spread", ["spread", "ring"])
    r_min: float = number(0.0, 0.0, 1.0)
    r_max: float = number(1.0, 0.0, 1.0)
    max_phase: float = number(2 * math.pi, 0.0, 2 * math.pi)
    gain: str = choice("noise", ["noise", "unit"])

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.r_min >= self.r_max:
            raise ConfigError(f"core.r_min is {self.r_min}: allowed is a number < core.r_max = {self.r_max}")

    @property
    def state_dtype(self) -> Any:
        """Complex64, or float32 with phases of 0."""
        return jnp.complex64 if self.max_phase else jnp.float32

    def make_layer(self, longest: float) -> LRULayer:
        """A new layer of the stack."""
        ring = (self.r_min, self.r_max) if self.spectrum == "ring" else None
        return LRULayer(self.width, self.units, longest, self.dtype, ring, self.max_phase, self.gain == "unit")
