"""What an error of PyTorch's or of the user's own says, in one line."""

from __future__ import annotations


def said(error: Exception) -> str:
    """The first line of its message, or its kind where it has none; of sparse tensors what to do, which PyTorch says in many words."""
    line = (str(error) or type(error).__name__).splitlines()[0]
    if "sparse" in line.lower():
        return "PyTorch does not do this with sparse gradients: take `sparse=False` in the embeddings of a model that is measured"
    return line
