"""Estimates of resources, latency and energy."""
