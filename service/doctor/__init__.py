"""The doctor: what is wrong with a machine or a node, and how to mend it.

Each check is a pure judgement (`machine_judgement`, `node_judgement`) over something observed
(`machine`, `node`, `files`), which changes nothing.
"""
