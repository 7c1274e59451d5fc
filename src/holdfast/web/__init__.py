"""The dashboard: one page, made on the server, without a script."""
