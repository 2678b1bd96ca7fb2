"""What people and programs see of a run: manifest, data set card, displays, summary.

Observers take events and the stream they write to; reports take records.  Nothing here opens standard
output, knows SQL, or decides anything about a run.
"""
