"""What a run keeps while it works: the ledger of finished steps, events, the site it runs on, why a step
failed.
"""
