"""Options and configuration files: what is wrong with them is said in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from parallel import __version__
from parallel.cli.engine import IPEngine
from tests.cli.conftest import Command

COMMANDS = (
    "ipcluster",
    "ipcluster start",
    "ipcluster stop",
    "ipcluster list",
    "ipcontroller",
    "ipengine",
)


@pytest.fixture
def profile() -> Path:
    """Return the folder of a profile `x`, made."""
    folder = Path(os.environ["IPYTHONDIR"]) / "profile_x"
    folder.mkdir()
    return folder


def config_of(command: Command, line: str) -> dict[str, dict[str, object]]:
    """Return the configuration that a command line comes to."""
    status, out, err = command(f"{line} --show-config-json")
    assert status == 0, err
    found: dict[str, dict[str, object]] = json.loads(out)
    return found


@pytest.mark.parametrize("line", COMMANDS)
def test_help(command: Command, line: str) -> None:
    status, out, _ = command(f"{line} --help")
    assert status == 0
    for option in (
        "--profile=",
        "--cluster-id=",
        "--work-dir=",
        "--log-level=",
        "--quiet",
    ):
        assert f"\n{option}" in out
    assert "Examples" in out
    status, longer, _ = command(f"{line} --help-all")
    assert status == 0
    assert "BaseApp.profile_dir" in longer
    assert len(longer) > len(out)


def test_help_all_tells_what_a_cluster_can_be_told(command: Command) -> None:
    assert "--Cluster.start_method=<Enum>" in command("ipcluster start --help-all")[1]


@pytest.mark.parametrize("line", COMMANDS)
def test_version(command: Command, line: str) -> None:
    assert command(f"{line} --version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ipcluster start --bogus", "there is no option --bogus: see --help"),
        ("ipcluster start --bogus=3", "there is no option --bogus"),
        ("ipcluster start -x", "there is no option -x"),
        ("ipcluster start --daemonise", "did you mean --daemonize?"),
        ("ipcluster start -nx", "did you mean --n?"),
        ("ipcluster start --Cluster.m=3", "no option --Cluster.m"),
        ("ipcluster start --Clutser.n=3", "did you mean --Cluster.n?"),
        ("ipcluster start --IPEngine.timeout=3", "no option --IPEngine.timeout"),
        ("ipcluster start -n", "expected one argument"),
        ("ipcluster start 4", "what is '4' for?"),
        ("ipcluster list default", "what is 'default' for?"),
        ("ipcluster list -o yaml", "expected any of ['text', 'json']"),
        ("ipcluster stop --cluster-id=a/b", "no 'a/b'"),
        ("ipcluster start --config=/no/such/file.py", "configuration file /no/such"),
        ("ipcluster start --log-level=LOUD", "not the str 'LOUD'"),
        ("ipcontroller --ports=1-3", "one port is enough for everything: --port="),
        ("ipcontroller --mongodb", "tasks are recorded in a file (--sqlitedb)"),
        ("ipengine --url=tcp://x", "the connection file says where the controller is"),
        ("ipcontroller --port=99999", "should not be greater than 65535"),
        ("ipcontroller --transport=udp", "'udp'"),
        ("ipengine --timeout=soon", "'soon'"),
        ("ipengine file.json", "what is 'file.json' for?"),
    ],
)
def test_bad_options(command: Command, line: str, words: str) -> None:
    status, out, err = command(line)
    assert status != 0
    assert out == ""
    assert len(err.splitlines()) == 1
    assert words in err
    assert "CRITICAL parallel.ip" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ipcluster list --clean-logs --show-config", "--clean-logs is of no effect"),
        ("ipcluster stop --show-config --signal=15", "--signal is of no effect"),
        ("ipcluster stop --signal 15 --show-config", "--signal is of no effect"),
        (
            "ipcontroller --HeartMonitor.period 9 --show-config",
            "--HeartMonitor.period is of no effect: engine_patience",
        ),
        (
            "ipengine --InteractiveShell.colors=nocolor --show-config",
            "--InteractiveShell.colors is of no effect",
        ),
    ],
)
def test_some_options_are_taken_and_change_nothing(
    command: Command, line: str, words: str
) -> None:
    status, _, err = command(line)
    assert status == 0
    assert f"INFO parallel.{line.split()[0]} {words}" in err


@pytest.mark.parametrize(
    "line", ["-n4", "-n 4", "-n=4", "--n 4", "--n=4", "--Cluster.n=4"]
)
def test_the_number_of_engines_is_given_in_many_ways(
    command: Command, line: str
) -> None:
    assert config_of(command, f"ipcluster start {line}")["Cluster"] == {"n": 4}


def test_where_tasks_are_recorded_is_a_flag_of_start_too(command: Command) -> None:
    found = config_of(command, "ipcluster start --dictdb")
    assert found["Cluster"] == {"task_record": "memory"}


def test_the_command_line_wins_over_files(command: Command, profile: Path) -> None:
    profile.joinpath("ipcluster_config.py").write_text(
        "c = get_config()\nc.Cluster.n = 1\nc.Cluster.ip = 'py'\nc.Cluster.port = 1\n"
    )
    profile.joinpath("ipcluster_config.json").write_text(
        json.dumps({"Cluster": {"ip": "json", "port": 2}})
    )
    found = config_of(command, "ipcluster start --profile=x")
    assert found["Cluster"] == {"n": 1, "ip": "json", "port": 2}
    found = config_of(command, "ipcluster start --profile=x -n 5 --ip=line")
    assert found["Cluster"] == {"n": 5, "ip": "line", "port": 2}
    assert "Cluster" not in config_of(command, "ipcluster start")


def test_a_file_on_the_command_line_wins_over_the_profile(
    command: Command, profile: Path, tmp_path: Path
) -> None:
    profile.joinpath("ipengine_config.py").write_text("c.IPEngine.timeout = 1\n")
    more = tmp_path / "more.py"
    more.write_text("c.IPEngine.timeout = 2\n")
    line = f"ipengine --profile=x --config={more}"
    assert config_of(command, line)["IPEngine"]["timeout"] == 2
    assert config_of(command, f"{line} --timeout=3")["IPEngine"]["timeout"] == 3
    _, out, _ = command(f"{line} --show-config")
    assert f"  {profile / 'ipengine_config.py'}\n  {more}\n" in out


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ipcluster_config.py", "x = 1\ny = z\n", ".py, line 2: NameError: name 'z'"),
        ("ipcluster_config.py", "x = (\n", ".py: SyntaxError: "),
        ("ipcluster_config.json", "{", ".json: JSONDecodeError: "),
        (
            "ipcluster_config.py",
            "c.BaseApp.work_dir = 3",
            "/ipcluster_config.py: The 'work_dir' trait",
        ),
    ],
)
def test_files_in_error(
    command: Command, profile: Path, name: str, text: str, words: str
) -> None:
    profile.joinpath(name).write_text(text)
    status, _, err = command("ipcluster start --profile=x")
    assert status == 1
    assert len(err.splitlines()) == 1
    assert words in err


@pytest.mark.parametrize("what", ["stop", "list", "status", "clean", "profile list"])
def test_what_needs_no_configuration_goes_on_without_one_in_error(
    command: Command, profile: Path, what: str
) -> None:
    file = profile / "ipcluster_config.py"
    file.write_text("c.Cluster.n = (\n")
    status, _, err = command(f"ipcluster {what} --profile=x --show-config")
    assert status == 0
    assert f"goes on without a configuration file: {file}: SyntaxError" in err
    assert command(f"ipcluster {what} --profile=x --config={file}")[0] == 1


def test_a_profile_is_found_where_ipython_has_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(line: str) -> str:
        out = command(f"ipcluster start {line} --show-config")[1]
        return out.partition("Loaded config files:\n  ")[2].partition("\n")[0]

    def make(folder: Path) -> str:
        folder.mkdir()
        folder.joinpath("ipcluster_config.py").write_text("c.Cluster.n = 1\n")
        return str(folder / "ipcluster_config.py")

    standard = make(Path(os.environ["IPYTHONDIR"]) / "profile_default")
    by_name = make(Path(os.environ["IPYTHONDIR"]) / "profile_x")
    outright = make(tmp_path / "outright")
    elsewhere = make(tmp_path / "profile_x")
    assert loaded("") == standard
    assert loaded("--profile=x") == by_name
    assert loaded(f"--profile-dir={tmp_path}/outright --profile=x") == outright
    assert loaded(f"--ipython-dir={tmp_path} --profile=x") == elsewhere
    monkeypatch.setenv("IPP_PROFILE_DIR", f"{tmp_path}/outright")
    assert loaded("") == outright
    assert loaded("--profile=x") == by_name


def test_paths_are_seen_from_where_a_command_is_started() -> None:
    app = IPEngine(url_file="a.json", profile_dir="~/b", config_file="/c", work_dir="d")
    assert app.url_file == str(Path.cwd() / "a.json")
    assert app.profile_dir == str(Path.home() / "b")
    assert app.config_file == "/c"


def test_how_much_is_said(command: Command) -> None:
    line = "ipcluster start --config=/no/such/file.py"
    assert "there is no configuration file" in command(f"{line} --quiet")[2]
    debug = command(f"{line} --debug")[2]
    assert "DEBUG parallel.ipcluster" in debug
    assert "Traceback" in debug
