"""A mirror of the store in an MLflow registry: written to it, read back, never believed.

    with Store.open("holdfast.db") as store:
        mirror(store, Mlflow("http://127.0.0.1:5000"))

Each model becomes a registered model, each release a run and a model version, the stages become
tags and aliases. The store says what is true: what was changed over there is set back and told.
"""

from __future__ import annotations

from holdfast.integrations.mlflow.client import Mlflow
from holdfast.integrations.mlflow.mirror import mirror
from holdfast.integrations.mlflow.model import Change, Mirrored
from holdfast.integrations.mlflow.rest import MlflowError

__all__ = ["Change", "Mirrored", "Mlflow", "MlflowError", "mirror"]
