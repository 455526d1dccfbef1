"""Makes the numbers that the tests of sequences and heads compare with. Needs torch 2.11.0, nothing else.

    python sequence_fixtures.py            writes fixtures/sequence/ anew
    python sequence_fixtures.py --check    the same, but only compares with what is there

A file `fixtures/sequence/CASE.safetensors` has, for one configuration (metadata `config`, JSON) and `seed`:

    inputs, targets         five batches: [5, batch, time, …] and [5, batch, …], padded with NaN and 0
    lengths                 [5, batch] int64, where clips have different lengths
    target_lengths          [5, batch] int64: labels of each string, of a head of label strings
    loss.class_weights, loss.label_smoothing   options of the training loss, where it has any
    state.NAME              initial state dict, as after torch.manual_seed(seed)
    logits, loss            of the first batch in evaluation mode, the loss without options
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
from encoder_fixtures import NOISE, RUNS
from make_fixtures import STEPS, block, make_optimizer, relative_error
from safetensors_file import read, write
from twin import CNNLSTM, loss_of

BATCH, TIME, OUTPUTS = 4, 5, 3
STRING_TIME = 12  #      frames of the longest clip that has a string of labels
VECTORS = {"input": {"features": 5}, "cnn": []}
FRAMES = {"input": {"channels": 2, "height": 6, "width": 5}, "cnn": [block(3) | {"norm": "batch"}]}


def case(base, kind="classification", per="clip", ragged=True, loss=None, outputs=OUTPUTS, **options):
    is_regression = kind == "regression"
    lstm = {"cell": "lstm", "hiddenSize": 4, "numLayers": 1, "dropout": 0.0, "bidirectional": False}
    head = {
        "kind": kind,
        "per": per,
        "outputs": outputs if is_regression else None,
        "loss": options.pop("regressionLoss", "mse") if is_regression else None,
    }
    config = base | {"numClasses": 0 if is_regression else outputs, "head": head}
    return config | options | {"lstm": lstm | options.get("lstm", {})}, ragged, loss or {}


BOTH = {"bidirectional": True}
DEEP = {"numLayers": 2, "bidirectional": True}
CASES = {
    "vectors": case(VECTORS, ragged=False),
    "lengths": case(VECTORS),
    "lengths_bidirectional": case(VECTORS, lstm=BOTH),
    "lengths_two_layers": case(VECTORS, lstm=DEEP),
    "frames_batch_norm": case(FRAMES, lstm=BOTH, pooling="mean"),
    "projection": case(FRAMES, projection=6, pooling="max", lstm=BOTH),
    "gru": case(VECTORS, ragged=False, lstm={"cell": "gru"}),
    "gru_two_layers": case(VECTORS, pooling="attention", projection=3, lstm=DEEP | {"cell": "gru"}),
    "dropouts": case(VECTORS, ragged=False, dropout=0.4, lstm=DEEP | {"cell": "gru", "dropout": 0.3}),
    "attention": case(VECTORS, pooling="attention", dropout=0.2),
    "frame_classes": case(VECTORS, per="frame", dropout=0.3, lstm=DEEP),
    "labels": case(VECTORS, "multiLabel", pooling="mean", loss={"class_weights": [0.5, 3.0, 1.0]}),
    "frame_labels": case(FRAMES, "multiLabel", "frame", lstm=BOTH),
    "regression": case(VECTORS, "regression", regressionLoss="smoothL1", pooling="max", outputs=2),
    "frame_regression": case(VECTORS, "regression", "frame", outputs=1, lstm={"cell": "gru"}),
    "weighted": case(VECTORS, loss={"class_weights": [0.2, 1.0, 3.5], "label_smoothing": 0.1}),
    "frame_weighted": case(VECTORS, per="frame", loss={"class_weights": [2.0, 0.5, 1.0], "label_smoothing": 0.2}),
    "ctc": case(VECTORS, "ctc", ragged=False, lstm=BOTH),
    "ctc_lengths": case(VECTORS, "ctc", dropout=0.2, lstm=DEEP | {"hiddenSize": 5}),
    "ctc_frames": case(FRAMES, "ctc", projection=6, lstm=BOTH | {"cell": "gru"}),
}


def strings(generator, lengths):
    """Label strings that fit into so many frames, of which about one in five is empty and every other label repeats the
    one before: [5, batch, longest], and the number of labels of each."""
    targets = torch.zeros([STEPS, BATCH, STRING_TIME], dtype=torch.int64)
    counts = torch.zeros([STEPS, BATCH], dtype=torch.int64)
    for step in range(STEPS):
        for clip in range(BATCH):
            label, left = -1, int(lengths[step, clip])
            draw = lambda size: int(torch.randint(0, size, [], generator=generator))
            while draw(5) and left > 0:
                label, before = label if label >= 0 and draw(2) else draw(OUTPUTS), label
                left -= 1 if label != before else 2
                if left < 0:
                    break
                targets[step, clip, counts[step, clip]] = label
                counts[step, clip] += 1
    return targets[:, :, : counts.max()], counts


def data(seed, config, ragged):
    """Five batches that depend on the case's seed alone."""
    generator = torch.Generator().manual_seed(2000 + seed)
    frame = [config["input"][key] for key in ("features", "channels", "height", "width") if key in config["input"]]
    head = config["head"]
    time = STRING_TIME if head["kind"] == "ctc" else TIME
    inputs = torch.randn([STEPS, BATCH, time, *frame], generator=generator)
    shape = [STEPS, BATCH, *([TIME] if head["per"] == "frame" else [])]
    lengths = torch.randint(1, time + 1, [STEPS, BATCH], generator=generator)
    if head["kind"] == "ctc":
        targets = strings(generator, lengths if ragged else torch.full_like(lengths, time))
        if ragged:
            inputs[~(torch.arange(time) < lengths[:, :, None])] = float("nan")
        return inputs, targets, lengths if ragged else None
    if head["kind"] == "classification":
        targets = torch.randint(0, OUTPUTS, shape, generator=generator)
    elif head["kind"] == "multiLabel":
        targets = torch.randint(0, 2, [*shape, OUTPUTS], generator=generator).float()
    else:
        targets = torch.randn([*shape, head["outputs"]], generator=generator) * 2
    if not ragged:
        return inputs, targets, None
    valid = torch.arange(TIME) < lengths[:, :, None]
    inputs[~valid] = float("nan")
    if head["per"] == "frame":
        targets[~valid] = 0
    return inputs, targets, lengths


def answers(config, targets, lengths):
    """A batch's targets as the loss takes them: those of valid frames, where the head is per frame; of label strings the
    labels one after the other, and the numbers of labels and of frames."""
    if config["head"]["kind"] == "ctc":
        labels, counts = targets
        frames = torch.full([BATCH], STRING_TIME) if lengths is None else lengths
        return labels[torch.arange(labels.size(1)) < counts[:, None]], counts, frames
    if config["head"]["per"] == "clip":
        return targets
    if lengths is None:
        return targets.flatten(0, 1)
    return targets[torch.arange(TIME) < lengths[:, None]]


def results(seed, config, batches, options, kind=torch.float32):
    """Everything the tests compare, by name. Every run starts from the same weights and the same stream."""
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    stream = torch.get_rng_state()
    tensors = {f"state.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    model = model.to(kind)

    def loss_on(model, batch, options):
        inputs, targets, lengths = batch
        targets = answers(config, targets, lengths)
        is_whole = config["head"]["kind"] == "ctc" or targets.dtype == torch.int64
        targets = targets if is_whole else targets.to(kind)
        outputs = model(inputs.to(kind), lengths)
        return outputs, loss_of(config, outputs, targets, **options)

    options = {key: torch.tensor(value).to(kind) if key == "class_weights" else value for key, value in options.items()}
    with torch.no_grad():
        outputs, tensors["loss"] = loss_on(copy.deepcopy(model).eval(), batches[0], {})
        if model.per == "frame":
            inputs, _targets, lengths = batches[0]
            time = inputs.size(1)
            counts = torch.full([BATCH], time) if lengths is None else lengths
            padded = outputs.new_zeros(BATCH, time, outputs.size(-1))
            padded[torch.arange(time) < counts[:, None]] = outputs
            outputs = padded
        tensors["logits"] = outputs
    first = copy.deepcopy(model)
    _outputs, loss = loss_on(first, batches[0], options)
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
            _outputs, loss = loss_on(trained, batch, options)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        tensors[f"{run}.losses"] = torch.stack(losses)
        tensors |= {f"{run}.{name}": tensor.clone() for name, tensor in trained.state_dict().items()}
    return tensors


def fixture(name, folder):
    config, ragged, options = CASES[name]
    seed = 40 + list(CASES).index(name)
    inputs, targets, lengths = data(seed, config, ragged)
    has_strings = config["head"]["kind"] == "ctc"
    of_step = lambda k: tuple(part[k] for part in targets) if has_strings else targets[k]
    batches = [(inputs[k], of_step(k), None if lengths is None else lengths[k]) for k in range(STEPS)]
    numbers = results(seed, config, batches, options)
    if not (config["lstm"]["dropout"] or config.get("dropout")):
        exact = results(seed, config, batches, options, torch.float64)
        noise = {}
        for key, tensor in numbers.items():
            if tensor.double().norm() >= NOISE:
                group = key.split(".")[0]
                noise[group] = max(noise.get(group, 0), relative_error(tensor, exact[key]))
        print(name, "float32 against float64:", ", ".join(f"{group} {error:.0e}" for group, error in noise.items()))
    labels = {"targets": targets[0], "target_lengths": targets[1]} if has_strings else {"targets": targets}
    given = {"inputs": inputs} | labels
    given |= {} if lengths is None else {"lengths": lengths}
    given |= {f"loss.{key}": torch.tensor(value).reshape(-1) for key, value in options.items()}
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
                if name in ("inputs", "targets", "lengths", "target_lengths") or name.startswith("state."):
                    same = torch.equal(tensor.nan_to_num(), theirs[name].nan_to_num())
                else:
                    same = relative_error(tensor, theirs[name]) <= 1e-5
                assert same or tensor.double().norm() + theirs[name].double().norm() < NOISE, f"{path.name}: {name} differs"
    print("fixtures are as committed")


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", f"Expected torch 2.11.0, found {torch.__version__}"
    torch.set_num_threads(1)
    here = Path(__file__).parent / "fixtures/sequence"
    check(here) if "--check" in sys.argv[1:] else make(here)
