"""Self-Conditioned GAN's conditioning against the released code: D picks a logit, G takes a unit embedding, R1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.losses.adversarial import hinge, logistic
from everymode.losses.penalties import gradient_norm_squared
from everymode.networks.embedding import UnitEmbeddingConcat
from everymode.networks.heads import SelectHead

STORED = np.load(Path(__file__).parents[1] / "vectors_unlabelled_selected.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[name])


def head_of(weight: Tensor, bias: Tensor) -> SelectHead:
    head = SelectHead(weight.shape[1], weight.shape[0]).double()
    head.linear.weight.data.copy_(weight)
    head.linear.bias.data.copy_(bias)
    return head


def close(found: Tensor, name: str) -> None:
    torch.testing.assert_close(found, stored(name), rtol=1e-9, atol=1e-12)


def test_losses_and_gradients_of_the_selected_logit() -> None:
    head, labels = head_of(stored("mask_w"), stored("mask_b")), stored("mask_y")
    real, fake = stored("mask_h_real").requires_grad_(), stored("mask_h_fake").requires_grad_()
    on_real, on_fake = head(real, labels), head(fake, labels)
    close(on_real.detach(), "mask_d_real")
    close(on_fake.detach(), "mask_d_fake")
    close(head.class_scores(real).amax(1).detach(), "mask_take_best")
    loss = logistic().discriminator(on_real, on_fake, labels, labels)
    loss.backward(retain_graph=True)
    close(loss.detach(), "mask_D_loss")
    close(head.linear.weight.grad, "mask_D_grad_w")
    close(head.linear.bias.grad, "mask_D_grad_b")
    close(real.grad, "mask_D_grad_h_real")
    close(fake.grad, "mask_D_grad_h_fake")
    cost = logistic().generator(on_fake, labels)
    close(cost.detach(), "mask_G_loss")
    close(torch.autograd.grad(cost, fake)[0], "mask_G_grad_h_fake")
    close(hinge().discriminator(on_real, on_fake, labels, labels).detach(), "mask_hinge_D")
    close(hinge().generator(on_fake, labels).detach(), "mask_hinge_G")


def test_the_unit_embedding_beside_z() -> None:
    table = stored("emb_table")
    concatenate = UnitEmbeddingConcat(*table.shape).double()
    concatenate.table.weight.data.copy_(table)
    found = concatenate(stored("emb_z"), stored("emb_y"))
    close(found.detach(), "emb_out")
    found.backward(stored("emb_upstream"))
    close(concatenate.table.weight.grad, "emb_grad_table")


def test_r1_at_the_selected_logit() -> None:
    layers = [nn.Linear(6, 8).double(), nn.Linear(8, 7).double()]
    for layer, name in zip(layers, ("l1", "l2"), strict=True):
        layer.weight.data.copy_(stored(f"r1_{name}_weight"))
        layer.bias.data.copy_(stored(f"r1_{name}_bias"))
    head = head_of(stored("r1_head_fc_weight"), stored("r1_head_fc_bias"))
    x = stored("r1_x").requires_grad_()
    hidden = torch.tanh(layers[1](F.leaky_relu(layers[0](x), 0.2)))
    scores = head(hidden, stored("r1_y"))
    close(scores.detach(), "r1_d")
    squared = gradient_norm_squared(scores, x)
    close(squared.detach(), "r1_grad2")
    close(0.1 * squared.mean().detach(), "r1_penalty_refcode_gamma0p1")
    squared.mean().backward()
    close(head.linear.weight.grad, "r1_dpen_head_fc_weight")
    close(layers[0].weight.grad, "r1_dpen_l1_weight")
