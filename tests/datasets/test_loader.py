"""Every window once an epoch, the numbers of a window right, and a loader that goes on as if it had not stopped."""

import json

import numpy as np
import pytest
from made_up import trajectory, write

from jaxmem import datasets
from jaxmem.config import ConfigError

COUNT = 13


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> datasets.Dataset:
    return write(tmp_path_factory.mktemp("loader") / "dataset", COUNT)


def windows_of(batch: datasets.Batch) -> list[tuple[int, int]]:
    """Trajectory and first step of each window, read off the observations."""
    assert batch.obs is not None
    np.testing.assert_array_equal(batch.obs[0, :, 1], batch.timestep)
    return [(int(number), int(step)) for number, step in batch.obs[0]]


def assert_equal(one: datasets.Batch, other: datasets.Batch) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("stride", [None, 1, 2])
def test_an_epoch_visits_every_window_once_in_a_new_order(dataset, stride, prefetch, cache):
    loader = datasets.Loader(dataset, 4, 5, stride, seed=1, cache=cache, prefetch=prefetch)
    lengths = [trajectory(number).steps for number in range(COUNT)]
    expected = [
        (number, begin)
        for number, steps in enumerate(lengths)
        for begin in (range(0, steps, stride) if stride else [0])
    ]
    assert loader.windows == len(expected)
    seen: list[tuple[int, int]] = []
    while len(seen) < 4 * loader.windows:
        seen += windows_of(next(loader))
    epochs = [seen[begin : begin + loader.windows] for begin in range(0, 3 * loader.windows, loader.windows)]
    assert all(sorted(epoch) == expected for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert loader.epoch == pytest.approx(len(seen) / loader.windows)


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize(("length", "stride"), [(7, None), (3, 2), (5, 5)])
def test_windows_have_the_trajectorys_numbers_and_zeros_after_them(dataset, length, stride, cache):
    loader = datasets.Loader(dataset, 6, length, stride, cache=cache)
    for _ in range(8):
        batch = next(loader)
        assert batch.obs is not None
        assert (batch.obs.dtype, batch.timestep.dtype, batch.mask.dtype) == (np.int16, np.int32, np.bool)
        for row, (number, begin) in enumerate(windows_of(batch)):
            one = trajectory(number)
            steps = min(length, one.steps - begin)
            assert batch.mask[:, row].tolist() == [t < steps for t in range(length)]
            to_go = np.array([one.reward[t:].sum() for t in range(begin, begin + steps)])
            for values, expected in (
                (batch.obs, one.obs[begin : begin + steps]),
                (batch.action, one.action[begin : begin + steps]),
                (batch.reward, one.reward[begin : begin + steps]),
                (batch.return_to_go, to_go),
            ):
                assert values is not None
                assert values.shape[:2] == (length, 6)
                np.testing.assert_allclose(values[:steps, row], expected, rtol=1e-5, atol=1e-6)
                assert not values[steps:, row].any()


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_restored_loader_goes_on_with_exactly_the_next_batch(dataset, prefetch, cache):
    def loader() -> datasets.Loader:
        return datasets.Loader(dataset, 4, 3, 2, seed=5, cache=cache, prefetch=prefetch)

    whole = loader()
    states, batches = [], []
    for _ in range(15):
        states.append(json.loads(json.dumps(whole.state())))
        batches.append(next(whole))
    for number in range(15):
        other = loader()
        next(other)
        other.restore(states[number])
        for batch in batches[number : number + 3]:
            assert_equal(next(other), batch)


def test_the_order_hangs_on_the_seed_alone(dataset):
    one, same, other = (
        datasets.Loader(dataset, COUNT, 5, seed=seed, cache=cache) for seed, cache in ((0, True), (0, False), (1, True))
    )
    for _ in range(3):
        batch = next(one)
        assert_equal(batch, next(same))
        assert windows_of(batch) != windows_of(next(other))


def test_another_order_of_the_same_loader_is_that_of_a_loader_of_its_own(dataset):
    loader = datasets.Loader(dataset, 4, 5, 2, seed=1, cache=True)
    first = next(loader)
    other, own = loader.reordered(7), datasets.Loader(dataset, 4, 5, 2, seed=7, cache=True)
    for _ in range(9):
        assert_equal(next(other), next(own))
    other.restore(own.state())
    again = datasets.Loader(dataset, 4, 5, 2, seed=1, cache=True)
    assert_equal(first, next(again))
    assert_equal(next(loader), next(again))
    with pytest.raises(ConfigError, match="seed is -1"):
        loader.reordered(-1)


def test_fields_that_are_not_asked_for_are_not_there(dataset):
    batch = next(datasets.Loader(dataset, 4, 5, fields=("action", "return_to_go")))
    assert batch.obs is None
    assert batch.reward is None
    assert batch.action is not None
    assert batch.return_to_go is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"length": 4}, "trajectory 4 has 5 steps"),
        ({"length": 0}, "length is 0: allowed is an integer from 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": True}, "batch_size is True"),
        ({"stride": 0}, "stride is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"prefetch": -1}, "prefetch is -1"),
        ({"fields": ["pixels"]}, "unknown field 'pixels': known are obs, action"),
    ],
)
def test_wrong_arguments(dataset, change, says):
    with pytest.raises(ConfigError, match=says):
        datasets.Loader(dataset, **({"batch_size": 4, "length": 5} | change))


def test_states_of_other_loaders(dataset, tmp_path):
    loader = datasets.Loader(dataset, 4, 5, seed=1)
    state = datasets.Loader(dataset, 4, 5, seed=2).state()
    with pytest.raises(ConfigError, match="seed was 2, now 1"):
        loader.restore(state)
    other = write(tmp_path / "other", COUNT + 1)
    with pytest.raises(ConfigError, match="dataset was"):
        loader.restore(datasets.Loader(other, 4, 5, seed=1).state())
    with pytest.raises(ConfigError, match="batches is none"):
        loader.restore(loader.state() | {"batches": None})
    with datasets.Writer(tmp_path / "empty", datasets.Source()):
        pass
    with pytest.raises(ConfigError, match="no trajectories"):
        datasets.Loader(datasets.open(tmp_path / "empty"), 4, 5)


def test_damage_is_told_by_the_loader(tmp_path):
    damaged = write(tmp_path / "damaged", 5)
    path = next((tmp_path / "damaged").glob("shard-*"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(datasets.DatasetError, match=r"shard-00000-5\.array_record is damaged"):
        next(datasets.Loader(damaged, 4, 5, cache=False))
