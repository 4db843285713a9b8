"""Encoders: pixels in, unit vectors out."""

import os

# Said before anything in here imports the runtime, which else names this machine in a file of its own and reports the
# shapes of our models to its makers over the network (onnxruntime 1.29 and later, on by default).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
