"""Checks exported files with ONNX's own tools: python check.py CASES.json, which lists `{ file, clips, lengths, expected }`.

Every file goes through the checker with full shape inference, in which no shape may contradict another. Cases that have clips
go through ONNX's reference implementation, which is NumPy in the words of the specification, and must give what is expected.
"""

import json
import sys

import numpy
import onnx
from onnx.reference import ReferenceEvaluator

worst = 0.0
with open(sys.argv[1]) as cases:
    cases = json.load(cases)
for case in cases:
    model = onnx.load(case["file"])
    assert model.ir_version == 8, model.ir_version
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)], model.opset_import
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    if "clips" not in case:
        continue
    array = lambda entry, dtype: numpy.array(entry["data"], dtype).reshape(entry["shape"])
    feeds = {"clips": array(case["clips"], numpy.float32), "lengths": array(case["lengths"], numpy.int32)}
    (answer,) = ReferenceEvaluator(model).run(None, feeds)
    expected = array(case["expected"], numpy.float32)
    assert answer.shape == expected.shape, (case["file"], answer.shape, expected.shape)
    difference = numpy.abs(answer - expected).max() / max(numpy.abs(expected).max(), 1e-9)
    assert difference < 2e-5, (case["file"], difference)
    worst = max(worst, difference)
print(f"{len(cases)} files; reference {sum('clips' in case for case in cases)}, largest difference {worst:.1e}")
