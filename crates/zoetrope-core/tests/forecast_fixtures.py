"""Makes the numbers that the tests of forecasts compare with. Needs torch 2.11.0, nothing else.

    python forecast_fixtures.py            writes fixtures/forecast/ anew
    python forecast_fixtures.py --check    the same, but only compares with what is there

A file `fixtures/forecast/CASE.safetensors` has, for one configuration (metadata `config`, JSON) and `seed`:

    inputs                  five batches: [5, batch, time, …], padded with NaN, of bytes with 255
    lengths                 [5, batch] int64, where clips have different lengths
    state.NAME              initial state dict, as after torch.manual_seed(seed)
    loss                    of the first batch in evaluation mode
    forecast                of the first batch's whole clips, [batch, steps, …step] in the data's units
    train_loss, grad.NAME   of the first batch in training mode: the first dropout masks after the weights
    RUN.NAME                state dict after five steps, step k on batch k, for every RUN of metadata `optimizers`
    RUN.losses              the five losses of that run, each before its step
"""

import copy
import json
import sys
import tempfile
from pathlib import Path

import torch
from encoder_fixtures import NOISE, RUNS, b, t
from make_fixtures import STEPS, make_optimizer, relative_error
from safetensors_file import read, write
from twin import CNNLSTM, loss_of
from twin_forecast import cut, forecast, normalized

BATCH, TIME = 4, 7
VECTORS = {"input": {"features": 4}, "cnn": []}
NORMALIZE = {"mean": [0.5, -1.0, 0.25, 2.0], "std": [1.5, 0.5, 1.0, 3.0]}


def frames(channels, height, width, *blocks):
    return {"input": {"channels": channels, "height": height, "width": width}, "cnn": list(blocks)}


def case(base, mode, loss="mse", horizon=2, features=None, ragged=True, dtype=torch.float32, **options):
    lstm = {"cell": "lstm", "hiddenSize": 5, "numLayers": 1, "dropout": 0.0, "bidirectional": False}
    forecast = {"horizon": horizon, "mode": mode, "features": features, "season": None}
    head = {"kind": "forecast", "per": "clip", "loss": loss, "forecast": forecast}
    config = base | {"numClasses": 0, "head": head} | options
    return config | {"lstm": lstm | options.get("lstm", {})}, ragged, dtype


ODD = frames(2, 9, 7, b(4, norm="batch"), b(3, kernel_size=2, stride=2, padding=0, activation="silu", max_pool=None))
WIDE = [b(4, padding=2, dilation=2, groups=2, max_pool=None, avgPool=3), b(6, stride=3, norm="layer", max_pool=None)]
BOTH = {"bidirectional": True, "numLayers": 2}

CASES = {
    "direct": case(VECTORS, "direct", horizon=3),
    "direct_equal_lengths": case(VECTORS, "direct", ragged=False),
    "direct_features": case(VECTORS, "direct", "smoothL1", features=[2, 0], lstm=BOTH, normalize=NORMALIZE),
    "direct_bce": case(VECTORS | {"cnn": [t(3)]}, "direct", "bce", lstm={"cell": "gru"}),
    "recursive": case(VECTORS, "recursive", normalize=NORMALIZE, lstm={"numLayers": 2}),
    "recursive_equal_lengths": case(VECTORS, "recursive", "smoothL1", ragged=False, projection=3),
    "recursive_bce": case(VECTORS, "recursive", "bce", lstm={"cell": "gru"}, normalize=NORMALIZE),
    "recursive_dropout": case(VECTORS | {"cnn": [t(6, 1, 0)]}, "recursive", "bce", ragged=False, dropout=0.3),
    "frames_direct": case(ODD, "direct", horizon=3, lstm=BOTH),
    "frames_recursive": case(ODD, "recursive", "bce", dtype=torch.uint8),
    "frames_wide": case(frames(2, 14, 11, *WIDE), "recursive", globalPool="average"),
    "frames_wide_direct": case(frames(2, 14, 11, *WIDE), "direct", dtype=torch.uint8, projection=4),
    "frames_kernel": case(frames(1, 9, 8, b(4), b(4)), "recursive", ragged=False, lstm={"numLayers": 2}),
    "frames_alone": case(frames(1, 3, 2), "direct", "bce", horizon=2),
}


def data(seed, config, ragged, dtype):
    """Five batches that depend on the case's seed alone."""
    generator = torch.Generator().manual_seed(3000 + seed)
    frame = [config["input"][key] for key in ("features", "channels", "height", "width") if key in config["input"]]
    shape = [STEPS, BATCH, TIME, *frame]
    horizon = config["head"]["forecast"]["horizon"]
    lengths = torch.randint(horizon + 1, TIME + 1, [STEPS, BATCH], generator=generator)
    if dtype == torch.uint8:
        inputs, filler = torch.randint(0, 256, shape, generator=generator, dtype=dtype), 255
    elif config["head"]["loss"] == "bce":
        inputs, filler = torch.rand(shape, generator=generator), float("nan")
    else:
        inputs, filler = torch.randn(shape, generator=generator), float("nan")
    if not ragged:
        return inputs, None
    inputs[torch.arange(TIME) >= lengths[:, :, None]] = filler
    return inputs, lengths


def results(seed, config, batches, kind=torch.float32):
    """Everything the tests compare, by name. Every run starts from the same weights and the same stream."""
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    stream = torch.get_rng_state()
    tensors = {f"state.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    model = model.to(kind)

    def loss_on(model, batch):
        clips, lengths = batch
        clips = clips if clips.dtype == torch.uint8 else clips.to(kind)
        context, counts, targets = cut(config, clips, lengths)
        flat = normalized(config, context.flatten(0, 1)).view(context.shape).to(kind)
        outputs = model(flat, None if lengths is None else counts)
        return loss_of(config, outputs, targets)

    with torch.no_grad():
        still = copy.deepcopy(model).eval()
        tensors["loss"] = loss_on(still, batches[0])
        clips, lengths = batches[0]
        clips = clips if clips.dtype == torch.uint8 else clips.to(kind)
        whole = clips if lengths is None else [clip[:count] for clip, count in zip(clips, lengths)]
        head = config["head"]["forecast"]
        steps = head["horizon"] + (2 if head["mode"] == "recursive" else 0)
        if kind == torch.float32:
            tensors["forecast"] = torch.stack([forecast(still, config, clip, steps) for clip in whole])
    first = copy.deepcopy(model)
    loss = loss_on(first, batches[0])
    loss.backward()
    tensors["train_loss"] = loss.detach()
    tensors |= {f"grad.{name}": parameter.grad for name, parameter in first.named_parameters()}
    for run, settings in RUNS.items():
        torch.set_rng_state(stream)
        trained = copy.deepcopy(model)
        optimizer = make_optimizer(settings, trained.parameters())
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            loss = loss_on(trained, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        tensors[f"{run}.losses"] = torch.stack(losses)
        tensors |= {f"{run}.{name}": tensor.clone() for name, tensor in trained.state_dict().items()}
    return tensors


def fixture(name, folder):
    config, ragged, dtype = CASES[name]
    seed = 70 + list(CASES).index(name)
    inputs, lengths = data(seed, config, ragged, dtype)
    batches = [(inputs[k], None if lengths is None else lengths[k]) for k in range(STEPS)]
    numbers = results(seed, config, batches)
    if not config.get("dropout"):
        exact = results(seed, config, batches, torch.float64)
        noise = {}
        for key in exact:
            if numbers[key].double().norm() >= NOISE:
                group = key.split(".")[0]
                noise[group] = max(noise.get(group, 0), relative_error(numbers[key], exact[key]))
        print(name, "float32 against float64:", ", ".join(f"{group} {error:.0e}" for group, error in noise.items()))
    given = {"inputs": inputs} | ({} if lengths is None else {"lengths": lengths})
    metadata = {"config": json.dumps(config), "seed": str(seed), "optimizers": json.dumps(RUNS)}
    write(folder / f"{name}.safetensors", given | numbers, metadata)


def make(folder):
    folder.mkdir(exist_ok=True)
    for name in CASES:
        fixture(name, folder)


def check(folder):
    """Compares a fresh set with the committed one: weights and inputs exactly, the rest to 1e-5."""
    with tempfile.TemporaryDirectory() as fresh:
        make(Path(fresh))
        assert {path.name for path in Path(fresh).iterdir()} == {path.name for path in folder.iterdir()}
        for path in folder.glob("*.safetensors"):
            (ours, metadata), (theirs, their_metadata) = read(Path(fresh) / path.name), read(path)
            assert metadata == their_metadata and ours.keys() == theirs.keys(), path.name
            for name, tensor in ours.items():
                if name in ("inputs", "lengths") or name.startswith("state."):
                    same = torch.equal(tensor.nan_to_num(), theirs[name].nan_to_num())
                else:
                    same = relative_error(tensor, theirs[name]) <= 1e-5
                assert same or tensor.double().norm() + theirs[name].double().norm() < NOISE, f"{path.name}: {name} differs"
    print("fixtures are as committed")


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", f"Expected torch 2.11.0, found {torch.__version__}"
    torch.set_num_threads(1)
    here = Path(__file__).parent / "fixtures/forecast"
    check(here) if "--check" in sys.argv[1:] else make(here)
