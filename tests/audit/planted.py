"""Tables whose truth is known: honest columns, and one leak of a named kind."""

from __future__ import annotations

import numpy as np


def honest(n: int = 1500, seed: int = 0, task: str = "binary") -> dict[str, np.ndarray]:
    """Ten honest columns: numbers, categories, nulls at random; together AUC about 0.8."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    signal = x[:, 0] + 0.6 * x[:, 1] - 0.5 * x[:, 2] + 0.4 * np.abs(x[:, 3])
    table = {f"x{i}": x[:, i] for i in range(6)}
    table["few"] = rng.integers(0, 4, n)
    table["job"] = np.array(["a", "b", "c", "d"])[rng.integers(0, 4, n)]
    table["gaps"] = np.where(rng.random(n) < 0.2, np.nan, x[:, 4] + rng.normal(size=n))
    table["copyish"] = x[:, 0] + rng.normal(size=n)
    noisy = signal + 1.2 * rng.normal(size=n)
    if task == "binary":
        table["y"] = (noisy > 0.5).astype(int)
    elif task == "multiclass":
        table["y"] = np.array(["low", "mid", "high"])[np.digitize(noisy, [-0.4, 0.9])]
    else:
        table["y"] = noisy
    return table


def side(table: dict[str, np.ndarray]) -> np.ndarray:
    """The outcome as -1 and 1, or standardised."""
    y = table["y"]
    if y.dtype.kind == "U":
        return np.where(y == "high", 1.0, -1.0)
    if set(np.unique(y)) <= {0, 1}:
        return np.where(y == 1, 1.0, -1.0)
    return (y - y.mean()) / y.std()


def shuffled(table: dict[str, np.ndarray], seed: int = 1) -> dict[str, np.ndarray]:
    """The same rows in another order."""
    order = np.random.default_rng(seed).permutation(len(table["y"]))
    return {name: values[order] for name, values in table.items()}
