"""The commands of the command line, a file each; `netwright.cli` loads the one that is asked for.

A command is a function ``run(options) -> int``: it takes what argparse read and gives the exit status.
"""
