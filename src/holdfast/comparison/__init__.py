"""Two tables or profiles compared: what differs, whether it matters, what the cause may be."""
