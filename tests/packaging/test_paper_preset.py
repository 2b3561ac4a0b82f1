"""The `paper` preset is the published setting, field by field (Ni et al. 2023, their code and budgets)."""

import pytest

from jaxmem import experiment

EPISODES = {
    "passive_tmaze_50": 20000,
    "passive_tmaze_100": 20000,
    "passive_tmaze_250": 16000,
    "passive_tmaze_500": 8000,
    "passive_tmaze_750": 8000,
    "passive_tmaze_1000": 8000,
    "passive_tmaze_1250": 8000,
    "passive_tmaze_1500": 6700,
    "active_tmaze_20": 40000,
    "active_tmaze_50": 40000,
    "active_tmaze_100": 40000,
    "active_tmaze_250": 32000,
    "active_tmaze_500": 16000,
}


def values(config: object, names: str) -> list:
    return [getattr(config, name) for name in names.split()]


def test_every_maze_of_the_paper_is_there():
    assert set(EPISODES) == {name for name, found in experiment.shipped().items() if "paper" in found.presets}


@pytest.mark.parametrize("name", EPISODES)
@pytest.mark.parametrize("core", ["gpt", "lstm"])
def test_paper_preset(name, core):
    config = experiment.find(name).config("paper", core)
    length = int(name.split("_")[-1])
    layers = 2 if name.startswith("active") else 1
    horizon = length + (3 if name.startswith("active") else 1)

    assert values(config.env, "length penalty goal_reward distract_reward") == [length, None, 1.0, 0.0]
    assert values(config.core, "width layers") == [128, layers]
    if core == "gpt":
        assert values(config.core, "heads dropout positions init_std") == [layers, 0.1, "sine", 0.02]
        assert values(config.network, "obs_embed action_embed reward_embed") == [64, 64, 0]
    else:
        assert config.core.forget_bias == 0.0  # type: ignore[attr-defined]
        assert values(config.network, "obs_embed action_embed reward_embed") == [32, 16, 0]
    assert values(config.network, "head dtype") == [(256, 256), "float32"]
    agent = config.agent
    assert values(agent, "discount td_lambda learning_rate max_grad_norm") == [0.99, 0.0, 3e-4, None]
    assert values(agent, "batch_size tau") == [64, 0.005]
    assert values(agent, "epsilon_start epsilon_end epsilon_fraction") == [1.0, None, 0.1]
    assert values(agent, "act_dropout target_dropout separate_selector") == [True, True, True]
    loop = config.loop
    assert values(loop, "episodes collect updates updates_per_step") == [EPISODES[name], 1, None, 0.25]
    assert values(loop, "random_episodes eval_every eval_episodes stop_return") == [10, 10, 10, None]
    # max(1e6, 1000 T) steps.
    assert loop.replay_episodes(horizon) == max(-(-1_000_000 // horizon), 1000)
