"""LeCam regularization: D's realness is pulled toward moving averages of the opposite side's realness.

Regularizing Generative Adversarial Networks under Limited Data (Tseng et al., CVPR 2021); released as
`google/lecam-gan:biggan_cifar/losses.py` (and `third_party/utils.py`) and `stylegan2/lecam_loss.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Condition, Turn, Verdict
from everymode.losses.across_ranks import mean_of_all_ranks


class LeCam(nn.Module):
    """The discriminator's term mean (r - a_fake)^2 + mean (a_real - f)^2 (published weight on CIFAR: 0.3).

    r and f are D's realness of reals and fakes [B], averaged over positions and scales. The anchors a_real and a_fake
    are moving averages of the means of r and f over the whole batch of all processes, including the current batch. They
    start from the first batch's means, are updated at every use of the term (once per micro-batch) and carry no
    gradient.

    Args:
        decay: weight of the previous value in the moving average. 0.99 in the paper and the released StyleGAN2; the
            released BigGAN on CIFAR uses 0.9.
        start_step: first step at which the term has a cost; before, it costs 0 and the anchors are the current means.
            The released BigGAN waits for 1000 steps.
        rectified: penalize only r above a_fake and f below a_real, as all released code does; the paper squares both
            differences.

    Raises:
        ValueError: if decay is outside [0, 1), or the term is used in the generator's update, where it would update the
            anchors twice.
    """

    real_anchor: Tensor
    fake_anchor: Tensor
    started: Tensor
    """1 once the anchors are set."""

    def __init__(self, *, decay: float = 0.99, start_step: int = 0, rectified: bool = True) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay is the share that an anchor keeps, at least 0 and below 1, not {decay}")
        self.decay = decay
        self.start_step = start_step
        self.rectified = rectified
        self.register_buffer("real_anchor", torch.zeros(()))
        self.register_buffer("fake_anchor", torch.zeros(()))
        self.register_buffer("started", torch.zeros(()))

    def forward(self, turn: Turn) -> Tensor:
        if turn.generator_moves:
            raise ValueError("LeCam is a term of the discriminator: put it into discriminator_terms")
        real = _realness(turn, turn.real_verdict, turn.judged_real_condition)
        fake = _realness(turn, turn.fake_verdict, turn.judged_fake_condition)
        self._observe(torch.stack((real.mean(), fake.mean())), turn.step)
        if turn.step < self.start_step:
            return real.new_zeros(())
        return self._cost(real - self.fake_anchor).mean() + self._cost(self.real_anchor - fake).mean()

    def _cost(self, excess: Tensor) -> Tensor:
        return (F.relu(excess) if self.rectified else excess).square()

    @torch.no_grad()
    def _observe(self, means: Tensor, step: int) -> None:
        real, fake = mean_of_all_ranks(means).to(self.real_anchor).unbind()
        keep = self.decay * self.started if step >= self.start_step else torch.zeros_like(self.started)
        self.real_anchor.copy_(keep * self.real_anchor + (1 - keep) * real)
        self.fake_anchor.copy_(keep * self.fake_anchor + (1 - keep) * fake)
        self.started.fill_(1)


def _realness(turn: Turn, verdict: Verdict, condition: Condition) -> Tensor:
    return turn.game.objective.realness(verdict.scores, condition)
