"""Settings: what an operator can choose, and where it is read from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from holdfast.errors import ConfigError
from holdfast.records import Automatic
from holdfast.serving.exploring import Exploration

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONFIG_FILE = "holdfast.toml"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator can choose. From flags, else environment, else `holdfast.toml`.

    Attributes:
        store: path of the store.
        host, port: where to listen; port 0 takes a free one.
        workers: worker processes.
        ack: ``durable``: an answered prediction is on disk. ``fast``: the answer does not wait
            for the disk; a crash may lose the log entries of the last moments (labels and bulk
            bodies are always durable).
        token_file: tokens with roles; needed for any address that is not loopback.
        allow_hosts: accepted Host names besides loopback and `host`.
        labels: which label counts when a prediction has several: ``last``, ``first``, ``reject``.
        monitor: whether the supervisor also runs the monitor.
        monitor_every: seconds between its steps.
        loop_every: seconds between two looks of the closed loop at the project's model; a look that
            takes long is followed by a longer pause.
        budget: false incidents that the monitor may raise.
        tidy_every: seconds between turns of housekeeping (archiving the log as Parquet).
        retain_days: days after which logged predictions and labels go; None keeps them.
        actions: what is done about an incident without asking: its kind, its class or ``default``
            → ``alert``, ``quarantine``, ``fallback``. Unless it says otherwise: only alerts.
        allow_models: kinds of model that run foreign code and are allowed anyway (``callable``).
        exploration: table ``[serve.exploration]``: the share of the rows decided otherwise that
            get a decision all the same, so that their outcome is known; None: nothing is explored.
        ready_file: a file that gets the URL once requests are served.
    """

    store: str = "holdfast.db"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    ack: Literal["durable", "fast"] = "durable"
    token_file: str | None = None
    allow_hosts: tuple[str, ...] = ()
    labels: Literal["last", "first", "reject"] = "last"
    monitor: bool = True
    monitor_every: float = 0.25
    loop_every: float = 2.0
    budget: str = "1 false incident per month"
    tidy_every: float = 600.0
    retain_days: float | None = None
    actions: dict[str, tuple[Automatic, ...]] = {}
    allow_models: tuple[Literal["callable"], ...] = ()
    exploration: Exploration | None = None
    ready_file: str | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK


def load_settings(
    flags: Mapping[str, Any] | None = None, *, config: str | Path | None = None
) -> Settings:
    """Settings from flags, environment (``HOLDFAST_PORT`` …) and `holdfast.toml`, in this order.

    Args:
        flags: given values; None means not given.
        config: a settings file; default `holdfast.toml` in the working directory, if it exists.
            Its tables ``[serve]`` and ``[actions]`` and the top-level key ``store`` are read.

    Raises:
        ConfigError: naming the setting that is wrong.
    """
    known = Settings.__struct_fields__
    values: dict[str, Any] = {}
    path = Path(config) if config is not None else Path(CONFIG_FILE)
    text = ""
    if config is not None or path.exists():
        try:
            text = path.read_text("utf-8")
            document = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                "the settings file cannot be read", expected="TOML", got=f"{path}: {error}"
            ) from None
        values.update(document.get("serve", {}))
        if "store" in document:
            values["store"] = document["store"]
        if "actions" in document:
            values["actions"] = _actions(document["actions"])
    for name in set(known) - {"actions", "exploration"}:
        told = os.environ.get(f"HOLDFAST_{name.upper()}")
        if told is not None:
            values[name] = told.split(",") if name in ("allow_hosts", "allow_models") else told
    values.update({name: value for name, value in (flags or {}).items() if value is not None})
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(
            "there is no such setting", expected=", ".join(known), got=", ".join(unknown)
        )
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        said = _placed(str(error), text, path.name)
        raise ConfigError("a setting has the wrong form", got=said) from None
    if not 0 <= settings.port <= 65_535 or not 1 <= settings.workers <= 256:
        raise ConfigError(
            "a setting is out of range",
            expected="port 0 to 65535, workers 1 to 256",
            got=f"port={settings.port}, workers={settings.workers}",
        )
    if settings.tidy_every <= 0 or (settings.retain_days is not None and settings.retain_days <= 0):
        raise ConfigError(
            "a setting is out of range",
            expected="tidy_every and retain_days above 0",
            got=f"tidy_every={settings.tidy_every}, retain_days={settings.retain_days}",
        )
    return settings


def _placed(said: str, text: str, name: str) -> str:
    r"""What msgspec says of ``[serve.exploration]``, with line and key; the rest as it is.

    >>> text = '[serve.exploration]\ndecision = "yes"\nshare = 5'
    >>> _placed("Expected `float` <= 0.5 - at `$.exploration.share`", text, "holdfast.toml")
    'holdfast.toml, line 3: serve.exploration.share: Expected `float` <= 0.5'
    """
    what, _, place = said.rpartition(" - at `$.")
    if not place.startswith("exploration"):
        return said
    from holdfast.retraining.reading import line_of

    key = f"serve.{place.rstrip('`')}"
    return f"{name}, line {line_of(text, tuple(key.split('.')))}: {key}: {what}"


def _actions(table: Any) -> Any:
    """The table ``[actions]``; a name that no incident can have would be silently ignored."""
    if not isinstance(table, Mapping):
        return table
    from holdfast.diagnosis.rules import RULES
    from holdfast.diagnosis.words import CLASSES
    from holdfast.monitoring.actions import ARRIVALS

    known = {"default", *CLASSES, *ARRIVALS, *(rule.kind for rule in RULES)}
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigError(
            "[actions] names what no incident is called",
            expected=", ".join(sorted(known)),
            got=", ".join(unknown),
        )
    return table


def named_model(config: Path | None = None) -> str | None:
    """The model that the settings file names; None without a file or a name."""
    try:
        document = tomllib.loads((config or Path(CONFIG_FILE)).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    name = document.get("model")
    return name if isinstance(name, str) else None
