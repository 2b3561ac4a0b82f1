"""The `paper` preset is the published setting, field by field (Ni et al. 2023, their code and budgets)."""

import pytest

from jaxmem import envs, experiment

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


ROOMS = {
    "key_to_door_60": (40000, 85, 2),
    "key_to_door_120": (40000, 145, 2),
    "key_to_door_250": (30000, 275, 2),
    "key_to_door_500": (15000, 525, 2),
    "visual_match_60": (40000, 90, 1),
    "visual_match_120": (30000, 150, 1),
    "visual_match_250": (15000, 280, 1),
    "visual_match_500": (10000, 530, 1),
    "visual_match_750": (10000, 780, 1),
    "visual_match_1000": (10000, 1030, 1),
    "active_visual_match_60": (40000, 90, 2),
    "active_visual_match_120": (30000, 150, 2),
    "active_visual_match_250": (15000, 280, 2),
}


CONTROL = [f"{robot}_{seen}" for robot in ("hopper", "walker2d", "ant", "halfcheetah") for seen in "pv"]


def values(config: object, names: str) -> list:
    return [getattr(config, name) for name in names.split()]


def test_every_task_of_the_paper_is_there():
    games = {f"atari_{game}" for game in ("pong", "enduro", "breakout", "mspacman")}
    assert set(EPISODES) | set(ROOMS) | set(CONTROL) | games == {
        name for name, found in experiment.shipped().items() if "paper" in found.presets
    }


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


@pytest.mark.parametrize("name", ROOMS)
@pytest.mark.parametrize("core", ["gpt", "lstm"])
def test_paper_preset_of_the_rooms(name, core):
    episodes, horizon, layers = ROOMS[name]
    config = experiment.find(name).config("paper", core)
    assert envs.horizon(*config.env.make()) == horizon
    assert values(config.env, "apple_reward final_reward respawn_every num_apples crop") == [1.0, 5.0, 20, 10, True]
    if name.startswith("key"):
        assert config.env.grid == "sr"  # type: ignore[attr-defined]
    else:
        assert config.env.mode == ("active" if name.startswith("active") else "passive")  # type: ignore[attr-defined]
    assert values(config.core, "width layers") == [100 if core == "gpt" else 128, layers]
    if core == "gpt":
        assert values(config.core, "heads dropout positions init_std") == [layers, 0.1, "sine", 0.02]
    else:
        assert config.core.forget_bias == 0.0  # type: ignore[attr-defined]
    assert values(config.network, "encoder obs_embed action_embed reward_embed head dtype") == [
        *("auto", 100, 0, 0),
        *((256, 256), "float32"),
    ]
    agent = config.agent
    assert agent.name == "sac_discrete"
    assert values(agent, "discount td_lambda learning_rate max_grad_norm") == [0.99, 0.0, 3e-4, None]
    assert values(agent, "batch_size tau temperature learn_temperature") == [64, 0.005, 0.1, False]
    assert values(agent, "shared freeze_critic act_dropout") == [True, True, True]
    loop = config.loop
    assert values(loop, "episodes collect updates updates_per_step") == [episodes, 1, None, 0.25]
    assert values(loop, "random_episodes eval_every eval_episodes stop_success") == [10, 50, 20, None]


@pytest.mark.parametrize("name", CONTROL)
@pytest.mark.parametrize("core", ["gpt", "lstm", "mlp"])
def test_paper_preset_of_occluded_control(name, core):
    config = experiment.find(name).config("paper", core)
    robot, seen = name.split("_")
    assert values(config.env, "id occlude time_limit repeat noise") == [f"brax/{robot}", seen.upper(), 1000, 1, 0.0]
    assert values(config.core, "width") == [128]
    if core == "gpt":
        assert values(config.core, "layers heads dropout positions init_std") == [1, 1, 0.1, "sine", 0.02]
    embeds = {"gpt": [64, 64], "lstm": [32, 16], "mlp": [32, 0]}[core]
    assert values(config.network, "obs_embed action_embed reward_embed") == [*embeds, 0]
    assert values(config.network, "head head_init embed_init skip centre") == [
        (256, 256),
        "orthogonal",
        "orthogonal",
        False,
        False,
    ]
    assert values(config.agent, "name learning_rate max_grad_norm batch_size context tau discount") == [
        "td3",
        3e-4,
        None,
        256,
        64,
        0.005,
        0.99,
    ]
    assert values(config.agent, "policy_delay shared freeze act_noise target_noise target_noise_clip td_lambda") == [
        1,
        True,
        "all",
        0.1,
        0.2,
        0.5,
        0.0,
    ]
    assert values(
        config.loop, "collect updates updates_per_step random_episodes episodes eval_every eval_episodes"
    ) == [
        1,
        None,
        1.0,
        10,
        1500,
        5,
        10,
    ]
    assert config.loop.replay_steps == 1_000_000
