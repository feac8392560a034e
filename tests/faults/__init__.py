"""No log, no answer: the faults that a node must survive, and the judge of what came of them.

`make faults` runs all of them (`__main__`); a short subset is in the tests.
"""
