"""Accuracy of formats: what a model keeps of its own scores, from published and own scores.

`quality_model` is the entry and `question_and_recovery` what comes back. `scores_to_losses` turns records
into losses of a model in a format on a task (`tasks`, `model_traits`, `algorithm_and_maker`);
`fitted_accuracy` conditions the `expected_loss` on them by their `loss_covariance`; `fitting/` learns the
factors.
"""
