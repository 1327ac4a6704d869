"""What scripts/mutate-chaos breaks is still there to be broken."""

import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MUTATIONS = tomllib.loads((HERE / "mutations.toml").read_text())["mutation"]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation["name"])
def test_every_mutation_finds_its_place(mutation):
    assert mutation["edits"]
    for edit in mutation["edits"]:
        found = (ROOT / edit["file"]).read_text().count(edit["find"])
        assert found == 1, f"stands {found} times in {edit['file']}: {edit['find']!r}"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation["name"])
def test_every_mutation_has_a_finder(mutation):
    if "test" in mutation:
        assert (ROOT / mutation["test"]).is_file()
    else:
        assert mutation["profile"] in ("A", "B", "C")
