"""Checks of a recipe: whether its hyper-parameters are possible and its parts fit together. Does not import torch.

`check_recipe` checks a recipe alone, whenever one is created; `check_data` also checks it against the data. A recipe
that passes can be built. Error messages name parts and hyper-parameters as users type them.
"""

from everymode.fit.data import check_data, check_kind
from everymode.fit.labels import MORE_LABELS
from everymode.fit.numbers import check_numbers
from everymode.fit.parts import check_parts, check_recipe

__all__ = ["MORE_LABELS", "check_data", "check_kind", "check_numbers", "check_parts", "check_recipe"]
