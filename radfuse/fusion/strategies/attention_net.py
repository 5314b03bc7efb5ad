"""Trains the networks of `attention` with torch, which is imported here alone and only when one is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.fusion.models.canonical import canonical
from radfuse.fusion.strategies.attention_fitted import Weights

if TYPE_CHECKING:
    from torch import Tensor

    from radfuse.fusion.strategies.attention import Attention


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: sums of small matrices then come out the same on every machine, and folds share cores.

    Raises:
        ValueError: torch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise ValueError(
            "the strategy attention trains with torch, which is not installed; install it with: pip install "
            '"radfuse[train]", or choose another fusion.strategy'
        ) from None
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Networks:
    """As many networks as there are draws, trained side by side; a step is an epoch, since a batch is all units.

    Rows and columns are brought into an order of their own first, so that what is drawn does not hang on a table's.
    """

    def __init__(
        self, groups: Sequence[np.ndarray], here: np.ndarray, y: np.ndarray, settings: Attention, seed: int
    ) -> None:
        """Draw the weights; the output starts at the log odds of the outcome.

        Args:
            groups: finite, standardised, shape (unit, column) each.
            here: 1 where a unit has a group, else 0, float64 of shape (group, unit).
            y: 0 and 1, both present, shape (unit,).
            settings: of the strategy.
            seed: of weights and dropout.

        Raises:
            ValueError: y lacks a class.
        """
        import torch

        self._settings = settings
        self._orders = [canonical(x, y).columns for x in groups]
        ordered = [x[:, order] for x, order in zip(groups, self._orders, strict=True)]
        rows = np.lexsort((y, *np.hstack(ordered).astype(np.float32).T))
        self._x = [torch.tensor(x[rows]) for x in ordered]
        self._here = torch.tensor(here[:, rows])
        self._y = torch.tensor(y[rows].astype(float))
        self._generator = torch.Generator().manual_seed(seed % 2**32)
        hidden, share = settings.hidden, float(np.mean(y))
        self._encoders = [(self._drawn(x.shape[1], hidden, 0.5), self._zeros(1, hidden)) for x in self._x]
        self._gate = (self._drawn(hidden, hidden), self._drawn(hidden, hidden), self._zeros(hidden, 1))
        constant = (self._zeros(1, 1).detach() + float(np.log(share / (1 - share)))).requires_grad_()
        self._head = (self._drawn(hidden, hidden), self._zeros(1, hidden), self._zeros(hidden, 1), constant)
        rate = settings.learning_rate
        # a sum over many columns moves further a step, so that each of them moves less
        self._moved = [Moved(matrix, rate / matrix.shape[1] ** 0.5) for matrix, _ in self._encoders]
        others = (*(bias for _, bias in self._encoders), *self._gate, *self._head)
        self._moved += [Moved(parameter, rate) for parameter in others]

    def epoch(self) -> None:
        """Take one step on all units."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        odds = self._odds()
        losses = binary_cross_entropy_with_logits(odds, self._y.expand_as(odds), reduction="none").mean(dim=1)
        decay = self._settings.weight_decay / (2 * len(self._y))
        loss = losses.sum() + decay * self._squares()  # draws share nothing: each has its own mean
        gradients = torch.autograd.grad(loss, [moved.parameter for moved in self._moved])
        with torch.no_grad():
            for moved, gradient in zip(self._moved, gradients, strict=True):
                moved.step(gradient)

    def weights(self) -> Weights:
        """Return what they have learned by now, columns in the caller's order."""
        encoders = []
        for (matrix, bias), order in zip(self._encoders, self._orders, strict=True):
            back = np.empty(tuple(matrix.shape))
            back[:, order] = matrix.detach().numpy()
            encoders.append((back, _array(bias)))
        gate, head = (_array(value) for value in self._gate), (_array(value) for value in self._head)
        return Weights(tuple(encoders), tuple(gate), tuple(head))  # type: ignore[arg-type]

    def _odds(self) -> Tensor:
        """Return log odds with units and blocks left out by chance, shape (draw, unit)."""
        import torch
        from torch.nn.functional import gelu

        pooled: Any = 0.0
        total: Any = 0.0
        for x, (matrix, bias), present in zip(self._x, self._encoders, self._left(), strict=True):
            hidden = self._dropped(gelu(x @ matrix + bias, approximate="tanh"))
            gated = torch.tanh(hidden @ self._gate[0]) * torch.sigmoid(hidden @ self._gate[1])
            share = torch.exp(gated @ self._gate[2]) * present
            pooled, total = pooled + hidden * share, total + share
        first, bias, second, constant = self._head
        state = self._dropped(gelu(pooled / total @ first + bias, approximate="tanh"))
        return (state @ second + constant)[..., 0]

    def _squares(self) -> Any:
        """Return the sum of squared weights; an encoder's count as many times as it has columns."""
        own = sum(matrix.square().sum() * matrix.shape[1] for matrix, _ in self._encoders)
        return own + sum(value.square().sum() for value in (*self._gate, self._head[0], self._head[2]))

    def _left(self) -> Tensor:
        """Return which blocks stay, shape (group, draw, unit, 1); a row that would lose all keeps those it has."""
        import torch

        groups, units = self._here.shape
        drawn = torch.rand((groups, self._settings.seeds, units), generator=self._generator, dtype=torch.float64)
        left = self._here[:, None] * (drawn >= self._settings.block_dropout)
        return torch.where(left.sum(dim=0) > 0, left, self._here[:, None].expand_as(left))[..., None]

    def _dropped(self, hidden: Tensor) -> Tensor:
        """Return hidden states with some put to 0, the others made up for them."""
        import torch

        rate = self._settings.dropout
        if not rate:
            return hidden
        drawn = torch.rand(hidden.shape, generator=self._generator, dtype=torch.float64)
        return hidden * (drawn >= rate) / (1 - rate)

    def _drawn(self, inputs: int, outputs: int, spread: float = 1.0) -> Tensor:
        """Return weights that make numbers of this standard deviation of standardised inputs."""
        import torch

        shape = (self._settings.seeds, inputs, outputs)
        drawn = torch.randn(shape, generator=self._generator, dtype=torch.float64)
        return (drawn * spread / inputs**0.5).requires_grad_()

    def _zeros(self, *shape: int) -> Tensor:
        import torch

        return torch.zeros((self._settings.seeds, *shape), dtype=torch.float64, requires_grad=True)


class Moved:
    """A parameter under Adam (Kingma and Ba 2015, arXiv:1412.6980); torch.optim takes seconds to import a compiler."""

    def __init__(self, parameter: Tensor, rate: float) -> None:
        import torch

        self.parameter = parameter
        self._rate = rate
        self._mean, self._square = torch.zeros_like(parameter), torch.zeros_like(parameter)
        self._taken = 0

    def step(self, gradient: Tensor) -> None:
        """Move against a gradient, in place."""
        self._taken += 1
        self._mean.lerp_(gradient, 0.1)
        self._square.lerp_(gradient.square(), 0.001)
        size = (self._square / (1 - 0.999**self._taken)).sqrt_() + 1e-8
        self.parameter -= self._rate / (1 - 0.9**self._taken) * self._mean / size


def _array(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.detach().numpy())
