"""Holdfast inside what you already run: a decorator for any predict function, ASGI middleware."""

from holdfast.integrations.asgi import GuardMiddleware
from holdfast.integrations.decorator import RowRefusedError, guarded

__all__ = ["GuardMiddleware", "RowRefusedError", "guarded"]
