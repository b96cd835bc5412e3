"""Which images a generator is judged by: seeds, truncation, labels, statistics of batch normalization."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from painters import painter
from scipy.stats import kstest, truncnorm
from torch import nn

from everymode.evaluation.sampling import IMAGES_PER_SEED, Drawer, Sampling, truncated_normal
from everymode.game import LabelSource
from everymode.labels.given import GivenLabels
from everymode.pictures import to_uint8
from everymode.sampling.generator import Generator


def images(drawer, num):
    return torch.cat(list(drawer.batches(num)))


def test_seed_0_judges_what_sample_draws():
    generator = painter()
    drawer = Drawer(generator, Sampling(label_prior="uniform", batch_size=16))
    labels = drawer.labels(40)
    assert torch.equal(images(drawer, 40), to_uint8(generator.sample(40, label=labels.tolist())))


def test_seeds_share_no_image_and_order_does_not_matter():
    generator = painter(labels=False)
    other = Drawer(generator, Sampling(seed=3))
    assert torch.equal(images(other, 5), to_uint8(generator.sample(5, seed=3 * IMAGES_PER_SEED)))
    drawer = Drawer(generator, Sampling(batch_size=8))
    whole = images(drawer, 30)
    assert torch.equal(images(drawer, 11), whole[:11])
    assert torch.equal(drawer.take(np.array([29, 2, 9])), whole[[29, 2, 9]])


def test_truncation_scales_z():
    generator = painter(labels=False)
    drawn = images(Drawer(generator, Sampling(truncation=0.3)), 20)
    assert torch.equal(drawn, to_uint8(generator.sample(20, truncation=0.3)))


def test_resampling_gives_a_truncated_normal():
    z = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    drawn = truncated_normal(z, 0.7)
    assert drawn.abs().max() <= 0.7
    assert drawn.dtype == z.dtype
    assert kstest(drawn.numpy(), truncnorm(-0.7, 0.7).cdf).pvalue > 0.01
    torch.testing.assert_close(truncated_normal(z, 30.0), z, atol=1e-5, rtol=0)
    generator = painter(labels=False)
    scaled = images(Drawer(generator, Sampling(truncation=0.7)), 20)
    drawn = images(Drawer(generator, Sampling(truncation=0.7, truncation_rule="resample")), 20)
    assert not torch.equal(scaled, drawn)
    z_of_pixels = 2 * torch.atanh((drawn.double() / 127.5 - 1).clamp(-0.999, 0.999))
    assert z_of_pixels.abs().max() < 0.72


def test_labels_follow_the_prior():
    generator = painter()
    by_data = Drawer(generator, Sampling(), class_counts=(300, 100, 0))
    assert by_data.sampling.label_prior == "data"
    counts = np.bincount(by_data.labels(2000), minlength=3)
    assert counts[2] == 0
    assert abs(counts[0] - 1500) < 100
    even = Drawer(generator, Sampling(label_prior="uniform"), class_counts=(300, 100, 0))
    assert np.bincount(even.labels(2000)).min() > 580
    assert np.array_equal(by_data.labels(100), by_data.labels(2000)[:100])
    unknown = Drawer(generator, Sampling())
    assert unknown.sampling.label_prior == "source"
    assert set(unknown.labels(5)) == {-1}
    assert torch.equal(images(unknown, 5), to_uint8(generator.sample(5)))
    assert Drawer(painter(labels=False), Sampling()).sampling.label_prior is None


def test_priors_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="has no labels"):
        Drawer(painter(labels=False), Sampling(label_prior="uniform"))
    with pytest.raises(ValueError, match="choose 'uniform' or 'source'"):
        Drawer(painter(), Sampling(label_prior="data"), class_counts=(1, 2))


def test_clusters_are_not_classes_even_where_there_are_as_many():
    class Clusters(LabelSource):
        num_labels = 3

        def draw(self, random):
            return random.integers("fake labels", 3)

    generator = Generator(painter().network, Clusters())
    drawer = Drawer(generator, Sampling(), class_counts=(10, 10, 10))
    assert drawer.sampling.label_prior == "source"
    assert not drawer.has_classes
    even = Drawer(generator, Sampling(label_prior="uniform"), class_counts=(10, 10, 10))
    assert set(even.labels(5)) == {-1}
    with pytest.raises(ValueError, match="the data's classes"):
        Drawer(generator, Sampling(label_prior="data"), class_counts=(10, 10, 10))


def test_batch_statistics_normalize_each_whole_batch_and_leave_the_generator_alone():
    generator = painter(labels=False, normalized=True)
    norm = generator.network.norm
    norm.running_mean.fill_(5.0)
    before = {name: value.clone() for name, value in generator.network.state_dict().items()}
    drawer = Drawer(generator, Sampling(batch_norm="batch", batch_size=32))
    whole = images(drawer, 64)
    z = 2 * torch.atanh(((whole.double() / 127.5 - 1)[:, :, 0, 0]).clamp(-0.9999, 0.9999))
    assert z[:32].mean(0).abs().max() < 0.05
    # the last batch is drawn whole, so a shorter evaluation sees the same images
    assert torch.equal(images(drawer, 40), whole[:40])
    assert not generator.network.training
    assert not norm.training
    after = generator.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_standing_statistics_are_means_over_fresh_batches():
    generator = painter(labels=False, normalized=True)
    generator.network.norm.running_mean.fill_(5.0)
    sampling = Sampling(batch_norm="standing", standing_batches=50, batch_size=64, truncation=0.5)
    drawer = Drawer(generator, sampling)
    norm = drawer._generator.network.norm
    assert norm.running_mean.abs().max() < 0.03
    torch.testing.assert_close(norm.running_var, torch.full((3,), 0.25), atol=0.02, rtol=0)
    assert norm.momentum == generator.network.norm.momentum
    assert not norm.training
    assert generator.network.norm.running_mean.tolist() == [5.0] * 3
    assert torch.equal(images(drawer, 70)[:10], images(drawer, 10))


def test_a_generator_without_batch_normalization_has_no_such_statistics():
    for kind in ("batch", "standing"):
        with pytest.raises(ValueError, match="no batch normalization"):
            Drawer(painter(), Sampling(batch_norm=kind))


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"truncation": 0.0},
        {"truncation": float("nan")},
        {"batch_size": 1},
        {"standing_batches": 0},
    ],
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)


@pytest.mark.parametrize(
    "typo", [{"truncation_rule": "resampled"}, {"label_prior": "unifrom"}, {"batch_norm": "batches"}]
)
def test_a_typo_is_not_taken_for_the_default(typo):
    name, value = next(iter(typo.items()))
    with pytest.raises(ValueError, match=f"{name} is '{value}'; it must be one of "):
        Sampling(**typo)


def test_a_diverged_generator_is_a_sentence():
    generator = painter(labels=False)
    generator.network.strength.data.fill_(float("nan"))
    generator.network.forward = lambda z, condition: z[:, :, None, None] * float("nan")
    with pytest.raises(ValueError, match="NaN or infinite pixels"):
        images(Drawer(generator, Sampling()), 4)


def test_the_protocol_holds_all_but_the_seed():
    facts = Sampling(seed=4, truncation=0.5).protocol()
    assert facts["truncation"] == 0.5
    assert "seed" not in facts
    assert "standing_batches" not in facts
    assert Sampling(batch_norm="standing").protocol()["standing_batches"] == 16


class Told(nn.Module):
    """Two labels as two of three flat colors."""

    latent_dim = 2

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.3))

    def forward(self, z, condition):
        color = torch.cat((condition * self.scale, 0 * z[:, :1]), dim=1)
        return color[:, :, None, None].expand(-1, -1, 4, 4)


def asked(drawer, num):
    """The labels that the images of `Told` show."""
    return ((images(drawer, num)[:, :2, 0, 0] / 127.5 - 1) / 0.3).round().int()


def test_several_labels_an_image_follow_the_prior_together():
    generator = Generator(Told(), GivenLabels((3, 2)))
    counts = [[0, 0, 30], [2, 1, 10]]
    by_data = Drawer(generator, Sampling(), class_counts=(30, 0, 10, 30, 10), combination_counts=counts)
    assert by_data.sampling.label_prior == "data"
    drawn = asked(by_data, 800)
    assert set(map(tuple, drawn.tolist())) == {(0, 0), (2, 1)}
    assert abs((drawn[:, 0] == 0).double().mean() - 0.75) < 0.06
    even = asked(Drawer(generator, Sampling(label_prior="uniform"), combination_counts=counts), 800)
    assert torch.bincount(even[:, 0] * 2 + even[:, 1], minlength=6).min() > 90
    unknown = Drawer(generator, Sampling(), class_counts=(30, 0, 10, 30, 10))
    assert unknown.sampling.label_prior == "source"
    for drawer in (by_data, unknown):
        assert not drawer.has_classes
        assert set(drawer.labels(5)) == {-1}
    with pytest.raises(ValueError, match=r"each combination of \(3, 2\), but 0 counts are known"):
        Drawer(generator, Sampling(label_prior="data"), class_counts=(30, 0, 10, 30, 10))
