"""The simulated service: is it what a client of the real one would find?"""
