"""Where signals are kept: a log per writing process, sealed Parquet segments, and the catalog that names them.

Life of a row: ``wal`` (durable, acknowledged) → ``tail`` (read from the log, in memory) → ``seal`` (sorted Parquet,
registered in the ``catalog`` together with the name of the log file that it came from).
"""
