"""The HTTP application on one port: OTLP in, JSON, Prometheus text, live streams and the page out."""
