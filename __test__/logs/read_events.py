"""Prints an event folder as JSON, as TensorBoard's own reader sees it. Exit status 3 where there is no tensorboard."""

import json
import sys

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    sys.exit(3)

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0, "images": 0})
events.Reload()
tags = events.Tags()
print(
    json.dumps(
        {
            "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
            "images": {tag: [[e.step, e.width, e.height] for e in events.Images(tag)] for tag in tags["images"]},
            "histograms": {
                tag: [[e.step, e.histogram_value.num, e.histogram_value.sum] for e in events.Histograms(tag)]
                for tag in tags["histograms"]
            },
        }
    )
)
