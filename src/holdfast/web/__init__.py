"""Dashboard and pages of models, features and incidents: made on the server, no script."""
