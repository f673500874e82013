"""Weights that are downloaded: fetched once, checked, brought from elsewhere, and what is said without a network."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import get_model, get_model_weights

import detxai_nb as dx
from detxai_nb.downloads import Download

SMALL = "ssdlite320_mobilenet_v3_large"


class Server:
    """Hands out the files of a folder on this machine and counts the requests."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, []
        owner = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                owner.asked.append(self.path)

        handler = functools.partial(Handler, directory=str(folder))
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on this machine, in place of download.pytorch.org."""
    folder = tmp_path / "served"
    folder.mkdir()
    here = Server(folder)
    thread = threading.Thread(target=here.http.serve_forever)
    thread.start()
    yield here
    here.http.shutdown()
    here.http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of PyTorch."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "torch" / "hub" / "checkpoints"


def weights_file(name: str, folder: Path) -> Path:
    """A small file of weights of the shape of torchvision's own, all zeros, whose name states its SHA-256."""
    with torch.device("meta"):
        module = get_model(name, weights=None, weights_backbone=None)
    state = {k: torch.zeros((), dtype=v.dtype).expand(v.shape) for k, v in module.state_dict().items()}
    made = folder / "made.pth"
    torch.save(state, made)
    return made.rename(folder / f"{name}-{hashlib.sha256(made.read_bytes()).hexdigest()[:8]}.pth")


def serve(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    """Let torchvision think that the weights of a model lie at an address."""
    monkeypatch.setattr(get_model_weights(name).DEFAULT.value, "url", url)


def test_weights_are_downloaded_once_with_a_bar_and_open_offline_after(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = weights_file(SMALL, server.folder)
    serve(monkeypatch, SMALL, f"{server.address}/{file.name}")
    assert dx.detectors.fetch(SMALL) == cache / file.name
    said = capsys.readouterr().err
    assert f"downloading {server.address}/{file.name} to {cache / file.name}" in said
    assert "100%" in said
    dx.detectors.fetch(SMALL)
    detector = dx.load_detector(SMALL, device="cpu")
    assert detector.family == "ssd"
    assert len(detector.names) == 91
    assert server.asked == [f"/{file.name}"]
    assert [path.name for path in cache.iterdir()] == [file.name]
    assert not capsys.readouterr().err


@pytest.mark.parametrize("name", [SMALL, "resnet18"])
def test_without_a_network_the_error_says_what_to_do(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, name, "http://127.0.0.1:9/weights-01234567.pth")
    for ask in (dx.load_detector, dx.detectors.fetch):
        with pytest.raises(RuntimeError, match=f"could not download the weights of {name} ") as error:
            ask(name)
        said = str(error.value)
        assert "http://127.0.0.1:9/weights-01234567.pth" in said
        assert f"`detxai-nb fetch {name} --from FILE`" in said
        assert f"dx.detectors.fetch({name!r}, file='FILE')" in said
        assert str(cache) in said
        assert "'tiny-fcos'" in said
    assert not list(cache.iterdir())


def test_what_comes_is_checked_against_its_name(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (server.folder / "weights-01234567.pth").write_bytes(b"something else")
    serve(monkeypatch, SMALL, f"{server.address}/weights-01234567.pth")
    with pytest.raises(RuntimeError, match=r"what came is not weights-01234567\.pth: invalid hash"):
        dx.detectors.fetch(SMALL, progress=False)
    serve(monkeypatch, SMALL, f"{server.address}/gone-01234567.pth")
    with pytest.raises(RuntimeError, match="404"):
        dx.detectors.fetch(SMALL, progress=False)
    assert not list(cache.iterdir())


def test_a_damaged_file_in_the_cache_is_downloaded_again(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weights_file(SMALL, server.folder)
    serve(monkeypatch, SMALL, f"{server.address}/{file.name}")
    cache.mkdir(parents=True)
    (cache / file.name).write_bytes(file.read_bytes()[:1000])
    dx.load_detector(SMALL, device="cpu")
    assert (cache / file.name).read_bytes() == file.read_bytes()


def test_a_file_from_another_machine_is_checked_and_put_where_it_belongs(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weights_file(SMALL, tmp_path)
    serve(monkeypatch, SMALL, f"http://127.0.0.1:9/{file.name}")
    renamed = file.rename(tmp_path / "from my other machine.pth")
    assert dx.detectors.fetch(SMALL, file=renamed) == cache / file.name
    dx.load_detector(SMALL, device="cpu")
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"wrong\.pth is not ssdlite.*SHA-256 does not begin with"):
        dx.detectors.fetch(SMALL, file=wrong)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        dx.detectors.fetch(SMALL, file=tmp_path / "gone.pth")
    assert (cache / file.name).read_bytes() == renamed.read_bytes()


def test_what_is_not_downloaded_is_said() -> None:
    with pytest.raises(ValueError, match=f"nothing to fetch for tiny-fcos: its weights are bundled.*{SMALL}"):
        dx.detectors.fetch("tiny-fcos")
    with pytest.raises(ValueError, match="nothing to fetch for yolox-nano: its weights are your file"):
        dx.detectors.fetch("yolox-nano")
    with pytest.raises(ValueError, match="unknown detector 'no-such'"):
        dx.detectors.fetch("no-such")


def test_names_that_state_no_digest_are_not_checked(tmp_path: Path) -> None:
    assert Download("https://x.org/a/model-a79551df.pth").stated_digest == "a79551df"
    assert Download("https://x.org/a/model.pth?download=1").file_name == "model.pth"
    assert Download("https://x.org/a/model-best.pth").stated_digest == ""
    (tmp_path / "any").write_bytes(b"any")
    assert Download("https://x.org/a/model.pth").is_content_of(tmp_path / "any")


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "keypointrcnn_resnet50_fpn"])
def test_torchvisions_own_file_means_the_same_by_path_and_by_name(
    name: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights were trained with another eps of batch normalisation than the layers', which no file holds."""
    file = weights_file(name, tmp_path)
    serve(monkeypatch, name, f"http://127.0.0.1:9/{file.name}")
    dx.detectors.fetch(name, file=file)
    monkeypatch.setattr(nn.init, "kaiming_normal_", lambda tensor, *_, **__: tensor)  # all are overwritten
    by_name, by_path = (dx.load_detector(name, weights=one, device="cpu") for one in (None, file))
    eps = [[getattr(part, "eps", None) for part in one.module.modules()] for one in (by_name, by_path)]
    assert eps[0] == eps[1]
    assert 0.0 in eps[0]
    other = tmp_path / "other.pth"
    state = torch.load(file)
    torch.save({**state, (last := next(reversed(state))): state[last] + 1}, other)
    own = dx.load_detector(name, weights=other, device="cpu")
    assert 0.0 not in [getattr(part, "eps", None) for part in own.module.modules()]
