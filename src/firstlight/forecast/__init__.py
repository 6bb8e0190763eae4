"""Forecasters, intervals, breaches and their backtest."""
