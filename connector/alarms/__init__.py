"""Alarms: what drifts away from how it was, judged by counts, told of once, and taken back when it is over."""
