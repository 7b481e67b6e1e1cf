"""The fault campaign: many short lives of an account in which everything goes wrong.

    .venv/bin/python -m bench.faults --creates 100000 --seed 1 --workers 2

An episode has a board, a database and a source of its own. Rounds of changes to the source, of
people's work on the board, of faults of the API, of commits that fail and of kills follow each
other; then the faults end, and the board has to show the source: every order once, none lost,
nothing in doubt, every refused row explained.

    worlds.py    the account: sandbox, server, database, settings
    source.py    the rows, what happens to them, and what the board should show
    people.py    what people do on the board between two runs
    trouble.py   which faults, kills and failing commits a run meets
    child.py     a run in a process of its own that may die
    episode.py   one episode from the first round to the last
    ending.py    how it has to end
    evidence.py  what is on record about an episode that ended wrongly
    figures.py   what is counted
    campaign.py  many episodes on several processes

An episode is void, and does not count, when the machine itself left the bounds within which
order-sync promises to be exact: its clock was set, or a request was executed later after its intent
than the windows allow. `--beyond` lets the sandbox leave them, and only counts.

Seed and episode number decide the source, its changes, the faults and the plan of kills. What the
machine decides stays its own: in which order concurrent requests arrive, and so which of them a
fault or a kill meets.
"""
