"""Runtimes: who runs a network on this machine, one a file: a new one is a file, and a line here."""

RUNTIMES = {
    "onnxruntime": f"{__name__}.onnxruntime",
    "tensorrt": f"{__name__}.tensorrt",
    "openvino": f"{__name__}.openvino",
    "torch": f"{__name__}.torch",
}
"""Name in settings -> module that holds a RUNTIME, imported when it is asked for."""
