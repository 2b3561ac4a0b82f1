import dataclasses

import jax.numpy as jnp
import pytest
import tyro

from jaxmem import cores
from jaxmem.config import ConfigError, number, replace
from jaxmem.cores import Core, registry
from jaxmem.cores.mlp import MLP


def test_names():
    assert {"gpt", "lstm", "gru", "mlp"} <= set(cores.registered_cores)
    assert len(set(cores.registered_cores)) == len(cores.registered_cores)


@pytest.fixture
def names():
    """Names and cores as they are; what a test registers is forgotten after it."""
    known, named = dict(registry._CORES), list(cores.registered_cores)
    yield
    registry._CORES.clear()
    registry._CORES.update(known)
    cores.registered_cores[:] = named


class Mine(MLP):
    """A core of a user's.

    Attributes:
        gain: how much.
    """

    gain: float = number(1.0)


def test_a_users_core_is_one_like_any_other(names):
    cores.register("mine", Mine)
    assert cores.registered_cores[-1] == "mine"
    assert cores.make("mine", 8, 4, gain=2.0) == Mine(8, 4, gain=2.0)
    assert cores.options("mine", layers=1, gain=3.0).make(4) == Mine(128, 4, layers=1, gain=3.0)
    with pytest.raises(ConfigError, match=r"^core.gain is 'much': allowed is a number$"):
        cores.options("mine", gain="much")


def test_what_cannot_be_registered(names):
    for name, core, message in (
        ("gpt", Mine, "core 'gpt' is registered already: allowed is a new name"),
        ("", Mine, "core.name is '': allowed are letters, digits and . _ -, a letter or digit first"),
        ("--mine", Mine, "core.name is '--mine': allowed are letters"),
        ("mine", Core, "Core lacks initial_state, _step, _unroll: every core has its own"),
        ("mine", Mine(8, 4), "core 'mine' is Mine("),
        ("mine", dict, "core 'mine' is <class 'dict'>: allowed is a subclass of jaxmem.cores.Core"),
    ):
        with pytest.raises(ConfigError) as error:
            cores.register(name, core)  # pyright: ignore[reportArgumentType]
        assert str(error.value).startswith(message)
    assert "mine" not in cores.registered_cores


@pytest.mark.parametrize("name", cores.registered_cores)
def test_options_make_the_same_core(name):
    options = cores.options(name, width=16)
    assert (options.name, options.width, options.path) == (name, 16, "core")
    assert options.make(7, jnp.bfloat16) == cores.make(name, 16, 7, jnp.bfloat16)
    assert options == cores.options(name, width=16)
    assert [f.name for f in dataclasses.fields(options)][:2] == ["name", "width"]
    assert replace(options, layers=3).make(7) == cores.make(name, 16, 7, layers=3)


def test_command_line_sets_options():
    default = cores.options("gpt", heads=2)
    parsed = tyro.cli(type(default), args=["--layers", "3", "--positions", "none"], default=default)
    assert parsed == cores.options("gpt", heads=2, layers=3, positions="none")


@pytest.mark.parametrize(("word", "value"), [("detach", "detach"), ("full", "full"), ("3", 3)])
def test_command_line_takes_a_number_or_a_word(word, value):
    default = cores.options("rmt", memory_gradient=1)
    parsed = tyro.cli(type(default), args=["--memory-gradient", word], default=default)
    assert parsed == cores.options("rmt", memory_gradient=value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rnn", {}, f"core.name is 'rnn': allowed is one of {', '.join(cores.registered_cores)}"),
        ("gpt", {"head": 2}, "unknown option of core gpt 'head': known are "),
        ("mlp", {"heads": 2}, "unknown option of core mlp 'heads': known are "),
        ("lstm", {"layers": 0}, "core.layers is 0: allowed is an integer >= 1"),
        ("gru", {"layers": 1.5}, "core.layers is 1.5: allowed is an integer >= 1"),
        ("mlp", {"width": 0}, "core.width is 0: allowed is an integer >= 1"),
        ("lstm", {"forget_bias": "big"}, "core.forget_bias is 'big': allowed is a number"),
        ("gpt", {"dropout": 1.0}, "core.dropout is 1.0: allowed is a number from 0.0 to 0.99"),
        ("gpt", {"positions": "cosine"}, "core.positions is 'cosine': allowed is one of sine, "),
        (
            "rmt",
            {"memory_gradient": 0},
            "core.memory_gradient is 0: allowed is an integer >= 1 (32 bits), or one of detach, full",
        ),
        ("rmt", {"memory_gradient": "cut"}, "core.memory_gradient is 'cut': allowed is an integer >= 1 (32 bits), or "),
        ("rmt", {"valve": "ca3"}, "core.valve is 'ca3': allowed is one of none, ca2, ca1, gate, gru, lstm"),
        ("rmt", {"valve_heads": 3}, "core.valve_heads is 3: allowed is a divisor of core.width = 16, or none"),
        ("rmt", {"block": "trxl"}, "core.block is 'trxl': allowed is one of gpt, rate"),
        ("gpt", {"heads": 3}, "core.heads is 3: allowed is a divisor of core.width = 16"),
        (
            "gpt",
            {"heads": 16, "positions": "rotary"},
            "core.heads is 16: rotary positions need an even width of each head, which is 1",
        ),
    ],
)
def test_bad_options(name, options, message):
    options = {"width": 16, **options}
    for build in (cores.options, lambda name, **o: cores.make(name, max_length=4, **o)):
        with pytest.raises(ConfigError) as error:
            build(name, **options)
        assert str(error.value).startswith(message)
        assert "\n" not in str(error.value)


def test_bad_length_and_dtype():
    with pytest.raises(ConfigError, match=r"^core.max_length is 0: allowed is an integer >= 1 "):
        cores.make("gpt", 16, 0)
    with pytest.raises(ConfigError, match=r"^core.dtype is int32: allowed is a floating-point"):
        cores.make("gpt", 16, 4, jnp.int32)


X, START = jnp.zeros((3, 2, 8)), jnp.zeros((3, 2), bool)


@pytest.mark.parametrize(
    ("x", "start", "message"),
    [
        (X[0], START, "x has shape"),
        (X[:0], START[:0], "x has shape"),
        (X[..., :5], START, "x is 5 wide, expected the width 8"),
        (X, START.T, "start is bool"),
        (X, START[0], "start is bool"),
        (X, START.astype(jnp.float32), "start is float32"),
        (X[:, :1], START[:, :1], "the state is for 2 rows, but x has 1"),
    ],
)
def test_bad_inputs(x, start, message):
    core = cores.make("gpt", 8, 4)
    state = core.initial_state(2)
    with pytest.raises(ValueError, match=message) as error:
        core.apply({}, state, x, start, method="unroll")
    assert "\n" not in str(error.value)


def test_step_names_its_own_shapes():
    core = cores.make("lstm", 8, 4)
    with pytest.raises(ValueError, match=r"expected a non-empty \[B, D\]"):
        core.apply({}, core.initial_state(2), X, START, method="step")
