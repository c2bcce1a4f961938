"""Several hosts on one: network namespaces on a bridge, each with a name of its own.

Files and process ids are shared. A host can be cut off so that nobody is told, as if
a switch had failed: its end of the cable is taken out of the bridge.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Hosts", "hosts", "why_not"]


def _free_network() -> str:
    """Return the first three numbers of addresses that this machine does not have.

    They are of those that RFC 2544 keeps for tests of networks. Another run of the
    tests may have some, or have been killed and left them.
    """
    taken = ""
    if shutil.which("ip"):
        tell = ["ip", "-4", "-oneline", "addr"]
        taken = subprocess.run(tell, capture_output=True, text=True, check=True).stdout
    first = os.getpid()
    networks = [f"198.18.{1 + (first + i) % 250}" for i in range(250)]
    return next(each for each in networks if f" {each}." not in taken)


NETWORK = _free_network()
#: Where this process is in it.
HERE = f"{NETWORK}.1"
DELAY = Path(__file__).with_name("delay.py")


def why_not() -> str:
    """Say why there can be no hosts here; '' if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [each for each in ("ip", "nsenter", "unshare") if not shutil.which(each)]
    if missing:
        return (
            f"there is no {' and no '.join(missing)}: apt install iproute2 util-linux"
        )
    tried = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True)
    return "the kernel gives no network namespaces here" if tried.returncode else ""


class Hosts:
    """Hosts named h1, h2 and so on, and this one, on one network.

    Parameters
    ----------
    tag
        Tells those of one user from those of another: up to six letters.
    """

    def __init__(self, n: int, tag: str) -> None:
        self.names = [f"h{i}" for i in range(1, n + 1)]
        self._tag = tag
        self._bridge = f"{tag}br"
        self._delays: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Make them."""
        ip("link", "add", self._bridge, "type", "bridge")
        ip("addr", "add", f"{HERE}/24", "dev", self._bridge)
        ip("link", "set", self._bridge, "up")
        for name in self.names:
            space, cable = self._space(name), self._cable(name)
            ip("netns", "add", space)
            ip("link", "add", cable, "type", "veth", "peer", "eth0", "netns", space)
            ip("link", "set", cable, "master", self._bridge, "up")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")

    def stop(self) -> None:
        """Remove them, whatever is there of them."""
        for delay in self._delays:
            delay.kill()
            delay.communicate()
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("link", "del", self._bridge)
        for name in self.names:
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("link", "del", self._cable(name))
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "del", self._space(name))

    def words(self, name: str, command: list[str]) -> list[str]:
        """Return the arguments of a process that runs a command on a host.

        It has this process's id, and the host's name and network.
        """
        inside = 'hostname "$0" && exec "$@"'
        entered = ["nsenter", f"--net=/run/netns/{self._space(name)}"]
        return [*entered, "unshare", "--uts", "sh", "-c", inside, name, *command]

    def address(self, name: str) -> str:
        """Return the address of a host."""
        return f"{NETWORK}.{10 + self.names.index(name) + 1}"

    def open_only(self, name: str, *ports: str) -> None:
        """Have a host's firewall drop what others begin, but on some ports.

        Parameters
        ----------
        ports
            As nft says it: `tcp dport 22`, or `ip saddr 192.0.2.1 tcp dport 22`.
        """
        allowed = ["ct state established,related", "iif lo", *ports]
        rules = [f"{each} accept" for each in allowed]
        self._filter(name, rules, policy="drop")

    def _filter(self, name: str, rules: list[str], policy: str = "accept") -> None:
        lines = [
            "flush ruleset",
            "table inet tests {",
            "chain input {",
            f"type filter hook input priority 0; policy {policy}",
            *rules,
            "}",
            "}",
            "",
        ]
        subprocess.run(
            self.words(name, ["nft", "-f", "-"]),
            input="\n".join(lines),
            check=True,
            text=True,
        )

    def delay(self, name: str, milliseconds: float) -> None:
        """Have all that reaches or leaves a host come later."""
        near, far = f"{self._tag}n{name}", f"{self._tag}f{name}"
        words = [sys.executable, str(DELAY), near, far, str(milliseconds)]
        delay = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self._delays.append(delay)
        assert delay.stdout is not None
        assert delay.stdout.readline() == "up\n"
        space, address = self._space(name), f"{self.address(name)}/24"
        ip("link", "set", near, "master", self._bridge, "up")
        ip("link", "set", far, "netns", space)
        ip("-n", space, "addr", "del", address, "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "down")
        ip("-n", space, "link", "set", far, "up")
        ip("-n", space, "addr", "add", address, "dev", far)

    def lose(self, name: str, percent: int) -> None:
        """Have so many of the packets that reach a host be lost."""
        self._filter(name, ["iif lo accept", f"numgen random mod 100 < {percent} drop"])

    def reject(self, name: str) -> None:
        """Have who talks to a host be told that there is no such connection."""
        answer = "meta l4proto tcp reject with tcp reset"
        self._filter(name, ["iif lo accept", answer])

    def open_all(self, name: str) -> None:
        """Take away a host's firewall."""
        self._filter(name, [])

    def cut(self, name: str) -> None:
        """Let nothing reach or leave a host; nobody is told."""
        ip("link", "set", self._cable(name), "nomaster")

    def heal(self, name: str) -> None:
        """Put a host's cable back."""
        ip("link", "set", self._cable(name), "master", self._bridge)

    def _space(self, name: str) -> str:
        return f"{self._tag}-{name}"

    def _cable(self, name: str) -> str:
        return f"{self._tag}{name}"


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def hosts(n: int) -> Iterator[Hosts]:
    """Make some hosts while the block lasts."""
    found = Hosts(n, f"p{os.getpid() % 100_000}")
    try:
        found.start()
        yield found
    finally:
        found.stop()
