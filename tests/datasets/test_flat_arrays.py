"""Flat arrays become trajectories; what is wrong with them is one line."""

import sys

import numpy as np
import pytest
from made_up import content

from jaxmem import datasets, envs
from jaxmem.datasets.flat_arrays import read_arrays


def arrays(**changes) -> dict[str, np.ndarray]:
    """Ten steps: an episode of three that terminates, one of four that times out, and the beginning of a third."""
    flags = np.zeros((2, 10), bool)
    flags[0, 2] = flags[1, 6] = True
    values = {
        "observations": np.arange(20, dtype=np.float32).reshape(10, 2),
        "actions": np.arange(10, dtype=np.float32)[:, None] / 10,
        "rewards": np.arange(10, dtype=np.float64),
        "terminals": flags[0],
        "timeouts": flags[1],
    }
    return values | changes


def test_episodes_are_cut_where_they_end(tmp_path):
    dataset = datasets.from_arrays(arrays(), tmp_path / "a")
    assert [one.steps for one in dataset] == [3, 4]
    first, second = dataset
    assert (first.terminated, first.truncated, second.terminated, second.truncated) == (True, False, False, True)
    np.testing.assert_array_equal(first.obs, [[0, 1], [2, 3], [4, 5], [4, 5]])
    np.testing.assert_array_equal(second.reward, np.arange(3, 7, dtype=np.float32))
    assert second.reward.dtype == np.float32
    np.testing.assert_array_equal(second.action, arrays()["actions"][3:7])
    policy = dataset.meta.source.policy
    assert policy is not None
    assert (policy["name"], policy["steps_left_out"], policy["final_observation"]) == ("imported", 3, "repeated")
    assert dataset.meta.source.env is None
    dataset.verify()


def test_next_observations_tell_what_was_seen_last(tmp_path):
    options = envs.options("OccludedPendulum-v0")
    following = np.full((10, 2), 7, np.float32)
    dataset = datasets.from_arrays(arrays(next_observations=following), tmp_path / "a", options)
    np.testing.assert_array_equal(dataset[0].obs, [[0, 1], [2, 3], [4, 5], [7, 7]])
    assert dataset.env() == options


def test_an_import_goes_on_and_refuses_other_arrays(tmp_path):
    whole = datasets.from_arrays(arrays(), tmp_path / "whole")
    with datasets.Writer(tmp_path / "cut", whole.meta.source) as writer:
        writer.add(whole[0])
    datasets.from_arrays(arrays(), tmp_path / "cut")
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    with pytest.raises(datasets.DatasetError, match=r"another policy\.digest"):
        datasets.from_arrays(arrays(rewards=np.ones(10)), tmp_path / "cut")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"terminals": np.zeros(10), "timeouts": np.zeros(10)}, "no episode ends"),
        ({"actions": np.zeros((9, 1))}, r"actions has the shape \[9, 1\]: allowed is \[10, 1\]"),
        ({"rewards": np.zeros((10, 2))}, r"rewards has the shape \[10, 2\]: allowed is \[10\]"),
        ({"terminals": np.zeros((10, 2))}, r"terminals has the shape \[10, 2\]: allowed is \[10\]"),
        ({"terminals": np.array(True)}, r"has the shape"),
        ({"actions": np.zeros(10, object)}, "the dtype object cannot be stored"),
    ],
)
def test_wrong_arrays(tmp_path, change, says):
    with pytest.raises(datasets.DatasetError, match=says):
        datasets.from_arrays(arrays(**change), tmp_path / "a")


def test_missing_arrays(tmp_path):
    values = arrays()
    del values["rewards"]
    with pytest.raises(datasets.DatasetError, match="no array 'rewards': needed are observations"):
        datasets.from_arrays(values, tmp_path / "a")


def test_files(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez(path, allow_pickle=False, infos=np.zeros(3), **arrays())
    found = read_arrays(path)
    assert set(found) == set(arrays())
    np.savez(path, observations=np.array([{}], object))
    for name, written, says in (
        ("a.npz", None, "Object arrays cannot be loaded"),
        ("b.npz", b"banana", "cannot be read"),
        ("b.csv", b"1,2", "allowed are files that end in .npz"),
        ("none.npz", None, "no file at"),
        ("b.hdf5", b"banana", "h5py"),
    ):
        if written is not None:
            (tmp_path / name).write_bytes(written)
        monkeypatch.setitem(sys.modules, "h5py", None)
        with pytest.raises(datasets.DatasetError, match=says) as caught:
            read_arrays(tmp_path / name)
        assert "\n" not in str(caught.value)
