"""Where a cluster's processes run, and what is said of that place."""

from __future__ import annotations

from typing import Any

from traitlets import Any as Anything
from traitlets import Bool, Dict, Float, TraitError, Unicode, validate

from ..errors import LauncherError
from .launchers.launcher import Launcher
from .launchers.options import OF_SYSTEMS, CommonOptions

__all__ = ["LaunchOptions", "kind_of"]

#: What each host's processes are asked for, and no controller.
FOR_ENGINES = {"nodes", "engines_per_node", "cores", "memory"}


def kind_of(chosen: str | type[Launcher]) -> str:
    """Return the name of a launcher that was chosen by name, by path or as a class."""
    return chosen.lower() if isinstance(chosen, str) else chosen.kind


class LaunchOptions(CommonOptions):
    """Which launchers start engines and the controller, and what they are told."""

    engine_launcher_class = Anything(
        "local", help="What starts engines: a name, a dotted path, or a class."
    )
    controller_launcher_class = Anything(
        "local", help="What starts the controller: a name, a dotted path, or a class."
    )
    controller_ip = Unicode(help="The same as ip.")
    controller_location = Unicode(
        help="The name or address by which others reach the controller's host."
    )
    delay = Float(
        0.0, help="Of no effect: engines start as soon as the controller listens."
    )
    send_engines_connection_env = Bool(
        True, help="Of no effect: engines are given what they need to connect."
    )
    environment = Dict(help=CommonOptions.environment.help)

    for _choice in (engine_launcher_class, controller_launcher_class, controller_ip,
                    controller_location, delay, send_engines_connection_env,
                    environment):  # fmt: skip
        _choice.tag(config=True)
    del _choice

    @validate("engine_launcher_class", "controller_launcher_class")
    def _check_launcher(self, proposal: Any) -> str | type[Launcher]:
        chosen = proposal["value"]
        is_class = isinstance(chosen, type) and issubclass(chosen, Launcher)
        if not is_class and not (isinstance(chosen, str) and chosen):
            raise TraitError(
                f"a launcher is chosen by its name, such as 'slurm', by a dotted path "
                f"or as a class derived from Launcher, not by {chosen!r}"
            )
        found: str | type[Launcher] = chosen
        return found

    @property
    def is_spread(self) -> bool:
        """Whether some of its processes run elsewhere than on this host."""
        chosen = (self.engine_launcher_class, self.controller_launcher_class)
        return any(kind_of(each) != "local" for each in chosen)

    @property
    def fits_in_agent(self) -> bool:
        """Whether one agent of this host, as it is, can start all of it."""
        return not (self.is_spread or self.python or self.prologue)

    def see_that_agent_can(self) -> None:
        """Refuse what an agent of this host has no use for.

        Raises
        ------
        LauncherError
            Names it.
        """
        useless = [name for name in self.chosen() if name in OF_SYSTEMS]
        if useless:
            raise LauncherError(
                f"the launcher 'local' has no use for {', '.join(useless)}: engines "
                "run on this host"
            )

    def common_options(
        self, cls: type[Launcher], *, given: set[str], for_engines: bool
    ) -> dict[str, Any]:
        """Return what a launcher is told of the options that all of them have.

        Parameters
        ----------
        cls
            The launcher. What its own section of a configuration file says of it wins,
            and a controller's is not told what it has no use for.
        given
            The options that were given outright.
        """
        config = getattr(self, "config", {})
        sections = cls.section_names()
        own = {name for section in sections for name in config.get(section, {})}
        left_out = own - given
        if not for_engines:
            left_out |= FOR_ENGINES | cls.without
        chosen = {k: v for k, v in self.chosen().items() if k not in left_out}
        if "environment" in chosen:
            pairs = self.environment.items()
            chosen["environment"] = {str(k): str(v) for k, v in pairs}
        return chosen
