"""A model over HTTP: what it is asked and answers as JSON, and a page to try it on."""

from netwright.serving.answering import Answering
from netwright.serving.server import Limits, Server

__all__ = ["Answering", "Limits", "Server"]
