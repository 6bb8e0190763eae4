"""PromQL as Prometheus 3.5 has it, evaluated over whole columns of samples."""
