"""Networks for other programs: ONNX files, written by torch's own exporter."""
