"""How far predictions are off on data the fit has not seen: intervals, and the errors that deployments
share.
"""
