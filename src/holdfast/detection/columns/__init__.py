"""Watching values: every column is cut into cells, and bets on the cells run as CUSUM e-detectors.

``cells`` cuts columns, ``streams`` says which yes/no questions and payoffs are bet on, ``quiet``
fits what the reference allows, ``blocks`` and ``rows`` run the bets, ``flags`` answers questions
that need earlier rows, ``labels`` bets on outcomes, ``detector`` joins them under one budget.
"""
