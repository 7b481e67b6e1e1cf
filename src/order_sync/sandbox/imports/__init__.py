"""Bulk import: a job is started, a CSV file is uploaded, and its rows are written as time passes.

fields.py    what GraphQL asks: starting a job, asking for its status
transfer.py  the signed addresses: uploading the file, fetching the report
jobs.py      all jobs of the account, and what each does when its time has come
files.py     the CSV file and its header
cells.py     one cell of the file, by column type
rows.py      what is to be done for each row: create, update, skip, or refuse
writing.py   doing it
report.py    what became of each row
"""
