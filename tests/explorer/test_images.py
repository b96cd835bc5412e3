"""Generated images over HTTP."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from everymode.pictures import to_uint8
from everymode.sampling.generator import load


def pixels(content: bytes) -> np.ndarray:
    """A picture as an array [H, W, channels] of integers."""
    return np.atleast_3d(np.asarray(Image.open(io.BytesIO(content)), dtype=int))


def sampled(explored: Any, run: str, step: int, n: int, **options: Any) -> np.ndarray:
    """Images as `Generator.sample` draws them, [n, H, W, channels]."""
    generator = load(explored.folder / run / "checkpoints" / f"step-{step:07d}")
    return to_uint8(generator.sample(n, **options)).permute(0, 2, 3, 1).numpy().astype(int)


def test_an_image_is_the_one_of_generator_sample(explored: Any) -> None:
    name = explored.names["digits"][-1]
    reply = explored.get(f"/image/{name}/3/17.png?truncation=0.7")
    assert reply.headers["content-type"] == "image/png"
    expected = sampled(explored, "digits", 30, 1, label=3, seed=17, truncation=0.7, by_position=True)
    assert np.abs(pixels(reply.content) - expected[0]).max() <= 1


def test_a_strip_has_its_seeds_side_by_side_without_loss(explored: Any) -> None:
    name = explored.names["digits"][0]
    reply = explored.get(f"/strip/{name}/5.webp?seeds=2-4,9")
    assert reply.headers["content-type"] == "image/webp"
    expected = sampled(explored, "digits", 10, 4, label=5, seed=[2, 3, 4, 9], by_position=True)
    shown = pixels(reply.content)[:, :, :1]
    assert shown.shape == (16, 64, 1)
    assert np.abs(shown - np.concatenate(list(expected), axis=1)).max() <= 1


def test_blocks_and_any_label(explored: Any) -> None:
    name = explored.names["shapes"][0]
    reply = explored.get(f"/image/{name}/1-any-0/4.png")
    expected = sampled(explored, "shapes", 9, 1, label=(1, None, 0), seed=4, by_position=True)
    assert np.abs(pixels(reply.content) - expected[0]).max() <= 1
    reply = explored.get(f"/image/{name}/any/4.png")
    assert np.abs(pixels(reply.content) - sampled(explored, "shapes", 9, 1, seed=4)[0]).max() <= 1


def test_an_implicit_generator_draws_any_size(explored: Any) -> None:
    name = explored.names["implicit"][0]
    shown = pixels(explored.get(f"/image/{name}/3/1.png?size=40x24").content)
    expected = sampled(explored, "implicit", 5, 1, label=3, seed=1, size=(40, 24), by_position=True)
    assert np.abs(shown - expected[0]).max() <= 1


@pytest.mark.parametrize("path", ["line", "sphere"])
def test_an_interpolation_begins_and_ends_at_its_ends(explored: Any, path: str) -> None:
    name = explored.names["digits"][0]
    reply = explored.get(f"/between/{name}/walk.png?from=3:17&to=5:2&steps=5&path={path}")
    tiles = np.split(pixels(reply.content), 5, axis=1)
    for tile, label, seed in ((tiles[0], 3, 17), (tiles[-1], 5, 2)):
        expected = sampled(explored, "digits", 10, 1, label=label, seed=seed, by_position=True)
        assert np.abs(tile - expected[0]).max() <= 1
    steps = [np.abs(after - before).mean() for before, after in pairwise(tiles)]
    assert max(steps) < 4 * (min(steps) + 0.5)  # no jump between the two labels


def test_points_are_a_plot(explored: Any) -> None:
    shown = pixels(explored.get(f"/image/{explored.names['ring'][0]}/any/0.png").content)
    assert shown.shape == (256, 256, 4)
    assert 0 < (shown[:, :, 3] > 0).mean() < 0.5


def test_images_are_kept_by_the_browser_and_pages_are_not(explored: Any) -> None:
    address = f"/image/{explored.names['digits'][0]}/3/17.webp"
    reply = explored.get(address)
    assert reply.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = explored.get(address, if_none_match=reply.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert explored.get(f"{address}?truncation=0.5").headers["etag"] != reply.headers["etag"]
    assert explored.get("/samples").headers["cache-control"] == "no-store"
    assert (
        explored.get(f"/image/{explored.names['digits'][0]}/3/17.gif").headers["cache-control"] == "no-store"
    )


def test_an_answered_request_is_not_drawn_again(explored: Any) -> None:
    address = f"/strip/{explored.names['digits'][1]}/8.webp?seeds=100-103"
    explored.get(address)
    before = explored.site.worker.drawn
    assert explored.get(address).status_code == 200
    assert explored.site.worker.drawn == before


def test_values_in_addresses_of_images_are_checked(explored: Any) -> None:
    name = explored.names["implicit"][0]
    for path in (
        *(
            f"/image/{name}/3/17.gif",
            f"/image/{name}/11/0.webp",
            f"/image/{name}/3/x.webp",
            f"/image/{name}/3/-1.webp",
        ),
        *(
            f"/image/{name}/3/0.webp?size=100000",
            f"/strip/{name}/3.webp?seeds=0-63&size=1024",
            f"/row/{name}/3.webp",
        ),
        *(
            f"/between/{name}/x.webp?from=1:1&to=2:2",
            f"/between/{name}/walk.webp",
            f"/strip/{name}/3.webp?seeds=0-64",
        ),
    ):
        reply = explored.get(path)
        assert reply.status_code == 422, path
        assert "no-store" in reply.headers["cache-control"]


def test_a_diverged_or_damaged_checkpoint_is_said_in_words(explored: Any, tmp_path: Any) -> None:
    import torch
    from explored import write_run
    from starlette.testclient import TestClient

    from everymode.explorer import explore

    @torch.no_grad()
    def spoil(generator: Any) -> None:
        for parameter in generator.parameters():
            parameter.fill_(torch.nan)

    write_run(tmp_path / "diverged", steps=(1,), state=spoil)
    damaged = write_run(tmp_path / "damaged", steps=(1,))
    weights = damaged / "checkpoints" / "step-0000001" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    client = TestClient(explore(tmp_path), base_url="http://localhost")
    for run, words in (("diverged", "contain NaN"), ("damaged", "damaged")):
        listed = next(each for each in client.get("/api/runs.json").json() if each["run"] == run)
        reply = client.get(f"/image/{listed['checkpoints'][0]['checkpoint']}/3/0.webp")
        assert reply.status_code == 404
        assert words in reply.text
