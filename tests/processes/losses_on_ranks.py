"""Terms that need other processes' rows, played by a slice of one batch: the whole batch in one process, or a half in
each of two.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Term, Turn
from everymode.losses import (
    LeCam,
    conditional_contrastive_loss,
    data_to_data_cross_entropy,
    dragan,
    embeddings_of_fakes,
    embeddings_of_reals,
    feature_matching,
    hinge,
    relativistic_average,
    wgan_gp,
)
from everymode.machine.distributed import World
from everymode.networks.embedding_head import EmbeddingHead
from everymode.networks.heads import judge

ROWS = 6


class Judge(nn.Module):
    """Points [B, 3] -> one tanh layer -> an embedding head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.head = EmbeddingHead(4, 3, embedding_dim=5)

    def forward(self, x: Tensor, condition: Tensor | None) -> object:
        return judge(torch.tanh(self.layer(x)), condition, self.head)


def gradients_of_terms(world: World) -> dict[str, list[float]]:
    """Each term's value, averaged gradient and state, after two uses on this rank's rows."""
    generator = torch.Generator().manual_seed(1)
    real = torch.randn(2, ROWS, 3, generator=generator, dtype=torch.float64)
    fake = 2 * torch.randn(2, ROWS, 3, generator=generator, dtype=torch.float64) + 1
    labels, asked = torch.tensor([0, 1, 1, 2, 0, -1]), torch.tensor([2, 2, 0, 1, 1, 0])
    (rows,) = world.parts(ROWS, 1)
    mine = slice(rows.start, rows.stop)
    terms: dict[str, Term] = {
        "2c": embeddings_of_reals(partial(conditional_contrastive_loss, temperature=0.5)),
        "d2d-ce": embeddings_of_fakes(data_to_data_cross_entropy),
        "lecam": LeCam(decay=0.7).double(),
        "dragan": dragan(),
        "wgan-gp": wgan_gp(),
        "matching": feature_matching(),
        "relativistic average": _relativistic(full_graph=False),
        "relativistic average, full graph": _relativistic(full_graph=True),
        "relativistic average of G": _relativistic_of_generator,
    }
    found = {}
    for name, term in terms.items():
        torch.manual_seed(0)
        judging = Judge().double()
        game = Game(nn.Identity(), judging, LabelSource(), Objective(hinge()))
        values = []
        for step in range(2):
            batch = Batch(real[step, mine], labels[mine], torch.arange(ROWS)[mine])
            random = Draws(0, f"{step}", Rows(*rows), dtype=torch.float64)
            turn = Turn(game, batch, step, random, fake[step, mine], asked[mine], generator_moves=False)
            cost = term(turn)
            cost.backward()
            values.append(world.total(cost.detach()) / world.size)
        world.average_gradients(judging.parameters())
        flat = torch.cat([parameter.grad.flatten() for parameter in judging.parameters()])
        state = list(term.buffers()) if isinstance(term, nn.Module) else []
        found[name] = torch.cat((torch.stack([*values, *state]), flat)).tolist()
    return found


def _relativistic(*, full_graph: bool) -> Term:
    loss = relativistic_average(full_graph=full_graph)

    def term(turn: Turn) -> Tensor:
        return loss.discriminator(turn.real_verdict.scores[0], turn.fake_verdict.scores[0], None, None)

    return term


def _relativistic_of_generator(turn: Turn) -> Tensor:
    loss = relativistic_average()
    assert loss.paired_generator is not None
    return loss.paired_generator(turn.real_verdict.scores[0], turn.fake_verdict.scores[0], None, None)


def save_gradients_of_terms(out: Path) -> None:
    """What a process of two does."""
    torch.set_num_threads(1)
    world = World.from_environment()
    found = gradients_of_terms(world)
    if world.is_writer:
        (out / "found.json").write_text(json.dumps(found))
    world.barrier()
    world.close()
