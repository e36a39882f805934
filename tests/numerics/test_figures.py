import re

import pytest
import torch

from numerics import autoencoder, figures, mnist
from numerics.pruning.rows import Row
from symrg.errors import DataError

ROWS = [Row(rule, c, n, 100, e, e) for rule in ("fisher", "random") for c, n, e in ((0.0, 0, 0.03), (0.1, 60, 0.05))]


def test_the_histogram_counts_zeros_apart():
    values = torch.tensor([0.0, 0.0, 0.0, 1e-6, 1e-3, 0.2, 3.0])
    figure = figures.fisher_histogram(values, "histogram", cutoff=0.125, zeros="dark pixels")
    (axis,) = figure.canvas.axes
    heights = [p.get_height() for p in axis.patches]
    assert sum(heights) == 7
    assert max(heights) == 3  # the bar of zeros
    assert "3 are exactly zero (dark pixels)" in figure.alt
    assert "5 lie below the cutoff" in figure.alt
    for wrong in (torch.tensor([-1.0, 1.0]), torch.tensor([float("nan"), 1.0]), torch.zeros(4)):
        with pytest.raises(DataError):
            figures.fisher_histogram(wrong, "histogram")


@pytest.mark.parametrize("against", ["removed", "cutoff"])
def test_curves_show_the_rows(against):
    figure = figures.error_curves(ROWS, "curves", against=against, talk=60)
    lines = {line.get_label(): line.get_ydata() for line in figure.canvas.axes[0].lines}
    assert list(lines["random"]) == [0.03, 0.05]
    assert "fisher: from 0.0300" in figure.alt
    with pytest.raises(DataError, match="removed"):
        figures.error_curves(ROWS, "curves", against="time")


def test_figures_are_saved_with_words_and_the_same_each_time(tmp_path):
    figure = figures.error_curves(ROWS, "a caption", against="removed")
    svg = figure.svg()
    assert svg.startswith("<svg")
    assert "<title>a caption</title>" in svg
    assert svg == figures.error_curves(ROWS, "a caption", against="removed").svg()
    assert not re.search(r"https?://(?!www\.w3\.org|purl\.org|creativecommons\.org)", svg)
    assert figure.save(tmp_path / "below" / "curves.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(DataError, match="png"):
        figure.save(tmp_path / "curves.bmp")


def test_reconstructions_are_the_networks_own():
    digits = mnist.load()
    source = digits.inputs()[::1000]
    network = autoencoder.talk_network()
    figure = figures.reconstructions(source, {"unpruned": network}, "rows", labels=digits.labels[::1000].tolist())
    drawn = [a.images[0].get_array() for a in figure.canvas.axes]
    assert len(drawn) == 10
    wanted = autoencoder.reconstruct(network, source)[0].reshape(28, 28).numpy()
    assert abs(drawn[5] - wanted).max() == 0
    assert "digits 0, 2, 4, 6, 8" in figure.alt
    assert len(figures.images(source, "five").canvas.axes) == 10
