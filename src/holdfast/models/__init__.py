"""Models: one file per framework; adopt a trained one, predict, save safely, load.

No member reads a pickle, except ``pickled``, which only an explicit opt-in reaches and which
`forbid_pickle` shuts for the whole process.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import ModelError

if TYPE_CHECKING:
    from holdfast.models.base import Label, Model, ModelMeta

__all__ = ["KINDS", "NEEDS_OPT_IN", "adopt", "forbid_pickle", "load"]

#: kind -> (module, class): the members of the family
KINDS: dict[str, tuple[str, str]] = {
    "sklearn": ("holdfast.models.sklearn", "SklearnModel"),
    "linear": ("holdfast.models.linear", "LinearModel"),
    "lightgbm": ("holdfast.models.lightgbm", "LightGBMModel"),
    "xgboost": ("holdfast.models.xgboost", "XGBoostModel"),
    "onnx": ("holdfast.models.onnx", "OnnxModel"),
    "mixture": ("holdfast.models.mixture", "MixtureModel"),
    "blend": ("holdfast.models.blend", "BlendModel"),
    "nulled": ("holdfast.models.nulled", "NulledModel"),
    "calibrated": ("holdfast.models.calibrated", "CalibratedModel"),
    "callable": ("holdfast.models.callable", "CallableModel"),
    "pickled": ("holdfast.models.pickled", "PickledModel"),
}

#: members that run somebody's code; loading them needs ``allow={"callable"}`` and so on
NEEDS_OPT_IN = frozenset({"callable", "pickled"})

#: module name of an estimator's class -> member, first match wins
_OWNERS = (
    ("lightgbm", "lightgbm"),
    ("xgboost", "xgboost"),
    ("onnxruntime", "onnx"),
    ("onnx", "onnx"),
    ("sklearn", "sklearn"),
    ("imblearn", "sklearn"),
)


def adopt(
    estimator: Any,
    *,
    features: Sequence[str] | None = None,
    positive: Label | None = None,
    categories: Mapping[str, Sequence[Label]] | None = None,
    allow_callable: bool = False,
    allow_pickle: bool = False,
) -> Model:
    """Wrap a trained estimator in the adapter of its framework.

    Args:
        estimator: a fitted scikit-learn estimator or pipeline, a LightGBM or XGBoost model, an
            ONNX model (bytes or ModelProto), or ``"package.module:function"``.
        features: names of the inputs in training order; None takes the estimator's own names.
        positive: label of the positive class; None takes the second of two classes.
        categories: for boosters trained on pandas categories: name → categories in code order.
        allow_callable: permits ``"package.module:function"``, which runs that code in a worker.
        allow_pickle: permits saving by joblib what no safe format can hold. Such a model is never
            loaded by the server.

    Raises:
        ModelError: no adapter knows the estimator, or it has not what the adapter needs.
    """
    from holdfast.models.base import Model

    if isinstance(estimator, Model):
        return estimator
    if isinstance(estimator, str):
        if not allow_callable:
            raise ModelError(
                "a model given by import path runs that code; this needs your consent",
                expected="allow_callable=True",
                got=f"model={estimator!r}",
            )
        from holdfast.models.callable import CallableModel

        return CallableModel.adopt(estimator, features or (), positive=positive)
    kind = "onnx" if isinstance(estimator, bytes) else _kind_of(estimator)
    if kind is None:
        if allow_pickle and hasattr(estimator, "predict"):
            kind = "pickled"
        else:
            raise ModelError(
                "no adapter knows this kind of model",
                expected="scikit-learn, LightGBM, XGBoost, ONNX, or an import path",
                got=f"type={type(estimator).__module__}.{type(estimator).__qualname__}",
                remedy='export it to ONNX, or pass "package.module:function" with allow_callable',
            )
    if kind == "sklearn":
        from holdfast.models.linear_compile import compile_linear
        from holdfast.models.sklearn import take

        plain = take(estimator, features, positive)
        return compile_linear(plain) or plain
    module = importlib.import_module(KINDS[kind][0])
    model: Model = module.adopt(estimator, features, positive, categories)
    return model


def _kind_of(estimator: Any) -> str | None:
    """The member for an estimator, asking only modules that are loaded already."""
    for parent in type(estimator).__mro__:
        root = parent.__module__.partition(".")[0]
        for owner, kind in _OWNERS:
            if root == owner and owner in sys.modules:
                return kind
    return None


def load(
    directory: Path,
    meta: ModelMeta | None = None,
    *,
    main: Model | None = None,
    allow: Collection[str] = (),
) -> Model:
    """Load a saved model.

    Args:
        directory: where `Model.save` wrote it.
        meta: its description; None reads ``model.json``.
        main: the release's main model, which a ``mixture`` asks.
        allow: opt-ins, out of `NEEDS_OPT_IN`.

    Raises:
        ModelError: unknown kind, damaged files, or a kind that needs an opt-in not given.
    """
    from holdfast.models.base import read_meta

    meta = meta if meta is not None else read_meta(directory)
    if meta.kind not in KINDS:
        raise ModelError(
            "the saved model is of a kind this version does not know",
            expected=f"one of {sorted(KINDS)}",
            got=f"kind={meta.kind!r}",
            remedy="upgrade Holdfast, or build the release again",
        )
    if meta.kind in NEEDS_OPT_IN and meta.kind not in allow:
        raise ModelError(
            f"loading a {meta.kind} model runs somebody's code and was not allowed here",
            expected=f"allow={{{meta.kind!r}}}, given only where you trust the files",
            got=f"allow={sorted(allow)}",
            remedy="save it as ONNX, skops or a booster file; the server never loads pickles",
        )
    name, attribute = KINDS[meta.kind]
    try:
        member = getattr(importlib.import_module(name), attribute)
    except ImportError as error:
        raise ModelError(
            f"a package that {meta.kind} models need is not installed",
            got=f"missing={error.name}",
            remedy=f"pip install 'holdfast[{meta.kind}]'",
        ) from error
    if meta.kind in ("mixture", "blend", "nulled", "calibrated"):
        model: Model = member.load(directory, meta, main=main, allow=allow)
        return model
    plain: Model = member.load(directory, meta)
    return plain


_pickle_forbidden = False


def forbid_pickle() -> None:
    """Make unpickling impossible in this process, for good: the server calls this first.

    An audit hook refuses every look-up of a class by the pickle machinery, whoever calls it.
    """
    global _pickle_forbidden
    if _pickle_forbidden:
        return
    _pickle_forbidden = True

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "pickle.find_class":
            raise ModelError(
                "this process does not unpickle",
                got=event,
                remedy="save the model in a safe format; see Release.build",
            )

    sys.addaudithook(refuse)
