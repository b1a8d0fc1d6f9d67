"""A stand-in for Portainer CE in front of a real Docker engine.

It answers as Portainer 2.23 or 2.45 does, peculiarities included; docs/portainer-double.md tells
how to run it. "Line 12" in a docstring leads to the test of that line in tests/docker.
"""

from .double import Double
from .server import Server
