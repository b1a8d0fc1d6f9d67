from . import connect, databases, oauth, signup
