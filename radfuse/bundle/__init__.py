"""What a trained study ships as: ONNX files, a schema, hashes, a model card; prediction and evaluation from it."""
