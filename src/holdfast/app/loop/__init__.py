"""The closed loop over a store: losses watched, retraining decided, challengers tried."""
