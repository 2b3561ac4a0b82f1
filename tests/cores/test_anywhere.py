import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.cores.anywhere import anywhere

MASKS = jnp.array([[False, False], [True, False], [False, False]])


def test_is_the_same_for_all_that_is_mapped():
    assert not anywhere(MASKS[0])
    assert anywhere(MASKS[1])
    assert jax.vmap(anywhere)(MASKS).tolist() == [True] * 3
    assert jax.vmap(anywhere)(MASKS[::2]).tolist() == [False] * 2
    assert jax.vmap(jax.vmap(anywhere))(MASKS).tolist() == [[True] * 2] * 3
    assert jax.vmap(anywhere, in_axes=1)(MASKS).tolist() == [True] * 2


def test_a_mapped_condition_stays_one_with_a_gradient():
    def double_if_any(x, mask):
        return jax.lax.cond(anywhere(mask), lambda: 2 * x, lambda: x)

    mapped = jax.vmap(double_if_any)
    x = jnp.arange(3.0)
    assert "cond[" in str(jax.make_jaxpr(mapped)(x, MASKS))
    np.testing.assert_array_equal(mapped(x, MASKS), 2 * x)
    np.testing.assert_array_equal(jax.grad(lambda x: mapped(x, MASKS).sum())(x), [2.0] * 3)
    np.testing.assert_array_equal(jax.vmap(jax.grad(double_if_any))(x[::2], MASKS[::2]), [1.0] * 2)
