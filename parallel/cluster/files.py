"""How a cluster is found again: by its file, by what the file says, or by a dict."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
from traitlets import TraitError

from ..transport.locations import cluster_file as file_of
from ..transport.locations import profile_dir as folder_of
from .dicts import dict_of, record_from
from .launches import is_there
from .records import ClusterRecord, read_record
from .sets import EngineSets

__all__ = ["ClusterFiles", "place_of"]

C = TypeVar("C", bound="ClusterFiles")


class ClusterFiles(EngineSets):
    """What `Cluster` does with its file."""

    #: What `to_dict` tells of a cluster beside what is not as by default.
    TOLD: ClassVar[tuple[str, ...]] = (
        "cluster_id", "profile_dir", "n", "controller_args", "controller_ip",
        "controller_location", "delay",
    )  # fmt: skip

    @classmethod
    def from_file(
        cls: type[C],
        cluster_file: str | Path | None = None,
        *,
        profile: str | None = None,
        profile_dir: str | Path | None = None,
        cluster_id: str = "",
        **options: Any,
    ) -> C:
        """Return a running cluster by its file: by default that of `ipcluster start`.

        Parameters
        ----------
        options
            Options of the cluster that are to be others than those in its file.

        Raises
        ------
        FileNotFoundError
            There is no such file, or what it tells of is gone.
        LauncherError
            It is damaged: what to do.
        """
        path = (
            Path(cluster_file)
            if cluster_file
            else _path(profile, profile_dir, cluster_id)
        )
        record = read_record(path, strict=True)
        if record is None or not is_there(record):
            raise FileNotFoundError(f"no running cluster has the file {path}")
        return cls.from_record(record, **options)

    @classmethod
    def from_record(cls: type[C], record: ClusterRecord, **options: Any) -> C:
        """Return a running cluster that its record tells of."""
        known = {
            "cluster_id": record.cluster_id,
            "profile_dir": record.profile_dir,
            "n": record.n or None,
            "shutdown_atexit": False,
        }
        cluster = cls(**{**record.options, **known, **options})
        cluster._take_up(record)
        return cluster

    @classmethod
    def from_dict(cls: type[C], described: dict[str, Any], **options: Any) -> C:
        """Return the cluster that `to_dict` has told of; what has ended is left out.

        Raises
        ------
        LauncherError
            It was not told by `to_dict`.
        """
        record = record_from(described)
        if record is not None:
            kept = described["cluster"]
            record = msgspec.structs.replace(
                record, options={k: v for k, v in kept.items() if k in cls.KEPT}
            )
            return cls.from_record(record, **options)
        known = {k: v for k, v in described["cluster"].items() if k in cls.TOLD}
        return cls(**{**known, **options})

    def to_dict(self) -> dict[str, Any]:
        """Return, for JSON, what finds this cluster again: see `from_dict`."""
        told = {name: getattr(self, name) for name in self.TOLD}
        cls = f"{type(self).__module__}.{type(self).__qualname__}"
        return dict_of(self.record, {**told, **self.kept_options(), "class": cls})

    def write_cluster_file(self) -> None:
        """Write the file that tells of it, should somebody have removed it."""
        if self._record is not None:
            self._record.write()

    def remove_cluster_file(self) -> None:
        """Remove the file that tells of it: nobody finds it any more."""
        Path(self.cluster_file).unlink(missing_ok=True)

    def update_cluster_file(self) -> None:
        """Bring the file up to date; it is written whenever something changes."""
        if self.controller is None and not self.engines:
            self.remove_cluster_file()
        else:
            self._write_down()

    @property
    def cluster_file(self) -> str:
        """The path of its file, while it runs."""
        return str(file_of(Path(self.profile_dir), self.cluster_id))

    @property
    def record(self) -> ClusterRecord | None:
        """What its file says while it runs."""
        if self._record is None:
            return None
        return read_record(self._record.path) or self._record


def place_of(file: str | Path) -> dict[str, str]:
    """Return which profile's folder and which cluster id have this file.

    Raises
    ------
    TraitError
        A cluster's file cannot be there.
    """
    path = Path(file).expanduser().absolute()
    cluster_id = path.stem.removeprefix("cluster-")
    folder = path.parent.parent
    if not str(file) or path != file_of(folder, cluster_id):
        raise TraitError(
            f"cluster_file={str(file)!r}: a cluster's file is "
            "<profile_dir>/security/cluster-<cluster_id>.json, for others to find it; "
            "give profile_dir and cluster_id, and read cluster_file"
        )
    return {"profile_dir": str(folder), "cluster_id": cluster_id}


def _path(profile: str | None, folder: str | Path | None, cluster_id: str) -> Path:
    return file_of(folder_of(profile, folder=folder), cluster_id)
