"""The portal's hand inside a client's container: does there what the local driver does.

Nothing here listens. The portal runs ``saas-agent`` in the container and reads one line of JSON.
"""
