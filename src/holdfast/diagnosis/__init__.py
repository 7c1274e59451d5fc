"""From evidence to a cause, a sentence and one action; incidents as a fold over control events."""
