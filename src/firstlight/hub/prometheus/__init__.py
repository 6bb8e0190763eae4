"""The HTTP API of Prometheus 3.5 (https://prometheus.io/docs/prometheus/3.5/querying/api/), for whoever speaks it."""
