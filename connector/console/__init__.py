"""The operator's view in a browser, under /console/: what came in, what became of it, why, and the buttons to mend it.

Pages are rendered here and work without JavaScript; every rule, and every line of SQL about events and deliveries, is
the stages' own, the same that the command line uses.
"""
