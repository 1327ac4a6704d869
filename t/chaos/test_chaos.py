"""Promise 3 under fire: durable channels lose nothing, or say so. Longer: scripts/chaos."""

import pytest

from .chaos import Round
from .world import World

SEED = 1

# Two minutes in all.
ROUNDS = [
    ("A", "lanes", 35),
    ("A", "notifications", 20),
    ("B", "lanes", 20),
    ("B", "notifications", 20),
    ("C", "lanes", 25),
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("profile, bells, seconds", ROUNDS)
def test_every_client_gets_every_message_once_or_is_told(
    tmp_path, nginx_binary, module_path, nginx_environment, profile, bells, seconds
):
    world = World(tmp_path, nginx_binary, module_path, nginx_environment, bells)
    print(f"again: scripts/chaos --profile {profile} --bells {bells} --seed {SEED}")
    with world:
        chaos = Round(profile, seconds, SEED, world)
        chaos.run()
    print("\n".join(f"{count:10,} {name}" for name, count in sorted(chaos.counters.items())))
    assert not chaos.findings, "\n".join(chaos.findings[:20])
    assert not chaos.shortcomings, "\n".join(chaos.shortcomings)
