"""Replays of real streams as if live: what retraining plans cost, on sound and broken rows."""
