"""What the commands have in common: options, configuration files, log and exit."""

from __future__ import annotations

import copy
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from traitlets import Enum, TraitError, Unicode, default, validate
from traitlets.config import Application, Config
from traitlets.config.loader import KVArgParseConfigLoader

from .._version import __version__
from ..cluster.configfiles import file_to_blame, read_config
from ..cluster.profiles import config_folder
from ..cluster.translation import translated
from ..errors import LauncherError, ParallelError
from ..transport.locations import profile_dir
from .options import (
    absolute,
    check_options,
    say_in_one_line,
    with_equals_signs,
)
from .signals import Signalled, Signals

__all__ = ["BaseApp"]

LEVELS = (
    logging.DEBUG,
    logging.INFO,
    logging.WARNING,
    logging.ERROR,
    logging.CRITICAL,
)


class BaseApp(Application):
    """What `ipcluster`, `ipcontroller` and `ipengine` have in common."""

    version = __version__
    #: What the names of its configuration files begin with.
    config_name: ClassVar[str] = ""
    #: Whether words without a dash mean something to it.
    takes_words: ClassVar[bool] = False
    #: Whether what its profile's files say matters to it: else it goes on without those
    #: that are in error.
    needs_config: ClassVar[bool] = True

    #: What each configuration file says that was read.
    _files: Mapping[Path, Config] = MappingProxyType({})

    profile = Unicode(help="The profile's name; by default 'default'.").tag(config=True)
    profile_dir = Unicode(
        help="The profile's folder, which wins over its name. Without either, "
        "$IPP_PROFILE_DIR if that is set."
    ).tag(config=True)
    ipython_dir = Unicode(
        help="The folder of the profiles; by default $IPYTHONDIR, or ~/.ipython."
    ).tag(config=True)
    cluster_id = Unicode(
        help="Tells the clusters of a profile apart; by default $IPP_CLUSTER_ID, or ''."
    ).tag(config=True)
    work_dir = Unicode(
        help="The folder to work in; by default the one that it is started in."
    ).tag(config=True)
    log_level = Enum(
        (*LEVELS, *(logging.getLevelName(level) for level in LEVELS)),
        logging.INFO,
        help="How much to say.",
    ).tag(config=True)
    config_file = Unicode(
        help="One more configuration file, which wins over those of the profile."
    ).tag(config=True)

    aliases = {
        "profile": "BaseApp.profile",
        "profile-dir": "BaseApp.profile_dir",
        "ipython-dir": "BaseApp.ipython_dir",
        "cluster-id": "BaseApp.cluster_id",
        "work-dir": "BaseApp.work_dir",
        "config": "BaseApp.config_file",
    } | Application.aliases
    flags = Application.flags | {
        "quiet": (
            {"Application": {"log_level": logging.CRITICAL}},
            "Say only what went wrong for good.",
        ),
    }

    # Defaults and checks

    @default("cluster_id")
    def _find_cluster_id(self) -> str:
        return os.environ.get("IPP_CLUSTER_ID", "")

    @validate("cluster_id")
    def _check_cluster_id(self, proposal: Any) -> str:
        cluster_id: str = proposal["value"]
        if "/" in cluster_id:
            raise TraitError(f"a cluster id is part of files' names: no {cluster_id!r}")
        return cluster_id

    @validate("profile_dir", "ipython_dir", "config_file")
    def _make_absolute(self, proposal: Any) -> str:
        """See paths from where it was started, whatever the folder to work in."""
        return absolute(proposal["value"])

    @default("log_format")
    def _use_one_format(self) -> str:
        return "%(asctime)s.%(msecs)03d %(levelname)s %(name)s %(message)s"

    @default("log")
    def _log_with_the_package(self) -> logging.Logger:
        return logging.getLogger(f"parallel.{self.config_name}")

    def get_default_logging_config(self) -> dict[str, Any]:
        """Return where what is logged goes: the package's log, to stderr."""
        config = super().get_default_logging_config()
        level = config["handlers"]["console"]["level"]
        config["loggers"] = {
            "parallel": {"level": level, "handlers": ["console"], "propagate": False}
        }
        return config

    @property
    def folder(self) -> Path:
        """The profile's folder, which may not be there yet."""
        return profile_dir(
            self.profile, folder=self.profile_dir or None, ipython=self.ipython_dir
        )

    @property
    def profile_name(self) -> str:
        """What the profile is called, to say."""
        return self.folder.name.removeprefix("profile_")

    # The command line and the files

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read the command line, and the configuration files of the profile."""
        words, said = sys.argv[1:] if argv is None else argv, list[str]()
        try:
            if not words or words[0] not in self.subcommands:
                short = {name for each in (self.aliases, self.flags) for name in each}
                words = with_equals_signs(words, short)
                words, said = translated(str(self.name), words, short)
                check_options(words, short, [type(self), *self.classes])
            self.parse_command_line(words)
            for text in said:
                self.log.info("%s", text)
            if self.subapp is None:
                self._read_all_config()
        except (TraitError, LauncherError) as error:
            self.exit(self.fail(error))

    def _create_loader(self, *args: Any, **kwargs: Any) -> KVArgParseConfigLoader:
        return say_in_one_line(super()._create_loader(*args, **kwargs))

    def _read_all_config(self) -> None:
        if self.extra_args and not self.takes_words:
            raise TraitError(
                f"what is {self.extra_args[0]!r} for? {self.name} takes options only"
            )
        folder, name = self.folder, f"{self.config_name}_config"
        if self.config_name == "ipcluster":
            folder = config_folder(folder)
        for path in (folder / f"{name}.py", folder / f"{name}.json"):
            try:
                if path.exists():
                    self._read_config(path)
            except TraitError as error:
                if self.needs_config:
                    raise
                self.log.warning("goes on without a configuration file: %s", error)
        if self.config_file:
            if not Path(self.config_file).is_file():
                raise TraitError(f"there is no configuration file {self.config_file}")
            self._read_config(Path(self.config_file))

    def _read_config(self, path: Path) -> None:
        """Take a configuration file in; what the command line says wins."""
        found = read_config(path)
        self._loaded_config_files.append(str(path))
        self._files = {**self._files, path: copy.deepcopy(found)}
        found.merge(self.cli_config)
        try:
            self.update_config(found)
        except TraitError as error:
            raise TraitError(self._with_file(error)) from error

    def _with_file(self, error: Exception) -> str:
        """Return an error's words, and which file has set the option that it is of."""
        said = str(error)
        path = file_to_blame(said, self._files, self.cli_config)
        return f"{path}: {said}" if path and str(path) not in said else said

    # Running

    def start(self) -> None:
        """Run, and end this process with the exit status."""
        if self.subapp is not None:
            self.subapp.start()
            return
        try:
            signals = Signals()
            status = self._run_in_folder(signals)
        except Signalled as ended:
            self.log.info("%s", ended)
            status = ended.status
        self.leave(status)

    def _run_in_folder(self, signals: Signals) -> int:
        try:
            if self.work_dir:
                self._go_to(Path(self.work_dir).expanduser())
            return self.run(signals)
        except (ParallelError, TraitError, OSError) as error:
            return self.fail(error)

    def _go_to(self, folder: Path) -> None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise LauncherError(f"cannot work in {folder}: {error.strerror}") from error

    def run(self, signals: Signals) -> int:
        """Do what the command is for, and return its exit status."""
        raise NotImplementedError

    def fail(self, error: Exception, status: int = 1) -> int:
        """Say what went wrong; return the exit status."""
        self.log.critical("%s", self._with_file(error))
        self.log.debug("where it was raised:", exc_info=error)
        return status

    def leave(self, status: int) -> None:
        """End this process."""
        self.exit(status)

    @classmethod
    def main(cls, argv: list[str] | None = None) -> None:
        """Be the command."""
        try:
            cls.launch_instance(argv)
            sys.stdout.flush()
        except BrokenPipeError:  # as in `--help | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
