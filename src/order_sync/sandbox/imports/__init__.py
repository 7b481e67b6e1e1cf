"""Bulk import: a job is started, a CSV file is uploaded, and its rows are written as time passes.

fields.py    what GraphQL asks: starting a job, asking for its status
transfer.py  what the signed addresses (links.py) take and give: the file, the report
states.py    states of a job, reasons of failure, outcomes of a row
budgets.py   what may be used in an hour
jobs.py      all jobs of the account, and what each does when its time has come
files.py     the CSV file and its header
cells.py     one cell of the file, by column type
rows.py      what is to be done for each row: create, update, skip, or refuse
writing.py   doing it
report.py    what became of each row
"""
