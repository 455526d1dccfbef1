"""Makes PyTorch's numbers for optimizers, clipping, accumulation, averages of weights, and schedules.

    python make_training_fixtures.py            writes training_fixtures/ anew
    python make_training_fixtures.py --check    the same, but only compares with what is there

`optimizers.safetensors` has, for one model (metadata `config`, JSON):

    inputs, targets     samples of all batches one after the other; metadata `batches`: how many are in each batch
    param.NAME          initial weights
    RUN.NAME            parameters after every batch was seen, for every RUN of metadata `runs`
    RUN.norms           the norm of the gradients at each update, before clipping
    RUN.rounding        how far those parameters are from the same run in float64: the largest of all, relative
    RUN.ema.NAME        the running averages, of runs that keep them

A run that accumulates takes its steps on the *whole* group at once, as one large batch: that is what accumulation must
equal. `schedules.json` has the learning rate at each step, for every schedule: [{ "schedule": …, "base": …, "rates": […] }].
"""

import json
import sys
import tempfile
from pathlib import Path

import torch
from make_fixtures import block, configuration, relative_error
from safetensors_file import read, write
from torch.nn.functional import cross_entropy
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from twin import CNNLSTM

CONFIG = configuration((2, 8, 9), 4, [block(3), block(4)], 6)
BATCHES = [4, 2, 3, 5, 1, 4, 3]
TIME = 3

ADAM = {"kind": "adam", "learningRate": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": 0.0}
ADAMW = {"kind": "adamW", "learningRate": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": 1e-2}
SGD = {"kind": "sgd", "learningRate": 0.05, "momentum": 0.9, "nesterov": False, "weightDecay": 0.0}
RMSPROP = {
    "kind": "rmsProp",
    "learningRate": 1e-2,
    "alpha": 0.99,
    "eps": 1e-8,
    "weightDecay": 0.0,
    "momentum": 0.0,
    "centered": False,
}
GROUPS = [
    {"prefix": "cnn.", "learningRate": 1e-4, "weightDecay": 0.0},
    {"prefix": "cnn.conv2.", "learningRate": 5e-3},
    {"prefix": "fc.bias", "learningRate": 0.0},
]

RUNS = {
    "adam": {"rule": ADAM},
    "adamw": {"rule": ADAMW},
    "adamw_groups": {"rule": ADAMW | {"weightDecay": 0.1}, "groups": GROUPS},
    "adam_groups_clipped": {"rule": ADAM | {"weightDecay": 0.05}, "groups": GROUPS, "clipNorm": 0.3},
    "sgd": {"rule": SGD},
    "sgd_nesterov_decay": {"rule": SGD | {"nesterov": True, "weightDecay": 0.01}},
    "sgd_clip_norm": {"rule": SGD | {"momentum": 0.0}, "clipNorm": 0.2},
    "sgd_clip_norm_not_reached": {"rule": SGD, "clipNorm": 100.0},
    "sgd_clip_value": {"rule": SGD, "clipValue": 0.01},
    "sgd_clip_both": {"rule": SGD, "clipNorm": 0.5, "clipValue": 0.02},
    "rmsprop": {"rule": RMSPROP},
    "rmsprop_momentum_decay": {"rule": RMSPROP | {"momentum": 0.9, "weightDecay": 0.02, "learningRate": 1e-3}},
    "rmsprop_centered": {"rule": RMSPROP | {"centered": True, "alpha": 0.9, "eps": 1e-3}},
    "rmsprop_centered_momentum": {"rule": RMSPROP | {"centered": True, "momentum": 0.5, "eps": 1e-2}, "groups": GROUPS},
    "adam_accumulated": {"rule": ADAM, "accumulate": 3},
    "sgd_accumulated_clipped": {"rule": SGD, "accumulate": 2, "clipNorm": 0.2},
    "adam_ema": {"rule": ADAM | {"learningRate": 1e-2}, "emaDecay": 0.9},
    "sgd_ema_low": {"rule": SGD, "emaDecay": 0.3, "accumulate": 2},
}


def make_optimizer(settings, model):
    """Each parameter takes the group with the longest prefix that begins its name, or the rule of all."""
    rule = settings["rule"]
    by_rule = {}
    for name, parameter in model.named_parameters():
        fitting = [group for group in settings.get("groups", []) if name.startswith(group["prefix"])]
        group = max(fitting, key=lambda group: len(group["prefix"]), default={})
        own = rule | {key: value for key, value in group.items() if key != "prefix"}
        by_rule.setdefault(json.dumps(own), []).append(parameter)
    groups = []
    for text, parameters in by_rule.items():
        own = json.loads(text)
        names = {"learningRate": "lr", "weightDecay": "weight_decay", "kind": None}
        options = {names.get(key, key): value for key, value in own.items() if names.get(key, key)}
        if "betas" in options:
            options["betas"] = tuple(options["betas"])
        groups.append({"params": parameters} | options)
    kinds = {"adam": torch.optim.Adam, "adamW": torch.optim.AdamW, "sgd": torch.optim.SGD}
    return kinds.get(rule["kind"], torch.optim.RMSprop)(groups)


def run_steps(settings, state, inputs, targets):
    model = CNNLSTM(CONFIG).to(inputs.dtype)
    model.load_state_dict(state)
    optimizer = make_optimizer(settings, model)
    decay = settings.get("emaDecay")
    ema = decay and AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    accumulate = settings.get("accumulate", 1)
    norms = []
    start = 0
    for first in range(0, len(BATCHES), accumulate):
        end = start + sum(BATCHES[first : first + accumulate])
        optimizer.zero_grad()
        cross_entropy(model(inputs[start:end]), targets[start:end]).backward()
        limit = settings.get("clipNorm", float("inf"))
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))
        if "clipValue" in settings:
            torch.nn.utils.clip_grad_value_(model.parameters(), settings["clipValue"])
        optimizer.step()
        if ema:
            ema.update_parameters(model)
        start = end
    tensors = {"norms": torch.stack(norms)} | dict(model.named_parameters())
    if ema:
        tensors |= {f"ema.{name}": parameter for name, parameter in ema.module.named_parameters()}
    return tensors


def rounding(settings, state, inputs, targets):
    """How far PyTorch in float32 ends from PyTorch in float64: the largest of all parameters, relative."""
    ours, exact = (run_steps(settings, state, inputs.to(dtype), targets) for dtype in (torch.float32, torch.float64))
    return torch.tensor([max(relative_error(ours[name].detach(), exact[name].detach()) for name in state)])


def optimizers(folder):
    generator = torch.Generator().manual_seed(2000)
    frame = [CONFIG["input"][key] for key in ("channels", "height", "width")]
    inputs = torch.randn([sum(BATCHES), TIME, *frame], generator=generator)
    targets = torch.randint(0, CONFIG["numClasses"], [sum(BATCHES)], generator=generator)
    torch.manual_seed(20)
    state = {name: tensor.clone() for name, tensor in CNNLSTM(CONFIG).state_dict().items()}
    tensors = {"inputs": inputs, "targets": targets} | {f"param.{name}": tensor for name, tensor in state.items()}
    for run, settings in RUNS.items():
        tensors |= {f"{run}.{name}": tensor for name, tensor in run_steps(settings, state, inputs, targets).items()}
        tensors[f"{run}.rounding"] = rounding(settings, state, inputs, targets)
    metadata = {"config": json.dumps(CONFIG), "batches": json.dumps(BATCHES), "runs": json.dumps(RUNS)}
    write(folder / "optimizers.safetensors", tensors, metadata)


# name, options, base rate, number of steps
SCHEDULES = [
    ("constant", {}, 0.1, 5),
    ("stepDecay", {"stepSize": 3, "gamma": 0.1}, 0.05, 20),
    ("stepDecay", {"stepSize": 1, "gamma": 0.97}, 1e-3, 50),
    ("cosine", {"tMax": 40}, 1e-2, 41),
    ("cosine", {"tMax": 25, "etaMin": 1e-4}, 3e-3, 26),
    ("oneCycle", {"totalSteps": 60}, 0.1, 60),
    ("oneCycle", {"totalSteps": 47, "pctStart": 0.4, "annealStrategy": "linear", "divFactor": 10}, 1e-2, 47),
    ("oneCycle", {"totalSteps": 50, "threePhase": True, "finalDivFactor": 100}, 5e-3, 50),
    ("oneCycle", {"totalSteps": 33, "threePhase": True, "pctStart": 0.25, "annealStrategy": "linear"}, 1.0, 33),
    ("warmup", {"steps": 10, "inner": ["constant", {}]}, 0.1, 20),
    ("warmup", {"steps": 10, "startFactor": 0.01, "inner": ["cosine", {"tMax": 30, "etaMin": 1e-5}]}, 2e-3, 40),
    ("warmup", {"steps": 4, "inner": ["stepDecay", {"stepSize": 5, "gamma": 0.5}]}, 0.3, 30),
]

PLATEAU_VALUES = [1.0, 0.9, 0.9, 0.91, 0.95, 0.89995, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.79, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
PLATEAUS = [
    ({"patience": 2}, 0.1),
    ({"patience": 0, "factor": 0.5, "cooldown": 2}, 1e-2),
    ({"patience": 1, "mode": "max", "threshold": 0.02, "thresholdMode": "abs"}, 1e-3),
    ({"patience": 1, "factor": 0.1, "minLearningRate": 1e-4}, 1e-2),
    ({"patience": 0, "factor": 0.1}, 1e-6),
]


def make_scheduler(kind, options, optimizer):
    if kind == "constant":
        return lr_scheduler.ConstantLR(optimizer, factor=1.0)
    if kind == "stepDecay":
        return lr_scheduler.StepLR(optimizer, options["stepSize"], options["gamma"])
    if kind == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, options["tMax"], options.get("etaMin", 0.0))
    if kind == "oneCycle":
        names = {"totalSteps": "total_steps", "pctStart": "pct_start", "annealStrategy": "anneal_strategy"}
        names |= {"divFactor": "div_factor", "finalDivFactor": "final_div_factor", "threePhase": "three_phase"}
        given = {names[key]: value for key, value in options.items()}
        return lr_scheduler.OneCycleLR(optimizer, optimizer.param_groups[0]["lr"], cycle_momentum=False, **given)
    factor, steps = options.get("startFactor", 1 / 3), options["steps"]
    warmup = lr_scheduler.LinearLR(optimizer, start_factor=factor, total_iters=steps)
    inner = make_scheduler(*options["inner"], optimizer)
    return lr_scheduler.SequentialLR(optimizer, [warmup, inner], milestones=[steps])


def schedules(folder):
    cases = []
    for kind, options, base, steps in SCHEDULES:
        optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=base)
        scheduler = make_scheduler(kind, options, optimizer)
        rates = []
        for _step in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if len(rates) < steps:
                scheduler.step()
        cases.append({"schedule": [kind, options], "base": base, "rates": rates})
    for options, base in PLATEAUS:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
        names = {"thresholdMode": "threshold_mode", "minLearningRate": "min_lr"}
        given = {names.get(key, key): value for key, value in options.items()}
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **given)
        rates = []
        for value in PLATEAU_VALUES:
            scheduler.step(value)
            rates.append(optimizer.param_groups[0]["lr"])
        cases.append({"schedule": ["reduceOnPlateau", options], "base": base, "values": PLATEAU_VALUES, "rates": rates})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (folder / "schedules.json").write_text(f"[\n{lines}\n]\n")


def make(folder):
    optimizers(folder)
    schedules(folder)


def check(folder):
    """Compares a fresh set with the committed one: inputs exactly, the rest to 1e-5, rates to 1e-12."""
    with tempfile.TemporaryDirectory() as fresh:
        make(Path(fresh))
        (ours, metadata), (theirs, their_metadata) = (
            read(Path(place) / "optimizers.safetensors") for place in (fresh, folder)
        )
        assert metadata == their_metadata and ours.keys() == theirs.keys()
        for name, tensor in ours.items():
            if name.endswith(".rounding"):  # each processor's own
                continue
            exact = name in ("inputs", "targets") or name.startswith("param.")
            same = torch.equal(tensor, theirs[name]) if exact else relative_error(tensor, theirs[name]) <= 1e-5
            assert same, f"{name} differs"
        fresh_cases, cases = (json.loads((Path(place) / "schedules.json").read_text()) for place in (fresh, folder))
        for one, other in zip(fresh_cases, cases, strict=True):
            assert one["schedule"] == other["schedule"]
            assert all(abs(a - b) <= 1e-12 for a, b in zip(one["rates"], other["rates"], strict=True))
    print("training fixtures are as committed")


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", f"Expected torch 2.11.0, found {torch.__version__}"
    torch.set_num_threads(1)
    here = Path(__file__).parent / "training_fixtures"
    if "--check" in sys.argv[1:]:
        check(here)
    else:
        here.mkdir(exist_ok=True)
        make(here)
