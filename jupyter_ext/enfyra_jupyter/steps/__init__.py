"""The program that runs `python` and `notebook` steps of flows, each in a process of its own.

It is `python -m enfyra_jupyter.steps`, and nobody but a server calls it.
"""
