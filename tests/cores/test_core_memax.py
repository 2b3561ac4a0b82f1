"""The adapter to memax: its cells keep the law, and a missing library is told in one line."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK

from jaxmem import cores
from jaxmem.config import ConfigError
from jaxmem.cores import memax

needs_memax = pytest.mark.skipif(not memax.is_installed(), reason="memax is not installed")


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(memax, "is_installed", lambda: False)
    for build in (lambda: cores.make("memax", 8, 4), lambda: cores.options("memax")):
        with pytest.raises(ConfigError, match=r'^core memax needs the library memax: pip install "jaxmem\[memax\]"$'):
            build()


@needs_memax
def test_parameters_are_those_of_memaxs_model():
    core = cores.make("memax", 4, 8, cell="GRU", layers=2)
    x, start = jnp.ones((3, 2, 5)), jnp.zeros((3, 2), bool)
    run = jax.jit(lambda key: core.init_with_output(key, None, x, start, method="unroll"), compiler_options=QUICK)
    (_, y), params = run(jax.random.key(0))
    leaves = params["params"]["cells"]["cells"]
    assert all(leaf.dtype == jnp.float32 for leaf in leaves.values())
    library = importlib.import_module("memax.equinox.train_utils")
    model = library.get_residual_memory_model("GRU", 5, 4, 4, 2, key=jax.random.key(0), model_kwargs={})
    weights = {name: leaves[name] for name in ("map_in.weight", "map_out.bias", "layers.1.algebra.algebra.U_h.weight")}
    for name, weight in weights.items():
        theirs = model
        for part in name.split("."):
            theirs = theirs[int(part)] if part.isdigit() else getattr(theirs, part)
        assert weight.shape == theirs.shape
        assert weight.std() > 0.05
    assert y.shape == (3, 2, 4)


@needs_memax
@pytest.mark.slow
@pytest.mark.parametrize("cell", memax.CELLS)
def test_every_cell_keeps_the_law(cell):
    # Stack sees four steps, MLP one.
    cores.check_law(cores.make("memax", 8, 16, cell=cell), remembers=cell not in ("Stack", "MLP"))


@needs_memax
def test_the_cells_are_memaxs():
    library = importlib.import_module("memax.equinox.train_utils")
    stacks = library.get_residual_memory_models(1, 1, 1, 0, models="all", key=jax.random.key(0), model_kwargs={})
    assert set(memax.CELLS) == set(stacks) - {"NMax"}
    # Why it is left out: its operator is not associative.
    operator = library.NMaxSemigroup(1)
    object.__setattr__(operator, "decay", jnp.full((1,), 0.5))
    a, b, c = jnp.asarray([[8.0], [1.0], [1.0]])
    assert not np.allclose(operator(operator(a, b), c), operator(a, operator(b, c)))
