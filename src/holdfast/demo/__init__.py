"""Stories with known truth, told by the real program: server, store, client and all."""
