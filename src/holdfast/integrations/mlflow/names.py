"""What a model, and what belongs to it, is called in MLflow."""

from __future__ import annotations

import re

#: on a registered model: the name of the model whose mirror it is
MODEL = "holdfast.model"
#: on a registered model: the aliases as the last whole mirroring left them, as JSON
ALIASES = "holdfast.aliases"
#: on a run and a version: the full id of the release
RELEASE = "holdfast.release"
#: on a version: the stage of the release
STAGE = "holdfast.stage"

# what MLflow refuses in a name, what would end a name in its filters, and the escape itself
_ESCAPED = re.compile(r"[%/:'\"`\\\x00-\x1f\x7f]|^[. ]| $")


def registered_name(model: str) -> str:
    """The name of a model's mirror in the registry: different for different models.

    MLflow allows neither ``/`` nor ``:`` in a name, nor a dot in front. These, quotes, control
    characters and ``%`` itself are written as in a URL; everything else stays.

    Args:
        model: name of the model.

    Example:
        >>> registered_name("loan-2.1"), registered_name("team/loan:eu"), registered_name(".")
        ('loan-2.1', 'team%2Floan%3Aeu', '%2E')
    """
    return _ESCAPED.sub(lambda found: "".join(f"%{b:02X}" for b in found[0].encode()), model)


def experiment_name(model: str) -> str:
    """The experiment that holds the runs of a model's releases.

    >>> experiment_name("loan")
    'holdfast/loan'
    """
    return f"holdfast/{model}"
