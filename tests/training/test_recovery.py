"""Rollbacks and the factors they put on the discriminator's numbers."""

from __future__ import annotations

from everymode.training.recovery import Recovery


def test_remedies_add_up_and_run_out() -> None:
    recovery = Recovery()
    for count in (1, 2, 3):
        assert not recovery.exhausted
        recovery = recovery.remedy(lr=0.5, weight_decay=3.0)
        assert recovery.rollbacks == count
    assert recovery.exhausted
    assert (recovery.discriminator_lr, recovery.discriminator_weight_decay) == (0.125, 27.0)
    assert Recovery(**recovery.state()) == recovery
    assert "0.125" in str(recovery) and "27" in str(recovery)


def test_weight_decay_is_the_recipes_own_until_a_remedy_raises_it() -> None:
    assert Recovery().weight_decay(0.0) == 0.0
    assert Recovery().weight_decay(5e-4) == 5e-4
    assert Recovery().remedy(lr=0.5).weight_decay(0.0) == 0.0
    raised = Recovery().remedy(lr=0.5, weight_decay=3.0)
    assert raised.weight_decay(5e-4) == 3 * 5e-4
    assert raised.weight_decay(0.0) == 3 * 1e-4
