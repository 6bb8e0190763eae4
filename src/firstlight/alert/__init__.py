"""Rules, alert states, routing and notifiers."""
