"""scripts/bench: what it makes of its runs."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from comparison import publish
from comparison.__main__ import main
from comparison.result import Result, Table
from comparison.rounds import Case, spread
from comparison.scenarios import faultless
from harness import processes, wait_until

BUILD = Path(__file__).resolve().parent.parent.parent / "build" / "bench"


@pytest.fixture
def run(module_path, nginx_environment):
    """run(*arguments): scripts/bench with the module under test."""
    return lambda *arguments: main(["--module", module_path, *arguments], nginx_environment)


def test_a_scenario_writes_its_results_and_a_plot(run, module_path, tmp_path, capsys):
    chosen = ["--rounds", "2", "--only", "ours,bare-batch", "--against", module_path]
    run("overload", "--quick", *chosen, "--output", str(tmp_path))
    said = capsys.readouterr().out
    assert re.search(r"^\| this module \| \d\.\d+ \(\d\.\d+–\d\.\d+\) \|", said, re.MULTILINE)
    assert re.search(r"^- CPU per delivery, this build / the other: [\d.]+ ", said, re.MULTILINE)
    data = json.loads((tmp_path / "overload.json").read_text())
    assert data["machine"]["nginx"] and data["machine"]["cores"]
    (case,) = data["raw"]
    assert set(case["rounds"]) == {"ours", "against", "bare-batch"}
    assert case["failures"] == {}
    for rounds in case["rounds"].values():
        assert rounds["lost"] == [0, 0]
        assert all(0.99 <= value < 5 for value in rounds["seconds_until_all_arrived"])
    assert "<svg" in (tmp_path / "comparison.svg").read_text()


def test_durable_channels_are_shown_beside_live_ones(run, tmp_path, capsys):
    run("durable", "--quick", "--output", str(tmp_path))
    said = capsys.readouterr().out
    row = r"^\| this module, durable \| \d+ \| [\d.]+ \| [\d.]+ \| 0 \|"
    assert re.search(row, said, re.MULTILINE)
    ratio = "- closed loop, Redis CPU per message, this module, durable / this module: "
    assert ratio in said
    data = json.loads((tmp_path / "durable.json").read_text())
    assert not any("NOT met" in line for line in data["targets"])
    assert [case["case"] for case in data["raw"]] == ["closed loop", "200 messages/s"]
    for case in data["raw"]:
        assert case["failures"] == {}
        assert set(case["rounds"]) == {"ours", "ours-stream", "ours-stream-notified"}
        for rounds in case["rounds"].values():
            assert rounds["lost"] == [0]
            assert rounds["broker.cpu_us_per_message"][0] > 0
        # Only lanes go on waiting for entries.
        lanes, notified = (
            case["rounds"][name]["redis_calls.xread"][0]
            for name in ("ours-stream", "ours-stream-notified")
        )
        assert notified < lanes / 2


def test_a_replay_is_shown_with_its_commands_and_memory(run, tmp_path, capsys):
    run("replay", "--quick", "--output", str(tmp_path))
    said = capsys.readouterr().out
    assert re.search(r"^\| one client, 2,000 entries \| entries/s \|", said, re.MULTILINE)
    data = json.loads((tmp_path / "replay.json").read_text())
    assert len(data["targets"]) == 7
    assert not any("NOT met" in line for line in data["targets"])
    one, many = (case["rounds"]["ours-stream"] for case in data["raw"])
    for rounds in (one, many):
        assert rounds["lost"] == rounds["duplicates"] == rounds["resets"] == [0]
        assert rounds["deliveries_per_second"][0] > 0
    assert 0 < many["server.pss_bytes_before"][0] / 2 < many["server.pss_bytes_peak"][0]
    assert 2 <= one["redis_calls.xrange"][0]
    assert many["redis_calls.xrange"][0] < 100 == data["raw"][1]["load"]["subscribers"]


def test_reading_workers_are_shown_beside_a_redis_that_nobody_reads(run, tmp_path, capsys):
    run("readers", "--quick", "--output", str(tmp_path))
    said = capsys.readouterr().out
    row = r"^\| 2 × 4 \| %s( \| -?[\d.]+){5} \| [3-6] \|$"
    for contender in ("lanes", "notifications"):
        assert re.search(row % contender, said, re.MULTILINE), said
    data = json.loads((tmp_path / "readers.json").read_text())
    (case,) = data["raw"]
    assert case["failures"] == {}
    assert set(case["rounds"]) == {"redis-alone", "ours-readers", "ours-readers-notified"}
    for rounds in case["rounds"].values():
        assert rounds["lost"] == [0]
    ours = [rounds for name, rounds in case["rounds"].items() if name.startswith("o")]
    assert all(rounds["latency_ms.p50"] for rounds in ours)


def test_a_contender_that_fails_is_named_and_the_others_go_on(run, tmp_path):
    wrong = ["--conf-extra", "sse_no_such_thing on;"]
    run("closed", "--quick", "--only", "ours,bare-send", *wrong, "--output", str(tmp_path))
    data = json.loads((tmp_path / "closed.json").read_text())
    for case in data["raw"]:
        assert "sse_no_such_thing" in case["failures"]["ours"]
        assert case["rounds"]["bare-send"]["lost"] == [0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_leaves_no_process_behind_when_it_is_ended(module_path, tmp_path, number):
    root = BUILD.parent.parent
    command = [sys.executable, "-m", "comparison", "overload", "--only", "bare-send"]
    path = f"{root / 't' / 'integration'}:{root / 't' / 'bench'}"
    with open(tmp_path / "said", "wb") as said:
        process = subprocess.Popen(
            [*command, "--module", module_path],
            env={**os.environ, "PYTHONPATH": path},
            stdout=said,
            stderr=said,
        )
    children = wait_until(
        lambda: len(found := processes.children(process.pid)) >= 3 and found,
        "Redis, the loop and the generator",
    )
    children += [grandchild for pid in children for grandchild in processes.children(pid)]
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert "Traceback" not in (tmp_path / "said").read_text()
    wait_until(
        lambda: all(processes.state(pid) in (None, "Z") for pid in children), "they are gone"
    )


def test_wrong_names_are_refused(capsys):
    wrong = (["fast"], ["--only", "theirs"], ["--module", "/nowhere.so"], ["--rounds", "0"])
    for arguments in wrong:
        with pytest.raises(SystemExit):
            main(arguments)
    said = capsys.readouterr().err
    assert 'no scenario "fast"; there are: closed, overload' in said
    assert 'no contender "theirs"; there are: ours' in said
    assert "no module at /nowhere.so" in said
    assert "--rounds is at least 1" in said


def test_the_readme_gets_the_tables_of_all_results_between_its_markers(tmp_path):
    readme, results = tmp_path / "README.md", tmp_path / "results"
    readme.write_text(f"before\n{publish.BEGIN}\nold\n{publish.END}\nafter\n")
    table = Table(["", "x"], [["ours", "1.0"], ["theirs", "2.0"]])
    about = dict(cpu="A CPU", cores=2, kernel="6", nginx="1", redis="7", nchan="1", node="18")
    for name in ("closed", "overload", "slices"):
        result = Result(name, f"Title of {name}", [table], ["x: met"], bars={"ours": 1.0})
        publish.write_json(results, result, about, "scripts/bench")
    assert publish.publish(readme, results, ["closed", "overload", "memory", "slices"])
    text = readme.read_text()
    assert text.startswith(f"before\n{publish.BEGIN}\n\n![What it costs](results/comparison.svg)\n")
    assert text.endswith(f"\n\n{publish.END}\nafter\n")
    assert "old" not in text and "slices" not in text
    lines = "|  | x |\n| --- | --: |\n| ours | 1.0 |\n| theirs | 2.0 |\n\n"
    assert f"**Title of closed**\n\n{lines}**Title of overload**\n\n{lines}A CPU, 2 cores" in text
    assert text.count("A CPU, 2 cores, Linux 6") == 1
    page = (results / "README.md").read_text()
    assert page.index("Title of overload") < page.index("Title of slices")
    assert "- x: met" in page
    readme.write_text("no markers")
    assert not publish.publish(readme, results, ["closed"])
    assert readme.read_text() == "no markers"


def test_ratios_are_taken_within_a_round():
    case = Case("x", {})
    case.results = {
        "ours": {0: {"cpu": 1}, 1: {"cpu": 3}, 2: {"cpu": 30}, 3: {"cpu": 4}},
        "other": {0: {"cpu": 2}, 1: {"cpu": None}, 2: {"cpu": 20}},  # the fourth failed
    }
    assert case.ratios("ours", "other", "cpu") == [0.5, 1.5]
    assert case.ratios("other", "ours", "cpu") == [2, 20 / 30]
    assert spread([3, 1, 2]) == "2.00 (1.00–3.00)"


def test_what_goes_wrong_in_one_round_is_said():
    well = {"lost": 0, "damaged": 0, "duplicates": 0}
    for fault in well:
        case, result = Case("x", {}), Result("x", "X")
        case.results = {"ours": {0: well, 1: {**well, fault: 3}, 2: well}}
        faultless(result, case, "ours")
        assert result.targets == [
            "x, this module, lost, damaged or repeated: 3, at most 0: NOT met"
        ]


def test_a_missing_redis_server_is_said_in_one_line(run, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as stopped:
        run("closed", "--quick")
    assert stopped.value.code == "scripts/bench: no redis-server on the path"
