import pytest
import torch

from numerics import autoencoder, mnist
from symrg.errors import DataError, TrainingFailure


@pytest.fixture(scope="module")
def images():
    return mnist.load().inputs()[::10]


def _same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))


def test_the_networks_are_those_of_the_talk():
    talk, hard = autoencoder.talk_network(), autoencoder.sigmoid_network()
    assert sum(p.numel() for p in talk.parameters()) == 32_164
    assert talk.encoder.weight.numel() == 15_680
    assert sum(p.numel() for p in hard.parameters()) == 15_680
    assert not _same(autoencoder.talk_network(1), talk)


def test_training_lowers_the_error_and_follows_the_seed(images):
    run = [autoencoder.train_talk_network(images, seed=s, steps=60) for s in (0, 0, 1)]
    assert autoencoder.mean_squared_error(run[0].network, images) < 0.7 * run[0].losses[0]
    assert _same(run[0].network, run[1].network)
    assert not _same(run[0].network, run[2].network)
    assert len(run[0].losses) == 60


def test_a_resumed_run_is_the_uninterrupted_one(images, tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"batch_size": 100, "seed": 3, "every": 5}
    whole = autoencoder.train(autoencoder.talk_network(3), images, steps=30, **options)

    class Stop(Exception):
        pass

    def interrupt(step, steps, text):
        if step == 17:
            raise Stop

    with pytest.raises(Stop):
        autoencoder.train(autoencoder.talk_network(3), images, steps=30, checkpoint=path, progress=interrupt, **options)
    rest = autoencoder.train(autoencoder.talk_network(9), images, steps=30, checkpoint=path, **options)
    assert rest.first_step == 15
    assert _same(rest.network, whole.network)
    assert rest.losses == whole.losses[15:]
    assert not list(tmp_path.glob("*.partial"))
    with pytest.raises(DataError, match="seed = 3 there, 4 here"):
        autoencoder.train(autoencoder.talk_network(3), images, steps=30, checkpoint=path, batch_size=100, seed=4)
    with pytest.raises(DataError, match="shape"):
        autoencoder.load_network(path, autoencoder.talk_network(latent=7))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match="truncated"):
        autoencoder.train(autoencoder.talk_network(3), images, steps=30, checkpoint=path, **options)


def test_values_that_are_not_finite_end_training_with_the_step(images):
    bad = images.clone()
    bad[7, 3] = torch.nan
    with pytest.raises(TrainingFailure, match=r"at step 0 .*inputs hold"):
        autoencoder.train(autoencoder.talk_network(), bad, steps=5)
    network = autoencoder.talk_network()

    def poison(step, steps, text):
        if step == 3:
            with torch.no_grad():
                network.encoder.weight[0, 0] = torch.inf

    with pytest.raises(TrainingFailure, match="at step 3 of 5"):
        autoencoder.train(network, images, steps=5, progress=poison)
    network = autoencoder.talk_network()
    with pytest.raises(TrainingFailure, match=r"encoder\.weight is not finite after step 2"):
        autoencoder.train(network, images, steps=3, progress=poison)  # caught at the end, where no loss follows


def test_generated_images_are_new_and_reproducible(images):
    network = autoencoder.train_talk_network(images, steps=60).network
    made = autoencoder.generate(network, images, 8, seed=1)
    assert made.shape == (8, 784)
    assert torch.equal(made, autoencoder.generate(network, images, 8, seed=1))
    assert not torch.equal(made, autoencoder.generate(network, images, 8, seed=2))
    assert float((made - images.mean(0)).abs().mean()) > 0.005
    with pytest.raises(DataError, match="decoder"):
        autoencoder.generate(torch.nn.Sequential(torch.nn.Linear(784, 784)), images, 2)
