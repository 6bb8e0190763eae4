"""OTLP, both ways and in both encodings.

* :mod:`~firstlight.codecs.otlp.write_json`: ``encode_json(batch)``, light enough for a host process.
* :mod:`~firstlight.codecs.otlp.write_wire`: ``encode_wire(batch)``, protobuf.
* :mod:`~firstlight.codecs.otlp.decode`: ``OtlpDecoder``, requests to batches.

What OTLP calls a log record is an event here; ``service.name``, ``service.instance.id``, ``host.name`` and
``process.pid`` are fields of the resource; a scope ``a.b.c`` is subsystem ``a`` and component ``b.c``.
"""
