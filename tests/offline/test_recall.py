"""What memory holds: a planted cue is found, exchanges are made where they should be, and attention is what it was."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from offline_cases import small

from jaxmem import cores, envs
from jaxmem.config import ConfigError
from jaxmem.cores.rmt import RMTState
from jaxmem.offline.learner import LearnState
from jaxmem.offline.looking import looks_of
from jaxmem.offline.memory_report import flipped, memory_report, write_report
from jaxmem.offline.options import SequenceOptions
from jaxmem.offline.program import OfflineProgram
from jaxmem.offline.recall import CHANGES, Recall, Recaller, partners, probe, token_swapped

STEPS, ROWS = 8, 16
KEY = jax.random.key(1)


@pytest.fixture(scope="module")
def program() -> OfflineProgram:
    core = cores.options("rmt", width=8, layers=2, heads=1, segment=3, tokens=2, dropout=0.0, bits=True)
    return OfflineProgram(replace(small("rmt", seeds=1), core=core), 1.0)


@pytest.fixture(scope="module")
def state(program) -> LearnState:
    return jax.jit(program.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def recaller(program) -> Recaller:
    return Recaller(program, STEPS, ROWS)


@pytest.fixture(scope="module")
def params(state):
    return jax.tree.map(lambda leaf: leaf[0], state.params)


def test_episodes_are_played_as_without_watching(program, state, recaller, params):
    recall = recaller.play(params, KEY)
    assert recall.memories.shape == (recaller.borders, ROWS, 2, 8) == (2, ROWS, 2, 8)
    assert set(np.unique(recall.memories)) <= {-1.0, 1.0}
    assert set(recall.cue) == {-1, 1}
    # The clue is in the first observation alone.
    np.testing.assert_array_equal(recall.seen.obs[0, :, 1], recall.cue)
    assert not recall.seen.obs[1:, :, 1].any()
    player = program.player(program.config.env.with_horizon(STEPS).make()[1])
    outcome = player.play(params, KEY, ROWS)
    np.testing.assert_array_equal(recall.success, outcome["success"] > 0.5)


def test_changes_are_made_at_their_border_alone(recaller, params):
    plain = recaller.play(params, KEY)
    first = recaller.play(params, KEY, CHANGES["zero"], at=1)
    np.testing.assert_array_equal(first.memories[0], plain.memories[0])
    # What came of it: without the cue's memory the next one is another.
    assert (first.memories[1] != plain.memories[1]).any()
    last = recaller.play(params, KEY, CHANGES["zero"])
    np.testing.assert_array_equal(last.memories, plain.memories)


def test_a_swap_flips_what_turns_as_its_memory_says():
    """Stand-ins: memory is the sum of what was seen of the clue, and at the flag it decides."""

    class Told:
        tokens_per_step = 1

        def initial_state(self, batch_size):
            zeros = jnp.zeros((batch_size, 2, 8))
            return RMTState(zeros, (), (), jnp.zeros((batch_size,), jnp.int32))

        def apply(self, params, memory, seen, start, method):
            del params, start, method
            held = memory.memory.at[:, 0, 0].add(seen.obs[:, 1])
            turn = jnp.where(held[:, 0, 0] > 0, 1, 3)
            return memory._replace(memory=held), jax.nn.one_hot(jnp.where(seen.obs[:, 2] == 1, turn, 0), 4)

    program: Any = OfflineProgram(small("rmt", seeds=1), 1.0)
    object.__setattr__(program, "learner", replace(program.learner, model=Told()))
    recaller = Recaller(program, STEPS, ROWS)
    plain = recaller.play({}, KEY)
    assert plain.success.all()
    assert not recaller.play({}, KEY, CHANGES["swapped"]).success.any()
    assert flipped(plain, recaller.play({}, KEY, CHANGES["swapped"])) == 1
    assert flipped(plain, recaller.play({}, KEY, token_swapped(0))) == 1
    assert flipped(plain, recaller.play({}, KEY, token_swapped(1))) == 0
    # With nothing in memory it turns one way, whatever the cue.
    np.testing.assert_array_equal(recaller.play({}, KEY, CHANGES["zero"]).success, plain.cue < 0)


def test_an_episode_that_is_not_brought_to_its_end_is_no_flip():
    nothing: Any = None
    solved, failed, acted = np.array([True, True, False]), np.zeros(3, bool), np.array([True, False, True])
    plain = Recall(np.ones(3, int), np.zeros((1, 3, 1, 1)), nothing, solved, np.ones(3, bool))
    changed = replace(plain, success=failed, acted=acted)
    assert flipped(plain, changed) == 0.5
    assert np.isnan(flipped(changed, plain))


def test_changes_do_what_they_say():
    memories = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    cue, generator = np.array([-1, 1, 1, -1]), np.random.default_rng(0)
    other = partners(cue)
    assert (cue[other] == -cue).all()
    np.testing.assert_array_equal(CHANGES["true"](memories, other, generator), memories)
    np.testing.assert_array_equal(CHANGES["swapped"](memories, other, generator), memories[other])
    assert not CHANGES["zero"](memories, other, generator).any()
    drawn = CHANGES["random"](memories, other, generator)
    assert all(set(drawn[:, m, f]) <= set(memories[:, m, f]) for m in range(2) for f in range(3))
    one = token_swapped(1)(memories, other, generator)
    np.testing.assert_array_equal(one[:, 0], memories[:, 0])
    np.testing.assert_array_equal(one[:, 1], memories[other, 1])
    with pytest.raises(ConfigError, match="same cue"):
        partners(np.ones(3, int))


def test_the_probe_finds_a_planted_cue_and_nothing_in_noise():
    generator = np.random.default_rng(0)
    cue = generator.choice([-1, 1], 400)
    noise = generator.normal(size=(400, 3, 8))
    planted = noise.copy()
    planted[:, 1, 4] += 3 * cue
    assert probe(planted, cue) > 0.95
    assert 0.4 < probe(noise, cue) < 0.6
    assert 0.35 < probe(np.ones((400, 3, 8)), cue) < 0.65


def test_attention_is_that_of_the_steps_that_were_seen(program, recaller, params):
    recall = recaller.play(params, KEY)
    looks = looks_of(recaller, params, recall)
    layers, heads, tokens, rows = looks.write.shape
    assert (layers, heads, tokens, rows) == (2, 1, 2, 7)
    np.testing.assert_allclose(looks.write.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(looks.read.sum(-1), 1, rtol=1e-5)
    # The decision falls in the first step of the last segment: it sees the memory and itself.
    assert (looks.read[..., :3] > 0).all()
    assert not looks.read[..., 3:].any()


def test_looking_at_a_segment_says_what_unrolling_says(program, params):
    model = program.learner.model
    recaller = Recaller(program, 5, 4)
    seen = jax.tree.map(jnp.asarray, recaller.play(params, KEY).seen)
    seen = jax.tree.map(lambda leaf: leaf[:3], seen)
    start = jnp.zeros((3, 4), bool).at[0].set(True)
    _, expected = model.apply(params, None, seen, start, method="unroll")
    got = model.apply(params, jnp.zeros((4, 2, 8)), jnp.zeros(4, jnp.int32), seen, method="look")
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_report_is_written_with_its_figure(program, state, tmp_path):
    told: list[str] = []
    report = memory_report(program, state, STEPS, ROWS, jax.random.key(1), told.append)
    assert report.probes.shape == (1, 2)
    assert report.by_token.shape == (1, 2)
    assert len(told) == 1
    files = write_report([report], tmp_path, "memory")
    assert all(path.stat().st_size > 0 for path in files)
    assert files[1].read_text().startswith("| steps | seed | success, true memory |")


def test_what_has_no_memory_to_look_at_is_refused():
    with pytest.raises(ConfigError, match="core is lstm: allowed is rmt with memory tokens"):
        Recaller(OfflineProgram(small("lstm"), 1.0), STEPS, ROWS)
    core = cores.options("rmt", width=8, segment=4, tokens=2)
    config = replace(small("rmt"), core=core, model=SequenceOptions(tokens="interleaved"))
    with pytest.raises(ConfigError, match="core.segment is 4: allowed is a multiple of the 3 tokens of a step"):
        Recaller(OfflineProgram(config, 1.0), STEPS, ROWS)
    with pytest.raises(ConfigError, match="steps are 4: allowed are 5 or more"):
        Recaller(OfflineProgram(small("rmt"), 1.0), 4, ROWS)
    config = replace(small("rmt"), env=envs.options("UmbrellaLength-v0", length=5))
    with pytest.raises(ConfigError, match="UmbrellaLength-v0 has no cue"):
        Recaller(OfflineProgram(config, 1.0), STEPS, ROWS)
