"""Fitted estimators for other programs: one ONNX file with scales, network and answers in the graph."""
