"""Retraining: policy, veto, window choice, runner, challenger comparison."""
