"""What an error of PyTorch's or of the user's own says, in one line."""

from __future__ import annotations


def said(error: Exception) -> str:
    """The first line of its message, or its kind where it has none."""
    return (str(error) or type(error).__name__).splitlines()[0]
