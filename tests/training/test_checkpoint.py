"""Checkpoints: all of it comes back, in order, and what is damaged or foreign is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem.training.checkpoint import CheckpointError, Checkpoints


def tree(scale: float = 1.0) -> dict:
    return {
        "params": {"w": jnp.arange(6.0).reshape(2, 3) * scale, "b": jnp.ones(3, jnp.bfloat16)},
        "obs": jnp.arange(4000, dtype=jnp.uint8),
        "done": jnp.array([True, False]),
        "memory of nothing": jnp.zeros((2, 0)),
        "count": jnp.int32(7),
        "key": jax.random.split(jax.random.key(3), 2),
    }


def template(**changes) -> dict:
    shapes = jax.eval_shape(tree)
    return shapes | changes


@pytest.fixture
def saved(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, tree(step), {"iteration": step})
    yield checkpoints
    checkpoints.close()


def test_every_leaf_comes_back_and_only_the_last_are_kept(saved):
    assert saved.steps() == [2, 3]
    found, meta = saved.restore(template(), 3)
    assert meta == {"iteration": 3}
    expected = tree(3)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(jax.random.uniform(found["key"][1]), jax.random.uniform(expected["key"][1]))


def test_names_of_checkpoints(saved):
    assert [saved.choose(name) for name in ("latest", "previous", "2")] == [3, 2, 2]
    with pytest.raises(CheckpointError, match="no checkpoint 'banana'.*there are 2, 3"):
        saved.choose("banana")
    saved.forget_after(2)
    assert saved.steps() == [2]
    with pytest.raises(CheckpointError, match="no previous checkpoint"):
        saved.choose("previous")


def test_an_empty_folder_has_none(tmp_path):
    checkpoints = Checkpoints(tmp_path / "none", keep=1)
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        checkpoints.choose("latest")
    checkpoints.close()


def test_another_configuration_is_refused(saved):
    other = template(count=jax.ShapeDtypeStruct((), jnp.float32))
    with pytest.raises(
        CheckpointError, match=r"another configuration: it has \['count'\] int32\[\], this run .*float32"
    ):
        saved.restore(other, 3)


def test_any_file_cut_short_or_missing_is_refused_and_the_previous_one_is_whole(saved):
    """Each file in turn; whatever is not noticed must come back right."""
    expected = tree(3)
    files = sorted(path for path in (saved.folder / "3").rglob("*") if path.is_file() and path.stat().st_size)
    refused = 0
    for path in files:
        content = path.read_bytes()
        for damage in (content[: len(content) // 2], None):
            if damage is None:
                path.unlink()
            else:
                path.write_bytes(damage)
            try:
                found, _ = saved.restore(template(), 3)
            except CheckpointError as error:
                refused += 1
                assert "damaged" in str(error)
                assert "\n" not in str(error)
            else:
                np.testing.assert_array_equal(found["params"]["w"], expected["params"]["w"])
                np.testing.assert_array_equal(found["obs"], expected["obs"])
            path.write_bytes(content)
    assert refused >= 4
    assert float(saved.restore(template(), 2)[0]["params"]["w"][0, 1]) == 2.0


def test_flipped_bytes_are_noticed(saved):
    """Same length, other content: only the digests can tell."""
    noticed = 0
    for path in sorted(p for p in (saved.folder / "3").rglob("*") if p.is_file() and p.stat().st_size > 200):
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(
            content[:middle] + bytes(255 - b for b in content[middle : middle + 40]) + content[middle + 40 :]
        )
        try:
            found, _ = saved.restore(template(), 3)
        except CheckpointError:
            noticed += 1
        else:
            np.testing.assert_array_equal(found["obs"], tree(3)["obs"])
        path.write_bytes(content)
    assert noticed >= 1


def test_nothing_is_pickled(saved):
    pickles = [path for path in saved.folder.rglob("*") if path.is_file() and path.read_bytes()[:1] == b"\x80"]
    assert pickles == []
    assert not [path for path in saved.folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".npy")]


def test_saving_the_same_step_again_keeps_the_first(saved):
    saved.save(3, tree(9.0), {"iteration": 9})
    assert saved.restore(template(), 3)[1] == {"iteration": 3}
