"""Operations counted in compiled programs, against closed formulas and XLA's own count."""

import jax
import jax.numpy as jnp
import pytest

from jaxmem import cores
from jaxmem.benchmarks.cores import Case, CoreBench, episodes_like, make_agent
from jaxmem.benchmarks.flops import matmul_flops
from jaxmem.benchmarks.program import build
from jaxmem.benchmarks.timing import Repeats

BATCH, WIDTH = 4, 32


def unrolled_flops(name, length, **options):
    core = cores.make(name, WIDTH, length, **options)
    x, start = jnp.ones((length, BATCH, WIDTH)), jnp.zeros((length, BATCH), bool).at[0].set(True)
    params = core.init(jax.random.key(0), None, x, start, method="unroll")
    return build(lambda p, x: core.apply(p, None, x, start, method="unroll")[1], params, x).flops  # type: ignore[index]


@pytest.mark.parametrize(("shape", "other"), [((8, 16), (16, 32)), ((3, 8, 16), (3, 16, 32))])
def test_a_product_counts_two_operations_for_each_of_its_elements_products(shape, other):
    program = build(jnp.matmul, jnp.ones(shape), jnp.ones(other))
    batch = shape[0] if len(shape) == 3 else 1
    assert program.flops == 2 * batch * 8 * 16 * 32


def test_products_in_a_loop_count_as_often_as_they_run_even_where_loops_are_nested():
    a = jnp.ones((8, 8))

    def twice(x, _):
        return jax.lax.scan(lambda x, _: (jnp.tanh(x @ a), None), x, None, length=5)[0], None

    program = build(lambda x: jax.lax.scan(twice, x, None, length=7)[0], a)
    assert program.flops == 7 * 5 * 2 * 8**3


def test_a_product_in_a_loop_of_unknown_length_cannot_be_counted():
    a = jnp.ones((8, 8))
    program = build(lambda n, x: jax.lax.fori_loop(0, n, lambda _, x: jnp.tanh(x @ a), x), jnp.int32(3), a)
    assert program.flops != program.flops


def test_the_dearest_branch_counts():
    a = jnp.ones((8, 8))

    def choose(flag, x):
        return jax.lax.cond(flag, lambda x: jnp.tanh(x @ a) @ a, lambda x: x @ a, x)

    assert build(choose, jnp.bool_(True), a).flops == 2 * 2 * 8**3


def test_products_that_are_left_to_a_library_are_counted():
    module = """HloModule jit_matmul

ENTRY %main.4 (a.1: f32[8,16], b.1: f32[16,32]) -> f32[8,32] {
  %a.1 = f32[8,16]{1,0} parameter(0)
  %b.1 = f32[16,32]{1,0} parameter(1)
  %custom-call.1 = (f32[8,32]{1,0}, s8[1024]{0}) custom-call(%a.1, %b.1), custom_call_target="__cublas$gemm", \
backend_config={"gemm_backend_config":{"dot_dimension_numbers":{"lhs_contracting_dimensions":["1"],\
"rhs_contracting_dimensions":["0"],"lhs_batch_dimensions":[],"rhs_batch_dimensions":[]}}}
  ROOT %get-tuple-element.1 = f32[8,32]{1,0} get-tuple-element(%custom-call.1), index=0
}
"""
    assert matmul_flops(module) == 2 * 8 * 16 * 32


def test_the_operations_of_an_lstm_are_those_of_its_formula_and_linear_in_time():
    for length in (8, 16, 24):
        # Four gates, each of the input and of the output before.
        assert unrolled_flops("lstm", length) == length * BATCH * 2 * 4 * (WIDTH**2 + WIDTH**2)


@pytest.mark.parametrize("length", [16, 32])
def test_the_operations_of_a_transformer_are_those_of_its_formula(length):
    # Queries, keys, values, their projection, and an MLP four times as wide; scores and their mean of values.
    formula = length * BATCH * 2 * (12 * WIDTH**2 + 2 * length * WIDTH)
    assert unrolled_flops("gpt", length, dropout=0.0, positions="none") == pytest.approx(formula, rel=0.02)


def test_the_operations_of_a_transformers_update_agree_with_those_that_xla_counts():
    bench = CoreBench(("gpt",), (16,), 4, 1, 128, None, 8, Repeats(1, 0.0))
    case = Case("gpt", 0.0, 16)
    agent = make_agent(bench, case)
    state = jax.eval_shape(agent.init, jax.random.key(0))
    episodes = episodes_like(agent.example, case.length, bench.batch_size)
    program = build(agent.update, state, episodes, jax.random.key(0))
    assert 0.9 * program.xla_flops < program.flops <= program.xla_flops
