"""Cores of the library memax (github.com/smorad/memax), which comes with `jaxmem[memax]`."""

import functools
import importlib
import importlib.util
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, choice, integer
from jaxmem.cores.protocol import Core

CELLS = (
    "FFM",
    "S6",
    "LRU",
    "LinearRNN",
    "FART",
    "FWP",
    "DeltaNet",
    "DeltaProduct",
    "GDN",
    "PSpherical",
    "Spherical",
    "Stack",
    "Attention",
    "Attention-RoPE",
    "Attention-ALiBi",
    "GRU",
    "LSTM",
    "MGU",
    "Elman",
    "ElmanReLU",
    "MLP",
)
"""Memax's layers, without NMax: with decays other than 1 its operator is not associative, so that what it computes
depends on how a sequence is cut."""


class MemaxState(NamedTuple):
    """What a stack of memax's layers remembers.

    Attributes:
        fresh: bool [B], True before the first step, which is then a start. The initial states of some cells are
            parameters, so that they cannot be given here; memax's own reset puts them in.
        carry: memax's recurrent states, with leading axis B.
    """

    fresh: jax.Array
    carry: Any


class Cells(nn.Module):
    """Memax's residual stack of layers, an Equinox module whose arrays are the parameter `cells` of this one.

    Attributes:
        cell: memax's name of the layers.
        width: width of the layers and of the output.
        layers: number of layers.
    """

    cell: str
    width: int
    layers: int

    @nn.compact
    def __call__(self, input_width: int) -> Any:
        """The Equinox module: `(carry, (x [T, input_width], start [T])) -> (carries [T, ...], y [T, width])`."""
        equinox = importlib.import_module("equinox")
        build = functools.partial(_build, self.cell, input_width, self.width, self.layers)
        module = equinox.filter_eval_shape(build, jax.random.key(0))
        shapes, rest = equinox.partition(module, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
        paths, structure = jax.tree.flatten_with_path(shapes)
        names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]

        def initial(key: jax.Array) -> dict[str, jax.Array]:
            arrays = jax.tree.leaves(equinox.filter(build(key), equinox.is_array))
            return dict(zip(names, arrays, strict=True))

        arrays = self.param("cells", initial)
        return equinox.combine(jax.tree.unflatten(structure, [arrays[name] for name in names]), rest)


class Memax(Core):
    """A stack of layers of the library memax, with its linear maps around them; the input may be of any width.

    All of it is memax's code with memax's settings (`get_residual_memory_models`), in float32: FFM (Morad et al. 2023),
    S6, DeltaNet, gated DeltaNet, linear attention and others. Its Attention looks back 20 steps, its Stack 4, and its
    MLP has no memory. Resets are memax's, too, but NaN in a state outlives them.

    Attributes:
        cell: memax's name of the layers.
        layers: number of layers.

    Raises:
        ConfigError: also if memax is not installed.
    """

    cell: str = choice("FFM", CELLS)
    layers: int = integer(1, low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_installed():
            raise ConfigError('core memax needs the library memax: pip install "jaxmem[memax]"')

    def setup(self) -> None:
        """The cells, as parameters and how to use them."""
        self.cells = Cells(self.cell, self.width, self.layers)

    def initial_state(self, batch_size: int) -> MemaxState:
        """Fresh, with zeros for what the first step will put in."""
        carry = _carry(self.cell, self.width, self.layers)
        zeros = jax.tree.map(lambda leaf: jnp.zeros((batch_size, *leaf.shape), leaf.dtype), carry)
        return MemaxState(jnp.ones((batch_size,), bool), zeros)

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        state, y = self._unroll(state, x[None], start[None], deterministic)
        return state, y[0]

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        del deterministic
        if state is None:
            state = self.initial_state(x.shape[1])
        cells = self.cells(x.shape[-1])
        start = start.at[0].set(start[0] | state.fresh)

        def row(carry: Any, x: jax.Array, start: jax.Array) -> tuple[Any, jax.Array]:
            carries, y = cells(carry, (x, start))
            return cells.latest_recurrent_state(carries), y

        carry, y = jax.vmap(row, in_axes=(0, 1, 1), out_axes=(0, 1))(state.carry, x.astype(jnp.float32), start)
        return MemaxState(jnp.zeros_like(state.fresh), carry), y.astype(self.dtype)


def is_installed() -> bool:
    """Whether memax and what its cells are written with are installed."""
    return all(importlib.util.find_spec(name) for name in ("memax", "equinox"))


def _build(cell: str, input_width: int, width: int, layers: int, key: jax.Array) -> Any:
    # Imported here, since it takes seconds.
    library = importlib.import_module("memax.equinox.train_utils")
    return library.get_residual_memory_model(cell, input_width, width, width, layers, key=key, model_kwargs={})


@functools.cache
def _carry(cell: str, width: int, layers: int) -> Any:
    """Shapes and dtypes of a row's recurrent states, which do not depend on the input's width."""
    key = jax.random.key(0)
    return jax.eval_shape(lambda key: _build(cell, 1, width, layers, key).initialize_carry(None), key)
