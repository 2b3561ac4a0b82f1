"""Rows of tables: columns, and that each is of the right maps."""

import numpy as np
import pytest

from jaxmem.analysis.looking import rows
from jaxmem.analysis.looking.agreement import STATISTICS, agreement, mean_of_frames
from jaxmem.analysis.looking.causal import Effect
from jaxmem.analysis.looking.maps import named_maps
from jaxmem.analysis.looking.objects import attention_on
from jaxmem.analysis.looking.rows import agreement_rows, causal_rows, object_rows

EPISODE = np.repeat(np.arange(6), 4)
NAMES = ("left", "right")


def maps(seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).random((len(EPISODE), len(NAMES), 5, 4))
    return found / found.sum((-2, -1), keepdims=True)


def test_agreement_is_that_of_each_pair_of_which_each_is_ranked_once(monkeypatch):
    looks, before = named_maps(maps(0), NAMES), named_maps(maps(1), NAMES)
    assert list(looks) == ["left", "right", "mean of all"]
    saliency = {"actor": maps(2)[:, 0], "critic": looks["right"] ** 2}
    first = {"actor": before["left"], "critic": maps(3)[:, 0]}
    asked = []
    counted = {name: lambda one, of=of: asked.append(1) or of(one) for name, of in STATISTICS.items()}
    monkeypatch.setattr(rows, "STATISTICS", counted)
    found = agreement_rows(looks, saliency, EPISODE, 7, (before, first))
    assert len(asked) == 2 * 2 * (3 + 2)
    by_name = {(row["map"], row["saliency"], row["statistic"]): row for row in found}
    assert len(found) == len(by_name) == 3 * 2 * 2
    for (name, of, statistic), row in by_name.items():
        one = agreement(looks[name], saliency[of], EPISODE, statistic, 7)
        numbers = {"value": one.value, "null": one.null, "difference": one.difference, "p": one.p}
        numbers |= {"low": one.difference_interval.low, "high": one.difference_interval.high}
        assert {column: row[column] for column in numbers} == numbers
        assert row["untrained"] == agreement(before[name], first[of], EPISODE, statistic, 7).difference
    assert by_name["right", "critic", "rank correlation"]["value"] == pytest.approx(1)
    assert by_name["left", "actor", "rank correlation"]["untrained"] > 0.9
    assert all("untrained" not in row for row in agreement_rows(looks, saliency, EPISODE, 7))


def test_objects_have_the_lift_before_training_beside_their_own():
    ball = np.zeros((len(EPISODE), 5, 4), bool)
    ball[np.arange(len(EPISODE)), np.arange(len(EPISODE)) % 5, 1] = True
    looks, before = {"one": 0.5 * maps(0)[:, 0] + 0.5 * ball}, {"one": maps(1)[:, 0]}
    (row,) = object_rows(looks, before, {"ball": ball, "never": ball & ~ball}, EPISODE, 0)
    after, first = (attention_on(which["one"], {"ball": ball}, EPISODE)["ball"].mass for which in (looks, before))
    assert (row["map"], row["object"], row["area"]) == ("one", "ball", 1 / 20)
    assert (row["mass"], row["lift"], row["untrained"]) == (after.value, after.ratio, first.ratio)
    assert row["lift"] > 2 > row["untrained"]
    assert list(row)[4:9] == ["null", "lift", "low", "high", "untrained"]


def test_effects_are_beside_their_differences():
    rng = np.random.default_rng(0)
    found = {("zero", choice): Effect(*rng.random((2, len(EPISODE)))) for choice in ("most", "random", "other frame")}
    taken = {"most": [1, 1, 0, 0, 0], "random": [0, 0, 1, 1, 0], "other frame": [0, 1, 1, 1, 0]}
    masks = {choice: np.tile(np.array(row, bool), (len(EPISODE), 2, 1)) for choice, row in taken.items()}
    masks["random"][0] = masks["most"][0]
    by_name = {(row["measure"], row["cells"]): row for row in causal_rows(found, masks, EPISODE)}
    cells = ["most", "random", "other frame", "most - random", "most - other frame"]
    assert list(by_name) == [(measure, one) for measure in ("divergence", "value") for one in cells]
    apart = found["zero", "most"].value - found["zero", "other frame"].value
    row = by_name["value", "most - other frame"]
    assert (row["mean"], (row["low"], row["high"])) == mean_of_frames(apart, EPISODE)
    assert (row["fill"], row["frames"], row["episodes"]) == ("zero", 24, 6)
    for measure in Effect._fields:
        assert [by_name[measure, one]["pixels"] for one in cells] == [4, 4, 6, 0, -2]
        # In one of the frames, the random cells are the most attended ones.
        shared = [1, 1 / 24, 1 / 3, 23 / 24, 2 / 3]
        assert [by_name[measure, one]["shared"] for one in cells] == pytest.approx(shared)
