"""What a project that uses Firstlight needs to test its own telemetry."""
