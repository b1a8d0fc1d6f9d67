from . import databases, signup
