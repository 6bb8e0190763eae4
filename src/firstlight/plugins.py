"""Which implementation stands behind a name.

Built-ins are named by text so that asking for one loads it and nothing else; other packages add theirs through entry
points in the group ``firstlight.<kind>``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from firstlight.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

BUILTINS: dict[str, dict[str, str]] = {
    "exporter": {
        "csv": "firstlight.export.csv:CsvExporter",
        "influxdb": "firstlight.export.influx:InfluxFileExporter",
        "influxdb_http": "firstlight.export.influx:InfluxExporter",
        "json": "firstlight.export.jsonl:JsonLinesExporter",
        "lake": "firstlight.store.sink:LakeExporter",
        "memory": "firstlight.export.memory:MemoryExporter",
        "multi": "firstlight.export.multi:MultiExporter",
        "otlp": "firstlight.export.otlp:OtlpExporter",
        "parquet": "firstlight.store.parquet_files:ParquetExporter",
        "prometheus": "firstlight.export.prometheus:PrometheusFileExporter",
        "scrape": "firstlight.export.scrape:ScrapeExporter",
    },
    "receiver": {
        "host": "firstlight.ingest.host:HostReceiver",
    },
}


def names(kind: str) -> list[str]:
    """Return the sorted names of what can be loaded as ``kind``.

    Raises:
        PluginError: there is no such kind.
    """
    return sorted({*_builtins(kind), *(point.name for point in _entry_points(kind))})


def load(kind: str, name: str) -> Any:
    """Return the class or factory called ``name``; a built-in wins over an entry point of the same name.

    Raises:
        PluginError: it is unknown, or importing it failed (a missing extra is named).
    """
    target = _builtins(kind).get(name)
    try:
        if target is not None:
            module, _, attribute = target.partition(":")
            return getattr(import_module(module), attribute)
        for point in _entry_points(kind):
            if point.name == name:
                return point.load()
    except ImportError as error:
        raise PluginError(
            f"the {kind} {name!r} needs a package that is not installed ({error}); try: pip install 'firstlight[hub]'"
        ) from error
    raise PluginError(f"no {kind} called {name!r}; there are: {', '.join(names(kind))}")


def _builtins(kind: str) -> dict[str, str]:
    try:
        return BUILTINS[kind]
    except KeyError:
        raise PluginError(f"no kind of extension called {kind!r}; there are: {', '.join(sorted(BUILTINS))}") from None


def _entry_points(kind: str) -> "EntryPoints":
    # Loaded here because it costs a recording process more than all of its own modules, and most need no entry point.
    from importlib.metadata import entry_points

    return entry_points(group=f"firstlight.{kind}")
